"""Where a served chain comes from: a new genesis, or the directory that kept it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ztdx_devnet.artifacts import foreign
from ztdx_devnet.artifacts.foreign import BadArtifact
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.devnet import Devnet
from ztdx_devnet.chain.mining import Mining
from ztdx_devnet.chain.origin.deployment import (
    Addresses,
    ContractPlan,
    Deployment,
    DeploymentImpossible,
    own_token,
    own_vault,
)
from ztdx_devnet.chain.origin.genesis import CHAIN_ID, TIMESTAMP_S, Genesis, build, template
from ztdx_devnet.chain.store.chain_file import FILE_NAME, BadStore, ChainFile
from ztdx_devnet.live.serving import CannotServe
from ztdx_devnet.live.wall_clock import unix_s


class NoChain(CannotServe):
    """There is no chain as asked for."""


@dataclass(frozen=True, slots=True)
class ForeignContract:
    """A contract by flags: FILE or FILE:NAME, and its constructor's arguments as text."""

    artifact: str | None = None
    arguments: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.artifact is not None or bool(self.arguments)

    def plan(self, flag: str, own: ContractPlan) -> ContractPlan:
        """The plan of it, or ours. Raises BadArtifact or NoChain."""
        if self.artifact is None:
            if self.arguments:
                raise NoChain(f"{flag}-arg needs {flag}-artifact: our own contract takes none")
            return own
        path, colon, name = self.artifact.rpartition(":")
        if not colon or Path(self.artifact).exists():
            path, name = self.artifact, ""
        artifact = foreign.read(Path(path), name or None)
        return ContractPlan(artifact, self.arguments, f"{flag}-arg")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainSource:
    """What was asked for; None leaves it to the state directory, or to the defaults."""

    chain_id: int | None = None
    addresses: Addresses | None = None
    vault: ForeignContract = ForeignContract()
    token: ForeignContract = ForeignContract()
    state: Path | None = None


@dataclass(frozen=True, slots=True)
class OpenedChain:
    """A chain, its contracts, and the file that follows it, if one does."""

    chain: Chain
    deployment: Deployment
    users_have_tokens: bool
    file: ChainFile | None

    def devnet(self, *, automine: bool, interval_s: int | None) -> Devnet:
        """The chain with a miner on the wall clock; `interval_s` None: no block by time."""
        mining = Mining(self.chain, automine=automine, interval_s=interval_s, wall_s=unix_s)
        return Devnet(self.chain, mining, deployment=self.deployment)

    def close(self) -> None:
        if self.file is not None:
            self.file.close()


def keeps_a_chain(state: Path) -> bool:
    """Whether there is a chain's file in the directory; SQLite takes an empty one for a new one."""
    file = state / FILE_NAME
    return file.is_file() and file.stat().st_size > 0


def open_chain(source: ChainSource) -> OpenedChain:
    """Raises NoChain."""
    try:
        if source.state is None:
            genesis = _genesis(source)
            chain = Chain(genesis)
            return OpenedChain(chain, genesis.deployment, genesis.users_have_tokens, None)
        file = ChainFile(source.state)
        try:
            return _open_kept(file, source)
        except BaseException:
            file.close()
            raise
    except (BadArtifact, BadStore, DeploymentImpossible) as error:
        raise NoChain(str(error)) from error


def _open_kept(file: ChainFile, source: ChainSource) -> OpenedChain:
    if file.is_empty:
        genesis = _genesis(source)
        chain = Chain(genesis)
        file.create(
            chain,
            {
                "chain_id": chain.chain_id,
                "vault": genesis.deployment.vault.hex(),
                "df_token": genesis.deployment.df_token.hex(),
                "users_have_tokens": genesis.users_have_tokens,
            },
        )
        return OpenedChain(chain, genesis.deployment, genesis.users_have_tokens, file)
    about = file.about
    try:
        chain_id, users_have_tokens = int(about["chain_id"]), bool(about["users_have_tokens"])
        deployment = Deployment(bytes.fromhex(about["vault"]), bytes.fromhex(about["df_token"]))
    except (KeyError, TypeError, ValueError) as error:
        raise NoChain(f"{file.path} is damaged ({error!r}); choose another --state") from error
    if source.chain_id not in (None, chain_id):
        raise NoChain(
            f"--chain-id {source.chain_id}: {file.path} holds chain {chain_id}; leave the "
            "flag out, or choose another --state"
        )
    if source.addresses is not None or source.vault or source.token:
        raise NoChain(
            f"{file.path} has its contracts already; leave --addresses and the artifacts out, or "
            "choose another --state"
        )
    return OpenedChain(file.load(chain_id), deployment, users_have_tokens, file)


def _genesis(source: ChainSource) -> Genesis:
    chain_id = CHAIN_ID if source.chain_id is None else source.chain_id
    addresses = source.addresses or "testnet"
    if addresses == "testnet" and not source.vault and not source.token:
        return template(chain_id, TIMESTAMP_S)
    return build(
        chain_id,
        TIMESTAMP_S,
        addresses=addresses,
        token=source.token.plan("--token", own_token()),
        vault=source.vault.plan("--vault", own_vault()),
    )
