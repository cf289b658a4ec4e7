"""docs/chain.md: its table is the code's, its cookbook runs, its limits are the real ones."""

from __future__ import annotations

import re
from typing import Any

import pytest
from click.testing import CliRunner
from web3 import Web3

from tests.docs import method_table
from ztdx_devnet import DevnetProvider
from ztdx_devnet.chain.blocktree.finality import FINALIZED_DEPTH, SAFE_DEPTH
from ztdx_devnet.chain.evm.intrinsic_gas import TRANSACTION_GAS_CAP
from ztdx_devnet.chain.log_limits import PROVIDERS
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import WITHDRAW_SIGNER
from ztdx_devnet.chain.rpc import endpoint, filters, subscriptions
from ztdx_devnet.chain.rpc.methods import control, state
from ztdx_devnet.chain.rpc.methods.reorgs import MAX_NEW_BLOCKS, PLAN_FIELDS
from ztdx_devnet.chain.transactions import SIZE_LIMIT_BYTES
from ztdx_devnet.cli import devnet
from ztdx_devnet.live import chain_server, connection
from ztdx_devnet.live.faults import FAULTS_MAX

TEXT = method_table.DOCUMENT.read_text("utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
RECIPES = [
    example for example in EXAMPLES if "DevnetProvider" not in example and "def " not in example
]


def kitchen() -> dict[str, Any]:
    """The names that the recipes use, on a fresh chain."""
    w3 = Web3(DevnetProvider())
    alice, bob, carol = w3.eth.accounts[:3]
    users = {"alice": alice, "bob": bob, "carol": carol}

    def transfer(user: str) -> Any:
        nobody = Web3.to_checksum_address("0x" + "99" * 20)
        return w3.eth.send_transaction({"from": users[user], "to": nobody, "value": 1})

    def ask(method: str, *params: Any) -> Any:
        return w3.manager.request_blocking(method, list(params))

    def send(user: str, to: bytes, data: bytes) -> Any:
        request = {"from": users[user], "to": Web3.to_checksum_address(to), "data": data}
        return w3.eth.send_transaction({**request, "gas": 300_000})

    def approval_data(wei: int) -> str:
        return "0x" + contracts.approve(contracts.VAULT, wei).hex()

    def approve(user: str, wei: int) -> Any:
        return send(user, contracts.DF_TOKEN, contracts.approve(contracts.VAULT, wei))

    def deposit(user: str, wei: int) -> Any:
        return send(user, contracts.VAULT, contracts.deposit(contracts.DF_TOKEN, wei))

    return {
        **users,
        "w3": w3,
        "devnet": ask,
        "token": Web3.to_checksum_address(contracts.DF_TOKEN),
        "vault": Web3.to_checksum_address(contracts.VAULT),
        "signer_key": WITHDRAW_SIGNER.private_key,
        "transfer": transfer,
        "approval_data": approval_data,
        "approve": approve,
        "deposit": deposit,
    }


def test_the_cookbook_has_its_recipes() -> None:
    assert len(RECIPES) >= 9


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.splitlines()[0][:40])
def test_every_example_runs(example: str) -> None:
    exec(compile(example, "docs/chain.md", "exec"), kitchen())


def test_the_method_table_is_the_codes() -> None:
    assert method_table.split(TEXT)[1] == method_table.made(), "run `make docs`"


def test_every_flag_is_documented() -> None:
    shown = CliRunner().invoke(devnet, ["chain", "--help"]).output
    flags = set(re.findall(r"--[a-z-]+", shown)) - {"--help", "--debug"}
    assert {flag for flag in flags if f"`{flag}" not in TEXT} == set()


def test_every_field_of_a_reorg_is_documented() -> None:
    for field in PLAN_FIELDS:
        assert f"| `{field}` |" in TEXT


@pytest.mark.parametrize(
    ("what", "limit"),
    [
        ("a body, a WebSocket message", f"{chain_server.MAX_BODY_BYTES // 2**20} MiB"),
        ("requests in a batch", f"{endpoint.MAX_BATCH:,}"),
        ("gas of a call or transaction", f"{TRANSACTION_GAS_CAP:,}"),
        ("filters", f"{filters.MAX_FILTERS:,}, {filters.MAX_EVENTS:,} waiting events each"),
        ("new blocks that a filter remembers", f"{filters.MAX_BLOCKS:,}"),
        ("subscriptions of a connection", f"{subscriptions.MAX_SUBSCRIPTIONS:,}"),
        ("changes that a slow WebSocket client is behind", f"{connection.MAX_WAITING:,}"),
        ("blocks of one `anvil_mine`, or of a new branch", f"{control.MAX_BLOCKS:,}"),
        ("blocks of one `anvil_mine`, or of a new branch", f"{MAX_NEW_BLOCKS:,}"),
        ("the answers of a batch", f"{endpoint.MAX_BATCH_ANSWER_BYTES:,} bytes"),
        ("slots of one `eth_getProof`", f"{state.MAX_PROOF_KEYS:,}"),
        ("bytes of a transaction", f"{SIZE_LIMIT_BYTES:,}"),
        ("faults that were armed", f"{FAULTS_MAX:,}"),
    ],
)
def test_the_limits_are_the_real_ones(what: str, limit: str) -> None:
    assert f"| {what} | {limit} |" in TEXT


def test_the_distances_of_finality_are_the_real_ones() -> None:
    assert f"`safe` is {SAFE_DEPTH} blocks below the head and `finalized` {FINALIZED_DEPTH}" in TEXT


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_the_limits_of_each_provider_are_documented(provider: str) -> None:
    limits = PROVIDERS[provider]
    blocks = {None: "no cap", 0: "none at all"}.get(
        limits.range_blocks, f"{limits.range_blocks or 0:,}"
    )
    results = "no cap" if limits.results is None else f"{limits.results:,}"
    assert f"| `{provider}` | {blocks} | {results} |" in TEXT
