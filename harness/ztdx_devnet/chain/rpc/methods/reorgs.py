"""Reorgs, branches and finality: what only this devnet has, and anvil's reorg and rollback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ztdx_devnet.chain.building.reorgs import Reorg, ReorgOutcome
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.devnet import Devnet
from ztdx_devnet.chain.errors import UnknownBlock
from ztdx_devnet.chain.rpc import params, shapes
from ztdx_devnet.chain.rpc.errors import invalid_params
from ztdx_devnet.chain.rpc.methods.sending import authorized
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.rpc.table import method
from ztdx_devnet.chain.transactions import Transaction, decode

PLAN_FIELDS = (
    "depth",
    "length",
    "drop",
    "keep",
    "replace",
    "order",
    "delayBlocks",
    "blocks",
    "branch",
)
MAX_NEW_BLOCKS = 1_000_000  # three seconds in which nobody else is answered
MAX_NAME = 64
DEFAULT_GAS = 1_000_000  # of a transaction that is given as an object: there is no state to try it


def _devnet(node: Node) -> Devnet:
    assert node.devnet is not None, "control methods are called on a devnet only"
    return node.devnet


@method("devnet_reorg", control=True)
def reorg(node: Node, plan: Any) -> Any:
    """Replace the last blocks by a competing branch; see the cookbook for what it takes."""
    given = params.fields(plan, "reorg", PLAN_FIELDS)
    if given.get("depth") is None:
        raise invalid_params("reorg.depth: expected how many blocks to replace")

    def count(name: str, default: int | None, most: int) -> int | None:
        if given.get(name) is None:
            return default
        number = params.integer(given[name], f"reorg.{name}")
        least = 0 if name == "delayBlocks" else 1
        if not 0 <= number <= most:  # the chain says what is wrong with 0
            raise invalid_params(f"reorg.{name}: expected {least} to {most}, got {number}")
        return number

    depth = count("depth", None, 2**53)
    assert depth is not None
    blocks = given.get("blocks")
    given_there = _Given(node, depth)
    composed = None if blocks is None else given_there.blocks(blocks)
    length = count("length", None if composed is None else len(composed), MAX_NEW_BLOCKS)
    keep = given.get("keep")
    outcome = _devnet(node).chain.reorg(
        Reorg(
            depth=depth,
            length=length,
            drop=frozenset(params.hashes(given.get("drop") or [], "reorg.drop")),
            keep=None if keep is None else frozenset(params.hashes(keep, "reorg.keep")),
            replace=given_there.replacements(given.get("replace")),
            order=params.hashes(given.get("order") or [], "reorg.order"),
            delay_blocks=count("delayBlocks", 0, 2**53) or 0,
            blocks=composed,
            branch=_name(given.get("branch")),
        )
    )
    _devnet(node).mining.reorged()
    return _outcome(outcome)


@method("devnet_switchBranch", control=True)
def switch_branch(node: Node, branch: Any) -> Any:
    """Make another branch canonical, by its name or the hash of its last block."""
    chain = _devnet(node).chain
    tip = chain.branches.tip(branch) if isinstance(branch, str) else None
    if tip is not None:
        wanted = tip.hash
    elif isinstance(branch, str) and branch.startswith("0x"):
        wanted = params.data(branch, "branch", 32)
    elif isinstance(branch, str):
        names = ", ".join(each.name for each in chain.branches)
        raise UnknownBlock(f"no branch {params.shown(branch)}; there are {names}")
    else:
        raise invalid_params(f"branch: expected a name or a block hash, got {params.shown(branch)}")
    outcome = chain.switch(wanted)
    _devnet(node).mining.reorged()
    return _outcome(outcome)


@method("devnet_branches", control=True)
def branches(node: Node) -> Any:
    """Every branch: its name, last block, and where it leaves the canonical one."""
    chain = _devnet(node).chain
    answer = []
    for branch in chain.branches:
        fork = chain.tree.fork_of(branch.tip)
        answer.append(
            {
                "name": branch.name,
                "canonical": branch.name == chain.branches.current,
                "number": shapes.quantity(branch.tip.number),
                "hash": shapes.data(branch.tip.hash),
                "forkNumber": shapes.quantity(fork.number),
                "forkHash": shapes.data(fork.hash),
            }
        )
    return answer


@method("devnet_transaction", control=True)
def transaction_fate(node: Node, transaction_hash: Any) -> Any:
    """What became of a transaction: its status, every block that has it, why it was dropped."""
    wanted = params.data(transaction_hash, "transaction hash", 32)
    chain = _devnet(node).chain
    if chain.inclusions.canonical(wanted) is not None:
        status = "included"
    elif wanted in chain.pool:
        status = "pending"
    elif chain.inclusions.drop_reason(wanted) is not None:
        status = "dropped"
    else:
        status = "orphaned" if chain.inclusions.blocks(wanted) else "unknown"
    return {
        "status": status,
        "dropReason": chain.inclusions.drop_reason(wanted) if status == "dropped" else None,
        "blocks": [shapes.data(block.block_hash) for block in chain.inclusions.blocks(wanted)],
    }


@method("devnet_setFinality", control=True)
def set_finality(node: Node, safe: Any, finalized: Any) -> bool:
    """How many blocks below the head `safe` and `finalized` stand."""
    safe_depth = params.integer(safe, "safe")
    finalized_depth = params.integer(finalized, "finalized")
    if not 0 <= safe_depth <= finalized_depth <= 2**53:
        raise invalid_params(
            f"safe, finalized: expected 0 ≤ safe ≤ finalized, got {safe_depth}, {finalized_depth}"
        )
    _devnet(node).chain.set_finality(safe_depth, finalized_depth)
    return True


@method("anvil_reorg", "hardhat_reorg", control=True)
def anvil_reorg(node: Node, depth: Any, pairs: Any = None) -> None:
    """Anvil's: as many blocks anew, with just the given [transaction, block index] pairs."""
    if isinstance(depth, Mapping):  # the options object of alloy's client
        options = params.fields(depth, "options", ("depth", "txBlockPairs", "tx_block_pairs"))
        pairs = options.get("txBlockPairs", options.get("tx_block_pairs"))
        depth = options.get("depth")
    number = params.integer(depth, "depth")
    if not 1 <= number <= node.view.height:
        raise invalid_params(f"depth: expected 1 to {node.view.height}, got {number}")
    if number > MAX_NEW_BLOCKS:
        raise invalid_params(f"depth: at most {MAX_NEW_BLOCKS} new blocks, got {number}")
    blocks: list[list[Transaction]] = [[] for _ in range(number)]
    given_there = _Given(node, number)
    if not isinstance(pairs or [], list):
        raise invalid_params(f"pairs: expected an array, got {params.shown(pairs)}")
    for pair in pairs or []:
        if not isinstance(pair, list) or len(pair) != 2:
            raise invalid_params(
                f"pairs: expected [transaction, block index], got {params.shown(pair)}"
            )
        index = params.integer(pair[1], "block index")
        if not 0 <= index < number:
            raise invalid_params(f"block index: expected 0 to {number - 1}, got {index}")
        blocks[index].append(given_there.transaction(pair[0]))
    _devnet(node).chain.reorg(Reorg(depth=number, length=number, blocks=blocks))
    _devnet(node).mining.reorged()


@method("anvil_rollback", "hardhat_rollback", control=True)
def anvil_rollback(node: Node, depth: Any = None) -> None:
    """Anvil's: cut the last blocks off and drop their transactions; clients are not told."""
    number = 1 if depth is None else params.integer(depth, "depth")
    _devnet(node).chain.rollback(number)
    _devnet(node).mining.reorged()


class _Given:
    """Transactions that a caller gives for a new branch: by hash, as signed bytes, or as objects.

    An object without a nonce gets the one that its sender has there, without gas `DEFAULT_GAS`.
    """

    def __init__(self, node: Node, depth: int) -> None:
        self._node = node
        self._chain = _devnet(node).chain
        fork = self._chain.tree.at(max(self._chain.height - depth, 0))
        assert fork is not None
        self._state = self._chain.state_at(fork)
        self._next_nonce: dict[bytes, int] = {}

    def blocks(self, value: Any) -> list[list[Transaction]]:
        if not isinstance(value, list) or not all(isinstance(block, list) for block in value):
            raise invalid_params("reorg.blocks: expected an array of arrays of transactions")
        return [[self.transaction(entry) for entry in block] for block in value]

    def replacements(self, value: Any) -> dict[bytes, Transaction]:
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise invalid_params(f"reorg.replace: expected an object, got {params.shown(value)}")
        found = {}
        for old, new in value.items():
            old_hash = params.data(old, "reorg.replace", 32)
            replaced = _known(self._chain, old_hash)
            found[old_hash] = self.transaction(new, None if replaced is None else replaced.nonce)
        return found

    def transaction(self, value: Any, nonce: int | None = None) -> Transaction:
        """`nonce` is for an object that names none; None: the sender's next on the branch."""
        if isinstance(value, Mapping):
            filled = dict(value)
            if filled.get("gas") is None:
                filled["gas"] = shapes.quantity(DEFAULT_GAS)
            if filled.get("nonce") is None:
                sender = params.address(filled.get("from"), "transaction.from")
                nonce = self._nonce(sender) if nonce is None else nonce
                filled["nonce"] = shapes.quantity(nonce)
            return self._seen(authorized(self._node, filled, anyone=True))
        raw = params.data(value, "transaction")
        if len(raw) != 32:
            return self._seen(decode(raw))
        known = _known(self._chain, raw)
        if known is None:
            raise invalid_params(f"transaction: {shapes.data(raw)} is unknown")
        return self._seen(known)

    def _nonce(self, sender: bytes) -> int:
        return self._next_nonce.get(sender, self._state.nonce(sender))

    def _seen(self, transaction: Transaction) -> Transaction:
        following = max(self._nonce(transaction.sender), transaction.nonce + 1)
        self._next_nonce[transaction.sender] = following
        return transaction


def _known(chain: Chain, transaction_hash: bytes) -> Transaction | None:
    for block in chain.inclusions.blocks(transaction_hash):
        for receipt in block.receipts:
            if receipt.transaction.hash == transaction_hash:
                return receipt.transaction
    return chain.pool.get(transaction_hash)


def _name(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME or value.startswith("0x"):
        raise invalid_params(
            f"reorg.branch: expected a name of at most {MAX_NAME} characters that does not begin "
            f"with 0x, got {params.shown(value)}"
        )
    return value


def _outcome(outcome: ReorgOutcome) -> Any:
    change = outcome.change
    return {
        "branch": outcome.branch,
        "ancestor": {
            "number": shapes.quantity(change.ancestor.number),
            "hash": shapes.data(change.ancestor.hash),
        },
        "oldHead": {
            "number": shapes.quantity(change.old_head.number),
            "hash": shapes.data(change.old_head.hash),
        },
        "newHead": {
            "number": shapes.quantity(change.new_head.number),
            "hash": shapes.data(change.new_head.hash),
        },
        "included": [shapes.data(entry.hash) for entry in outcome.included],
        "added": [shapes.data(entry.hash) for entry in outcome.added],
        "pending": [shapes.data(entry.hash) for entry in outcome.returned],
        "dropped": [
            {"hash": shapes.data(entry.transaction.hash), "reason": entry.reason}
            for entry in outcome.dropped
        ],
    }
