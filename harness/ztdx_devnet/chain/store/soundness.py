"""What must hold in an image before a chain becomes it: a file or a dump may have been damaged."""

from __future__ import annotations

from ztdx_devnet.chain.blocktree.blocks import ExecutedBlock, Segment
from ztdx_devnet.chain.blocktree.patches import Patch
from ztdx_devnet.chain.image import ChainImage
from ztdx_devnet.chain.keccak import keccak256
from ztdx_devnet.chain.transactions import Transaction


class Unsound(ValueError):
    """The parts of the image don't make a chain."""


def refuse_unsound(image: ChainImage) -> None:
    """Raise Unsound unless blocks follow one another and their states are there.

    A change that keeps every hash is not found: wrong receipts, or nodes that are left out deep in
    a trie.
    """
    _check_nodes(image)
    number_of: dict[Segment, int] = {}
    for number, segment in enumerate(image.segments):
        _check_segment(number, segment, number_of, image)
        number_of[segment] = number
    for place in (image.head, *image.tips.values()):
        _require(place.segment in number_of and 0 <= place.offset < place.segment.count, "a place")
    _require(image.current_branch in image.tips, "the current branch")
    _require(all(isinstance(name, str) for name in image.tips), "the branches' names")
    for block_hash, patch in image.patches.items():
        _require(len(block_hash) == 32, "a patch's block")
        _check_patch(patch, image)
    waiting = [entry.transaction for entry in image.waiting]
    for transaction in waiting:
        _check_transaction(transaction, "the pool")
    _require(len({t.hash for t in waiting}) == len(waiting), "the pool")
    _require(len({(t.sender, t.nonce) for t in waiting}) == len(waiting), "the pool")
    finality = image.finality
    for value in (
        image.opened_branches,
        image.min_gas_price_wei,
        finality.safe_depth,
        finality.finalized_depth,
        finality.safe_number,
        finality.finalized_number,
    ):
        _require(type(value) is int and value >= 0, "a number")
    highest = max(finality.safe_number, finality.finalized_number)
    _require(highest <= image.head.number, "finality")


def _check_nodes(image: ChainImage) -> None:
    _require(
        type(image.first_nodes) is int and 0 <= image.first_nodes <= len(image.nodes),
        "the count of genesis's nodes",
    )
    for key, content in image.nodes.items():
        _require(keccak256(content) == key, f"node 0x{key.hex()}")


def _check_segment(
    number: int, segment: Segment, number_of: dict[Segment, int], image: ChainImage
) -> None:
    told = f"segment {number}"
    header, parent = segment.header_at(0), segment.parent
    if number == 0:
        sound = isinstance(segment, ExecutedBlock) and parent is None and header.block_number == 0
        _require(sound, told)
    else:
        _require(parent is not None and parent.segment in number_of, told)
        assert parent is not None
        _require(0 <= parent.offset < parent.segment.count, told)
        _require(header.parent_hash == parent.hash, told)
        _require(header.block_number == parent.number + 1, told)
        _require(header.timestamp > parent.timestamp_s, told)
    last = segment.count - 1
    _require(segment.header_at(last).hash == segment.hash_at(last), told)
    _require(header.state_root in image.nodes, told)
    if isinstance(segment, ExecutedBlock):
        _require(sum(receipt.gas_used for receipt in segment.receipts) == header.gas_used, told)
        for receipt in segment.receipts:
            _check_transaction(receipt.transaction, told)


def _check_transaction(transaction: Transaction, told: str) -> None:
    _require(transaction.hash == transaction.signed.hash, told)
    _require(len(transaction.sender) == 20, told)


def _check_patch(patch: Patch, image: ChainImage) -> None:
    root, coinbase = patch.state_root, patch.coinbase
    _require(root is None or root in image.nodes, "a patch's state")
    _require(coinbase is None or (type(coinbase) is bytes and len(coinbase) == 20), "a coinbase")
    for value in (patch.gas_limit, patch.base_fee_wei):
        _require(value is None or (type(value) is int and 0 <= value < 2**63), "a patch")


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise Unsound(f"{what} is wrong")
