"""The chain that web3.py's tests expect: its contracts, a block of each kind, its chain id."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from web3 import AsyncHTTPProvider, HTTPProvider, Web3
from web3._utils.contract_sources.contract_data._custom_contract_data import EMITTER_ENUM
from web3._utils.contract_sources.contract_data.emitter_contract import EMITTER_CONTRACT_DATA
from web3._utils.contract_sources.contract_data.math_contract import MATH_CONTRACT_DATA
from web3._utils.contract_sources.contract_data.offchain_lookup import OFFCHAIN_LOOKUP_DATA
from web3._utils.contract_sources.contract_data.panic_errors_contract import (
    PANIC_ERRORS_CONTRACT_DATA,
)
from web3._utils.contract_sources.contract_data.revert_contract import REVERT_CONTRACT_DATA
from web3._utils.contract_sources.contract_data.storage_contract import STORAGE_CONTRACT_DATA
from web3.providers.async_base import AsyncJSONBaseProvider
from web3.types import BlockData

from ztdx_devnet import AsyncDevnetProvider, Devnet, DevnetProvider
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.chain.origin.genesis import TIMESTAMP_S, template

CHAIN_ID = 131_277_322_940_537  # written into web3.py's tests
KEYFILE_ACCOUNT = USERS["bob"]  # the account that they sign with, at the node and away from it
DEADLINE_S = 30

CONTRACTS = {
    "math": MATH_CONTRACT_DATA,
    "emitter": EMITTER_CONTRACT_DATA,
    "revert": REVERT_CONTRACT_DATA,
    "storage": STORAGE_CONTRACT_DATA,
    "panic_errors": PANIC_ERRORS_CONTRACT_DATA,
    "offchain_lookup": OFFCHAIN_LOOKUP_DATA,
}


@dataclass(frozen=True)
class World:
    """One chain: how to reach it, and what is on it."""

    w3: Web3
    async_provider: Callable[[], AsyncJSONBaseProvider]
    addresses: dict[str, Any]
    deployments: dict[str, Any]
    empty_block: BlockData
    block_with_txn: BlockData
    block_with_txn_with_log: BlockData
    websocket_url: str = ""

    def contract(self, w3: Any, name: str) -> Any:
        """One of its contracts, for Web3 or AsyncWeb3."""
        return w3.eth.contract(address=self.addresses[name], abi=CONTRACTS[name]["abi"])

    def ask(self, method: Any, *params: Any) -> Any:
        """The result of a request that must succeed."""
        response = self.w3.provider.make_request(method, list(params))
        assert "error" not in response, response
        return response["result"]


def build(w3: Web3, async_provider: Callable[[], AsyncJSONBaseProvider]) -> World:
    """Deploy everything on a fresh chain. Its last block has no transactions."""
    sender = w3.eth.default_account = w3.eth.accounts[0]
    deployments, addresses = {}, {}
    for name, artifact in CONTRACTS.items():
        factory = w3.eth.contract(abi=artifact["abi"], bytecode=artifact["bytecode"])
        deployments[name] = factory.constructor().transact({"from": sender})
        receipt = w3.eth.get_transaction_receipt(deployments[name])
        assert receipt["status"] == 1, name
        addresses[name] = receipt["contractAddress"]
    transfer = w3.eth.send_transaction(
        {"from": sender, "to": sender, "value": Web3.to_wei(1, "gwei")}
    )
    emitter: Any = w3.eth.contract(address=addresses["emitter"], abi=CONTRACTS["emitter"]["abi"])
    event = EMITTER_ENUM["LogDoubleWithIndex"]
    logged = emitter.functions.logDouble(which=event, arg0=12345, arg1=54321).transact()
    w3.provider.make_request("evm_mine", [])
    return World(
        w3,
        async_provider,
        addresses,
        deployments,
        w3.eth.get_block("latest"),
        w3.eth.get_block(w3.eth.get_transaction(transfer)["blockNumber"]),
        w3.eth.get_block(w3.eth.get_transaction(logged)["blockNumber"]),
    )


@contextmanager
def served(folder: Path) -> Iterator[dict[str, Any]]:
    """`devnet chain` as a process of its own; gives the content of its ready file."""
    ready = folder / "ready.json"
    command = [sys.executable, "-m", "ztdx_devnet", "chain", "--port", "0", "--automine"]
    command += ["--chain-id", str(CHAIN_ID), "--ready-file", str(ready)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        deadline_s = time.monotonic() + DEADLINE_S
        while not ready.exists():
            assert process.poll() is None, "devnet chain has ended"
            assert time.monotonic() < deadline_s, "devnet chain is not ready"
            time.sleep(0.02)
        yield json.loads(ready.read_text("utf-8"))
    finally:
        process.terminate()
        assert process.wait(DEADLINE_S) == 0


@contextmanager
def over_http(folder: Path) -> Iterator[World]:
    with served(folder) as description:
        url = description["rpc_url"]
        world = build(Web3(HTTPProvider(url)), lambda: AsyncHTTPProvider(url))
        yield replace(world, websocket_url=description["ws_rpc_url"])


@contextmanager
def in_process(folder: Path) -> Iterator[World]:
    devnet = Devnet(Chain(template(CHAIN_ID, TIMESTAMP_S)))
    yield build(Web3(DevnetProvider(devnet)), lambda: AsyncDevnetProvider(devnet))
