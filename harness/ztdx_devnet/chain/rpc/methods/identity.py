"""Who the node is."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

from ztdx_devnet.chain.keccak import keccak256
from ztdx_devnet.chain.rpc import params, shapes
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.rpc.table import method


@cache
def client_version_text() -> str:
    return f"ztdx-devnet/{version('ztdx-devnet')}"


@method("web3_clientVersion")
def client_version(node: Node) -> str:
    """Name and version of the node."""
    return client_version_text()


@method("web3_sha3")
def sha3(node: Node, value: Any) -> str:
    """Keccak-256 of the data."""
    return shapes.data(keccak256(params.data(value, "data")))


@method("net_version")
def net_version(node: Node) -> str:
    """The chain id as a decimal string."""
    return str(node.view.chain.chain_id)


@method("net_listening")
def listening(node: Node) -> bool:
    """True."""
    return True


@method("net_peerCount")
def peer_count(node: Node) -> str:
    """0x0: a devnet is alone."""
    return shapes.quantity(0)


@method("eth_chainId")
def chain_id(node: Node) -> str:
    """The chain id; 97, as on BSC testnet, unless the chain was started with another."""
    return shapes.quantity(node.view.chain.chain_id)


@method("eth_syncing")
def syncing(node: Node) -> bool:
    """False."""
    return False


@method("eth_accounts", "eth_requestAccounts")
def accounts(node: Node) -> list[str]:
    """The accounts that the node signs for: the users, owner, withdraw signer."""
    if node.devnet is None:
        return []
    return [shapes.data(address) for address in node.devnet.accounts]


@method("devnet_info", control=True)
def info(node: Node) -> Any:
    """Where vault and token stand, and who owner, withdraw signer and users are."""
    devnet = node.devnet
    assert devnet is not None, "control methods are called on a devnet only"
    return {
        "chainId": shapes.quantity(node.view.chain.chain_id),
        "vault": shapes.data(devnet.deployment.vault),
        "dfToken": shapes.data(devnet.deployment.df_token),
        "accounts": [
            {"name": account.name, "address": shapes.data(address)}
            for address, account in devnet.accounts.items()
        ],
    }


@method("eth_coinbase")
def coinbase(node: Node) -> str:
    """Who gets the tips of the head."""
    return shapes.data(node.view.head.header.coinbase)


@method("eth_mining")
def mining(node: Node) -> bool:
    """Whether blocks come by themselves."""
    devnet = node.devnet
    return devnet is None or devnet.mining.automine or devnet.mining.interval_s is not None


@method("eth_hashrate")
def hashrate(node: Node) -> str:
    """0x0."""
    return shapes.quantity(0)


@method("eth_blockNumber")
def block_number(node: Node) -> str:
    """The height of the head."""
    return hex(node.view.height)
