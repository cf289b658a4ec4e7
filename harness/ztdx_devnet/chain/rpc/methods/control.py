"""What test clients do to a devnet from outside, under the names of anvil, Hardhat and Ganache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ztdx_devnet.chain.devnet import Devnet
from ztdx_devnet.chain.evm.state import State
from ztdx_devnet.chain.rpc import params, shapes
from ztdx_devnet.chain.rpc.errors import SERVER_ERROR, RpcError, invalid_params
from ztdx_devnet.chain.rpc.methods.identity import client_version_text
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.rpc.table import method
from ztdx_devnet.chain.store.dump import dump, load

MAX_BLOCKS = 1_000_000  # of one call: three seconds in which nobody else is answered
MAX_TIMESTAMP_S = 2**48  # far beyond any date, and nothing overflows
# evm_setIntervalMining takes seconds from anvil's clients and milliseconds from Hardhat's. Nobody
# mines every quarter of an hour, so from here up it is milliseconds.
_FIRST_MS = 1_000


def _devnet(node: Node) -> Devnet:
    assert node.devnet is not None, "control methods are called on a devnet only"
    return node.devnet


def _both(name: str, *more: str) -> tuple[str, ...]:
    return (f"anvil_{name}", f"hardhat_{name}", *more)


def _bounded(value: Any, name: str, most: int, least: int = 0) -> int:
    number = params.integer(value, name)
    if not least <= number <= most:
        raise invalid_params(f"{name}: expected {least} to {most}, got {number}")
    return number


# --- blocks and time ------------------------------------------------------------------------------


@method("evm_mine", control=True)
def evm_mine(node: Node, options: Any = None) -> str:
    """Mine a block, at a timestamp if one is given; or {timestamp, blocks}."""
    blocks = 1
    if isinstance(options, Mapping):
        given = params.fields(options, "options", ("timestamp", "blocks"))
        options = given.get("timestamp")
        if given.get("blocks") is not None:
            blocks = _bounded(given["blocks"], "blocks", MAX_BLOCKS, least=1)
    mining = _devnet(node).mining
    if options is not None:
        mining.set_next_timestamp(_bounded(options, "timestamp", MAX_TIMESTAMP_S))
    mining.mine_blocks(blocks)
    return shapes.quantity(0)


@method(*_both("mine"), control=True)
def mine(node: Node, blocks: Any = "0x1", interval: Any = None) -> bool:
    """Mine blocks, that many seconds apart (default: one block time)."""
    count = _bounded("0x1" if blocks is None else blocks, "blocks", MAX_BLOCKS)
    interval_s = None if interval is None else _bounded(interval, "interval", 2**32)
    if count:
        _devnet(node).mining.mine_blocks(count, interval_s or None)
    return True


@method("evm_setAutomine", "anvil_setAutomine", control=True)
def set_automine(node: Node, enabled: Any) -> bool:
    """Whether every transaction gets its block at once."""
    _devnet(node).mining.automine = params.boolean(enabled, "automine")
    return True


@method(*_both("getAutomine"), control=True)
def get_automine(node: Node) -> bool:
    """Whether every transaction gets its block at once."""
    return _devnet(node).mining.automine


@method("evm_setIntervalMining", "anvil_setIntervalMining", control=True)
def set_interval_mining(node: Node, interval: Any) -> bool:
    """A block every so many seconds (from 1,000 up: milliseconds); 0 ends it."""
    given = _bounded(interval, "interval", 2**32)
    seconds = given / 1_000 if given >= _FIRST_MS else float(given)
    _devnet(node).mining.set_interval(seconds or None)
    return True


@method("evm_increaseTime", "anvil_increaseTime", control=True)
def increase_time(node: Node, seconds: Any) -> str:
    """Let seconds pass at once; answers how far ahead the chain's time is."""
    passed = _bounded(seconds, "seconds", MAX_TIMESTAMP_S)
    return shapes.quantity(_devnet(node).mining.increase_time(passed))


@method("evm_setNextBlockTimestamp", "anvil_setNextBlockTimestamp", control=True)
def set_next_block_timestamp(node: Node, timestamp: Any) -> bool:
    """The next block's timestamp; time goes on from there."""
    seconds = _bounded(timestamp, "timestamp", MAX_TIMESTAMP_S)
    _devnet(node).mining.set_next_timestamp(seconds)
    return True


@method("anvil_setBlockTimestampInterval", control=True)
def set_block_timestamp_interval(node: Node, seconds: Any) -> bool:
    """Blocks are that many seconds apart from now on, whatever the clock says."""
    _devnet(node).mining.set_timestamp_interval(_bounded(seconds, "interval", 2**32, least=1))
    return True


@method("hardhat_setBlockTimestampInterval", control=True)
def set_block_timestamp_interval_ms(node: Node, milliseconds: Any) -> bool:
    """As anvil's, but in milliseconds, which is what viem sends to Hardhat."""
    interval_ms = _bounded(milliseconds, "interval", 2**32, least=1_000)
    _devnet(node).mining.set_timestamp_interval(interval_ms // 1_000)
    return True


@method(*_both("removeBlockTimestampInterval"), control=True)
def remove_block_timestamp_interval(node: Node) -> bool:
    """Blocks follow the clock again; false if they did already."""
    mining = _devnet(node).mining
    was_set = mining.timestamp_interval_s is not None
    mining.set_timestamp_interval(None)
    return was_set


# --- accounts and state ---------------------------------------------------------------------------


@method(*_both("setBalance"), control=True)
def set_balance(node: Node, address: Any, balance: Any) -> bool:
    """Set an account's wei."""
    account, balance_wei = params.address(address), _bounded(balance, "balance", 2**256 - 1)
    return _edited(node, lambda state: state.set_balance_wei(account, balance_wei))


@method(*_both("setNonce"), control=True)
def set_nonce(node: Node, address: Any, nonce: Any) -> bool:
    """Set an account's nonce."""
    account, number = params.address(address), _bounded(nonce, "nonce", 2**64 - 1)
    return _edited(node, lambda state: state.set_nonce(account, number))


@method(*_both("setCode"), control=True)
def set_code(node: Node, address: Any, code: Any) -> bool:
    """Set an account's code."""
    account, runtime = params.address(address), params.data(code, "code")
    return _edited(node, lambda state: state.set_code(account, runtime))


@method(*_both("setStorageAt"), control=True)
def set_storage(node: Node, address: Any, slot: Any, value: Any) -> bool:
    """Set a storage slot."""
    account = params.address(address)
    position, content = _slot(slot), params.word(value, "value")
    return _edited(node, lambda state: state.set_storage(account, position, content))


def _slot(value: Any) -> int:
    return params.word(value, "slot") if isinstance(value, str) else _bounded(value, "slot", 2**53)


def _edited(node: Node, edit: Any) -> bool:
    def apply(state: State) -> None:
        edit(state)

    _devnet(node).chain.edit_state(apply)
    return True


@method(*_both("impersonateAccount"), control=True)
def impersonate_account(node: Node, address: Any) -> bool:
    """Let eth_sendTransaction send from this address without its key."""
    _devnet(node).impersonated.add(params.address(address))
    return True


@method(*_both("stopImpersonatingAccount"), control=True)
def stop_impersonating_account(node: Node, address: Any) -> bool:
    """End the impersonation; false if there was none."""
    account, impersonated = params.address(address), _devnet(node).impersonated
    was_set = account in impersonated
    impersonated.discard(account)
    return was_set


@method("anvil_autoImpersonateAccount", control=True)
def auto_impersonate(node: Node, enabled: Any) -> bool:
    """Let eth_sendTransaction send from any address."""
    _devnet(node).impersonates_all = params.boolean(enabled, "enabled")
    return True


# --- the next block and the pool ------------------------------------------------------------------


@method("evm_setBlockGasLimit", control=True)
def set_block_gas_limit(node: Node, gas_limit: Any) -> bool:
    """The gas limit of the next blocks."""
    limit = _bounded(gas_limit, "gas limit", 2**63 - 1, least=5_000)
    _devnet(node).chain.edit_next_header(gas_limit=limit)
    return True


@method(*_both("setCoinbase"), control=True)
def set_coinbase(node: Node, address: Any) -> bool:
    """Who gets the tips of the next blocks."""
    _devnet(node).chain.edit_next_header(coinbase=params.address(address))
    return True


@method(*_both("setNextBlockBaseFeePerGas"), control=True)
def set_next_base_fee(node: Node, base_fee: Any) -> bool:
    """The base fee of the next block, in wei."""
    _devnet(node).chain.edit_next_header(base_fee_wei=_bounded(base_fee, "base fee", 2**63 - 1))
    return True


@method(*_both("setMinGasPrice"), control=True)
def set_min_gas_price(node: Node, price: Any) -> bool:
    """The pool refuses transactions that offer less, in wei."""
    _devnet(node).chain.set_min_gas_price(_bounded(price, "gas price", 2**256 - 1))
    return True


@method(*_both("dropTransaction"), control=True)
def drop_transaction(node: Node, transaction_hash: Any) -> bool:
    """Take a waiting transaction out of the pool; false if it does not wait."""
    wanted = params.data(transaction_hash, "transaction hash", 32)
    return _devnet(node).chain.drop(wanted, "dropped on request")


@method("anvil_dropAllTransactions", control=True)
def drop_all_transactions(node: Node) -> bool:
    """Empty the pool."""
    chain = _devnet(node).chain
    for waiting in chain.pool:
        chain.drop(waiting.transaction.hash, "dropped on request")
    return True


# --- the whole chain ------------------------------------------------------------------------------


@method("evm_snapshot", control=True)
def snapshot(node: Node) -> str:
    """Remember this moment; answers the number to come back to it."""
    return shapes.quantity(_devnet(node).chain.snapshot())


@method("evm_revert", control=True)
def revert(node: Node, number: Any) -> bool:
    """Go back to a snapshot, which is used up with all later ones; clients are not told."""
    devnet = _devnet(node)
    reverted = devnet.chain.revert(_bounded(number, "snapshot", 2**63))
    if reverted:
        devnet.mining.chain_replaced()
    return reverted


@method(*_both("reset"), control=True)
def reset(node: Node, options: Any = None) -> bool:
    """Go back to the beginning. There is nothing to fork from: forking options are refused."""
    forking = options.get("forking") if isinstance(options, Mapping) else None
    if isinstance(forking, Mapping) and any(value is not None for value in forking.values()):
        raise RpcError(SERVER_ERROR, "this chain does not fork another: reset takes no jsonRpcUrl")
    devnet = _devnet(node)
    devnet.chain.reset()
    devnet.mining.chain_replaced()
    devnet.impersonated.clear()
    devnet.impersonates_all = False
    return True


@method(*_both("dumpState"), control=True)
def dump_state(node: Node) -> str:
    """The whole chain, history and pool included, as data that loadState takes."""
    return shapes.data(dump(_devnet(node).chain))


@method(*_both("loadState"), control=True)
def load_state(node: Node, state: Any) -> bool:
    """Become the chain that dumpState wrote down; clients are not told."""
    devnet = _devnet(node)
    load(devnet.chain, params.data(state, "state"))
    devnet.mining.chain_replaced()
    return True


@method(*_both("setRpcUrl"), control=True)
def set_rpc_url(node: Node, url: Any) -> bool:
    """Taken and without effect: this chain does not fork another."""
    if not isinstance(url, str):
        raise invalid_params(f"url: expected a text, got {params.shown(url)}")
    return True


@method(*_both("setLoggingEnabled"), control=True)
def set_logging_enabled(node: Node, enabled: Any) -> bool:
    """Whether the server prints a line for each request."""
    _devnet(node).logs_requests = params.boolean(enabled, "enabled")
    return True


@method(*_both("nodeInfo"), control=True)
def node_info(node: Node) -> Any:
    """Head, hard fork, fees and chain id, in anvil's shape."""
    head, chain = node.view.head, node.view.chain
    return {
        "currentBlockNumber": shapes.quantity(head.number),
        "currentBlockTimestamp": head.timestamp_s,
        "currentBlockHash": shapes.data(head.hash),
        "hardFork": "prague",
        "transactionOrder": "fifo",
        "environment": {
            "baseFee": shapes.quantity(head.header.base_fee_per_gas),
            "chainId": chain.chain_id,
            "gasLimit": shapes.quantity(head.header.gas_limit),
            "gasPrice": shapes.quantity(head.header.base_fee_per_gas),
        },
        "forkConfig": {"forkUrl": None, "forkBlockNumber": None, "forkRetryBackoff": None},
    }


@method(*_both("metadata"), control=True)
def metadata(node: Node) -> Any:
    """Version, chain id, head and genesis."""
    head, genesis = node.view.head, node.view.at(0)
    assert genesis is not None
    return {
        "clientVersion": client_version_text(),
        "chainId": node.view.chain.chain_id,
        "instanceId": shapes.data(genesis.hash),
        "latestBlockNumber": head.number,
        "latestBlockHash": shapes.data(head.hash),
    }
