"""What each listener has been told of the chain's deposits: which blocks its answers cover.

An answer is judged when it is given, against the block tree, and counts when it has arrived. It
covers a block if it is enough to know every deposit of exactly that block:

* a page of logs covers the blocks of the asked range that the answering view has, logs included,
  if its entries for the block are the block's true deposits, no more and no less;
* the receipts of a block, or of all its transactions one by one, if their deposits are the true
  ones, and no deposit stands in a receipt of another status than the true one;
* a header that is the block's own, if its bloom rules a deposit out.

What is known of a block is known of that block, not of its height: a reorg leaves it behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ztdx_devnet.chain.blocktree.blocks import EmptyRun, ExecutedBlock, Place, Receipt
from ztdx_devnet.chain.blocktree.logs import LogFilter
from ztdx_devnet.chain.blocktree.tree import BlockTree, HeadChange
from ztdx_devnet.chain.keccak import keccak256
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.rpc import params
from ztdx_devnet.chain.rpc.errors import RpcError
from ztdx_devnet.chain.view import View
from ztdx_devnet.scenario.invariants.evidence.intervals import Intervals
from ztdx_devnet.sim.kernel import Actor
from ztdx_devnet.sim.ledger_reader import Cursor
from ztdx_devnet.sim.oracle import TrueDeposit
from ztdx_devnet.sim.world import World

_VAULT = "0x" + contracts.VAULT.hex()
_TOPIC = "0x" + contracts.SPOT_DEPOSIT_TOPIC.hex()
_DF_WORD = bytes(12) + contracts.DF_TOKEN


_Event = tuple[str, str, str, str]
"""A deposit as a log shows it: block hash, transaction hash, account's topic, data."""


class Covered(NamedTuple):
    """Blocks `first` … `top`, on the branch that ends in `top`."""

    first: int
    top: Place


class HeadAsked(NamedTuple):
    """A head was told; `true_height` is what the chain's was."""

    told: int
    true_height: int


class ReceiptSeen(NamedTuple):
    """The true receipt of one transaction of a block."""

    place: Place
    transaction_hash: bytes


class Garbled(NamedTuple):
    """A block of which all was told but these deposits."""

    place: Place
    lacking: frozenset[_Event]


class BranchSet:
    """Blocks as heights of a branch: those of the canonical one, and of what was left."""

    def __init__(self, tree: BlockTree) -> None:
        self._tree = tree
        self._canonical = Intervals()
        self._left: list[tuple[Place, Intervals]] = []

    def add(self, covered: Covered) -> None:
        fork = self._tree.fork_of(covered.top).number
        self._canonical.add(covered.first, min(covered.top.number, fork))
        if covered.top.number > fork:
            rest = Intervals()
            rest.add(max(covered.first, fork + 1), covered.top.number)
            self._left.append((covered.top, rest))

    def head_changed(self, change: HeadChange) -> None:
        """What was replaced is kept with its branch, and is there again if that comes back."""
        if change.is_reorg:
            taken = self._canonical.cut_above(change.ancestor.number)
            self._left.append((change.old_head, taken))
        if self._left and (change.is_reorg or change.added):
            left, self._left = self._left, []
            for tip, heights in left:
                rest = heights.cut_above(self._tree.fork_of(tip).number)
                for first, last in heights:
                    self._canonical.add(first, last)
                if list(rest):
                    self._left.append((tip, rest))

    def first_missing(self, first: int, top: Place) -> int | None:
        """The lowest block from `first` up to `top` that is not there, on the branch of `top`."""
        fork = self._tree.fork_of(top).number
        if top.number <= fork:
            return self._canonical.first_missing(first, top.number)
        missing = self._canonical.first_missing(first, fork)
        if missing is not None:
            return missing
        heights = Intervals()
        for tip, mine in self._left:
            shared = _shared_height(self._tree, tip, top)
            for start, end in mine:
                heights.add(start, min(end, shared))
        return heights.first_missing(max(first, fork + 1), top.number)


def _shared_height(tree: BlockTree, one: Place, other: Place) -> int:
    """The highest block that the branches of both hold."""
    low, high = 0, min(one.number, other.number)
    while low < high:
        middle = (low + high + 1) // 2
        if tree.ancestor_at(one, middle) == tree.ancestor_at(other, middle):
            low = middle
        else:
            high = middle - 1
    return low


@dataclass(slots=True)
class _Knowledge:
    """What one life of a listener was told, and has not written down yet."""

    life: Actor
    blocks: BranchSet
    receipts: dict[Place, set[bytes]] = field(default_factory=dict)
    garbled: dict[Place, frozenset[_Event]] = field(default_factory=dict)
    head: HeadAsked | None = None


class Told:
    """What every listener was told, and what has been processed by those who were."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chain = world.chain
        self._begin()
        bits = contracts.VAULT, contracts.SPOT_DEPOSIT_TOPIC, _DF_WORD
        self._bloom_bits = sum(1 << bit for bit in {b for item in bits for b in _bits(item)})
        self._noted: tuple[int, int] = (0, -1)  # headers that the page of this batch tells more of
        self.on_head: Callable[[int], None] = lambda _: None
        """Called with each head that a listener is told."""

    def _begin(self) -> None:
        """Nothing is known of this tree."""
        self._tree = self._chain.tree
        self._processed = BranchSet(self._tree)
        self._knowledge: dict[str, _Knowledge] = {}

    # --- while a node answers ---------------------------------------------------------------------

    def asked(self, life: Actor) -> None:
        self._noted = (0, -1)
        known = self._knowledge.get(life.name)
        if known is None or known.life is not life:  # what a process knew died with it
            self._knowledge[life.name] = _Knowledge(life, BranchSet(self._tree))

    def judged(self, view: View, method: str, arguments: list[Any], result: Any) -> object | None:
        """What the answer covers, or None. An RpcError in the place of a result covers nothing."""
        if result is None or isinstance(result, RpcError):
            return None
        try:
            match method:
                case "eth_getBlockByNumber" | "eth_getBlockByHash":
                    return self._header(result)
                case "eth_getLogs":
                    return self._page(view, arguments, result)
                case "eth_blockNumber":
                    return HeadAsked(int(result, 16), self._chain.height)
                case "eth_getBlockReceipts":
                    return self._block_receipts(view, arguments, result)
                case "eth_getTransactionReceipt":
                    return self._receipt(result)
        except (ValueError, TypeError, KeyError, AttributeError, RpcError):
            pass  # an answer of another form than that tells nothing
        return None

    def told(self, life: Actor, judged: list[object]) -> None:
        known = self._knowledge.get(life.name)
        if known is None or known.life is not life:
            return
        for one in judged:
            match one:
                case Covered():
                    known.blocks.add(one)
                case Garbled(place, lacking):
                    known.garbled[place] = known.garbled.get(place, lacking) & lacking
                case list():
                    self.told(life, one)
                case HeadAsked():
                    known.head = one
                    self.on_head(one.told)
                case ReceiptSeen(place, transaction_hash):
                    seen = known.receipts.setdefault(place, set())
                    seen.add(transaction_hash)
                    if len(seen) == len(place.receipts):
                        known.blocks.add(Covered(place.number, place))

    def judged_headers(self, numbers: Sequence[str]) -> list[Covered] | None:
        """As `judged`, of true canonical headers, in whatever number."""
        first, last = self._noted
        asked = [int(numbers[0], 16), int(numbers[-1], 16)]
        inner = len(numbers) - 2
        if inner > 0:
            low, high = int(numbers[1], 16), int(numbers[-2], 16)
            # As a rule the page of the same batch has told of all but the ends.
            if not (first <= low and high <= last and high - low == inner - 1):
                asked = [int(number, 16) for number in numbers]
        places = [self._tree.at(n) for n in asked if not first <= n <= last]
        return [Covered(p.number, p) for p in places if p and not self._may_hold_deposits(p)]

    def _header(self, result: Any) -> Covered | None:
        number = int(result["number"], 16)
        place = self._place_known_as(self._tree.at(number), result["hash"])
        if place is None or place.number != number:
            return None
        if self._may_hold_deposits(place) or int(result["logsBloom"], 16) != _bloom(place):
            return None
        return Covered(number, place)

    def _may_hold_deposits(self, place: Place) -> bool:
        return _bloom(place) & self._bloom_bits == self._bloom_bits

    def _page(self, view: View, arguments: list[Any], result: Any) -> list[object] | None:
        query = params.log_query(view, arguments[0])
        if not _admits_deposits(query.wanted) or not isinstance(result, list):
            return None
        if query.block_hash is not None:
            place = view.by_hash(query.block_hash)
            if place is None or place.number > _log_height(view):
                return None
            first, top = place.number, place
        else:
            first, last = query.from_number, min(query.to_number, _log_height(view))
            found = view.at(last) if last >= first else None
            if found is None:
                return None
            top = found
        first = max(first, _log_floor(view))
        told = _events_told(result)
        true: dict[int, set[_Event]] = {}
        fork = self._tree.fork_of(top).number
        for deposit in self._deposits(first, top, fork):
            true.setdefault(deposit.block_number, set()).add(_event_of(deposit))
        wrong = sorted(
            number
            for number in told.keys() | true.keys()
            if first <= number <= top.number and told.get(number) != true.get(number)
        )
        if not wrong:
            self._noted = (first, top.number) if top.number <= fork else self._noted
            return [Covered(first, top)]
        covered: list[object] = []
        for number in wrong:
            if number > first:
                covered.append(Covered(first, self._on_branch(top, number - 1)))
            lacking = true.get(number, set()) - told.get(number, set())
            covered.append(Garbled(self._on_branch(top, number), frozenset(lacking)))
            first = number + 1
        if first <= top.number:
            covered.append(Covered(first, top))
        return covered

    def _block_receipts(self, view: View, arguments: list[Any], receipts: Any) -> object | None:
        if not isinstance(receipts, list):
            return None
        if receipts:
            place = self._tree.by_hash(bytes.fromhex(receipts[0]["blockHash"][2:]))
        else:
            place = params.place_if_any(view, arguments[0])
        if place is None:
            return None
        if [r["transactionHash"] for r in receipts] != _transactions(place):
            return None
        right = [_has_its_status(r, true) for r, true in zip(receipts, place.receipts, strict=True)]
        told, untrue = (
            _events_told(
                log
                for receipt, is_right in zip(receipts, right, strict=True)
                if is_right == wanted
                for log in receipt["logs"]
            )
            for wanted in (True, False)
        )
        true = {_event_of(deposit) for deposit in self._deposits_in(place)}
        if untrue or told != ({place.number: true} if true else {}):
            return Garbled(place, frozenset(true - told.get(place.number, set())))
        return Covered(place.number, place)

    def _receipt(self, result: Any) -> ReceiptSeen | None:
        place = self._tree.by_hash(bytes.fromhex(result["blockHash"][2:]))
        if place is None or result["transactionHash"] not in _transactions(place):
            return None
        tx_hash = result["transactionHash"]
        entry = place.receipts[_transactions(place).index(tx_hash)]
        true = {_event_of(d) for d in self._deposits_in(place) if d.transaction_hash == tx_hash}
        told = _events_told(result["logs"])
        if told != ({place.number: true} if true else {}):
            return None
        if told and not _has_its_status(result, entry):
            return None
        return ReceiptSeen(place, bytes.fromhex(tx_hash[2:]))

    # --- when a cursor moves ----------------------------------------------------------------------

    def head_changed(self, change: HeadChange) -> None:
        if self._chain.tree is not self._tree:  # another chain has come in its place
            self._begin()
            return
        self._processed.head_changed(change)
        for known in self._knowledge.values():
            known.blocks.head_changed(change)

    def height_asked(self, by: str) -> int:
        """How high the chain was when that listener was last told of a head."""
        known = self._knowledge.get(by)
        return 0 if known is None or known.head is None else known.head.true_height

    def has_been(self, cursor: Cursor) -> bool:
        """Whether the hash that is kept with a cursor is that of a block of its height, ever."""
        wanted = _hash_of(cursor.block_hash)
        return wanted is not None and self._world.oracle.has_been(cursor.block_number, wanted)

    def untold(self, by: str, cursor: Cursor, held: Iterable[TrueDeposit]) -> int | None:
        """The lowest block up to the cursor that nobody was told of who processed it.

        The cursor's branch is that of its hash, the canonical one if none was kept; `by` is who
        moved it. Deposits that are held as unreadable need not have been told right.
        """
        top = self._place_of(cursor)
        first = self._world.start_block
        if top is None or top.number < first:
            return None
        mine = self._knowledge.get(by)
        # Somebody else's hand, as in a test, may write what any listener was told.
        sources = [mine] if mine is not None else list(self._knowledge.values())
        while (missing := self._processed.first_missing(first, top)) is not None:
            end = missing
            for known in sources:
                gap = known.blocks.first_missing(missing, top)
                reached = top.number if gap is None else gap - 1
                end = max(end, reached + 1)
            if end == missing:
                place = self._on_branch(top, missing)
                lacking = [k.garbled[place] for k in sources if place in k.garbled]
                events = {_event_of(deposit) for deposit in held}
                if not any(events and each <= events for each in lacking):
                    return missing
                end = missing + 1
            self._processed.add(Covered(missing, self._on_branch(top, end - 1)))
        return None

    def _place_of(self, cursor: Cursor) -> Place | None:
        canonical = self._tree.at(cursor.block_number)
        if cursor.block_hash is None:
            return canonical
        return self._place_known_as(canonical, cursor.block_hash) or canonical

    def _place_known_as(self, likely: Place | None, block_hash: str) -> Place | None:
        """The block with that hash; it is looked for only if it is not the likely one."""
        wanted = _hash_of(block_hash)
        if likely is not None and likely.hash == wanted:
            return likely
        return None if wanted is None else self._tree.by_hash(wanted)

    # --- the truth --------------------------------------------------------------------------------

    def _on_branch(self, top: Place, number: int) -> Place:
        return self._tree.ancestor_at(top, number)

    def _deposits(self, first: int, top: Place, fork: int) -> Iterator[TrueDeposit]:
        """The DF deposits of blocks `first` … `top`, of which those above `fork` are orphans."""
        yield from self._world.oracle.canonical(first, min(top.number, fork))
        for number in range(max(first, fork + 1), top.number + 1):
            yield from self._deposits_in(self._on_branch(top, number))

    def _deposits_in(self, place: Place) -> Sequence[TrueDeposit]:
        if not isinstance(place.segment, ExecutedBlock):
            return ()
        found = self._world.oracle.in_block(place.segment)
        return [deposit for deposit in found if deposit.token == contracts.DF_TOKEN]


def _hash_of(text: object) -> bytes | None:
    """The bytes of a hash as it is written; None: it is none."""
    try:
        return bytes.fromhex(str(text).removeprefix("0x"))
    except ValueError:
        return None


def _event_of(deposit: TrueDeposit) -> _Event:
    account = "0x" + deposit.account[2:].rjust(64, "0")
    data = f"0x{deposit.amount_wei:064x}"
    return (deposit.block_hash, deposit.transaction_hash, account, data)


def _events_told(logs: Iterable[Mapping[str, Any]]) -> dict[int, set[_Event]]:
    """The DF deposits that logs claim, by block; entries that are marked as removed claim none."""
    told: dict[int, set[_Event]] = {}
    df_topic = "0x" + _DF_WORD.hex()
    for log in logs:
        topics = log["topics"]
        if log["address"] != _VAULT or topics[:1] != [_TOPIC] or log.get("removed"):
            continue
        if topics[2:3] != [df_topic] and len(topics) == 3:
            continue
        account = topics[1] if len(topics) > 1 else ""
        event = (log["blockHash"], log["transactionHash"], account, log["data"])
        told.setdefault(int(log["blockNumber"], 16), set()).add(event)
    return told


def _bloom(place: Place) -> int:
    return 0 if isinstance(place.segment, EmptyRun) else int(place.header.bloom)


def _has_its_status(told: Mapping[str, Any], true: Receipt) -> bool:
    """Whether a receipt says of its transaction what became of it; else its logs count for nothing
    to whoever reads it."""
    status = told["status"]
    return isinstance(status, str) and int(status, 16) == int(true.succeeded)


def _transactions(place: Place) -> list[str]:
    return ["0x" + receipt.transaction.hash.hex() for receipt in place.receipts]


def _admits_deposits(wanted: LogFilter) -> bool:
    """Whether a filter lets every DF deposit of the vault through."""
    if wanted.addresses and contracts.VAULT not in wanted.addresses:
        return False
    needed = (contracts.SPOT_DEPOSIT_TOPIC, None, _DF_WORD)
    return len(wanted.topics) <= len(needed) and all(
        not any_of or one in any_of for any_of, one in zip(wanted.topics, needed, strict=False)
    )


def _log_height(view: View) -> int:
    """The highest block whose logs the view has: an index may be behind its blocks."""
    height: int = getattr(view, "log_height", view.height)
    return min(height, view.height)


def _log_floor(view: View) -> int:
    """The lowest block whose logs the view has kept."""
    floor: int = getattr(getattr(view, "shown", None), "pruned_below", 0)
    return floor


def _bits(item: bytes) -> Iterator[int]:
    """The three bits of a bloom that an address or topic sets."""
    digest = keccak256(item)
    for at in (0, 2, 4):
        yield int.from_bytes(digest[at : at + 2], "big") & 0x7FF
