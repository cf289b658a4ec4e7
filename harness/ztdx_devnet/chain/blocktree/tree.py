"""The block tree: every block ever built, and which of its branches is canonical.

It stores and finds blocks; it neither builds nor executes them. All look-ups cost the logarithm of
the number of segments, a change of head costs the segments that change.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat

from ztdx_devnet.chain.blocktree.blocks import EmptyRun, ExecutedBlock, Place, Segment


@dataclass(frozen=True, slots=True)
class HeadChange:
    """What a new head changed.

    `ancestor` is the last block that both branches share; `removed` and `added` are the executed
    blocks above it on the old and the new canonical branch, lowest first. Clients are told of an
    `announced` change only: a return to a snapshot happens behind their backs.
    """

    old_head: Place
    new_head: Place
    ancestor: Place
    removed: tuple[ExecutedBlock, ...]
    added: tuple[ExecutedBlock, ...]
    announced: bool = True

    @property
    def is_reorg(self) -> bool:
        return self.ancestor.number < self.old_head.number


@dataclass(frozen=True, slots=True)
class TreeMark:
    """A moment of a tree: how many segments it had, and how many growths it knew of."""

    segments: int
    growth: int


class BlockTree:
    """All branches above one genesis block."""

    def __init__(self, genesis: ExecutedBlock) -> None:
        self.segments: list[Segment] = [genesis]  # all of them, in the order of building
        # The canonical branch: segments from genesis up; each reaches to the next one's start, the
        # last one to the head.
        self._canonical: list[Segment] = [genesis]
        self._starts: list[int] = [0]
        self.head = Place(genesis)
        self._empty_by_hash: dict[bytes, tuple[EmptyRun, int]] = {}
        self._executed_by_hash: dict[bytes, ExecutedBlock] = {genesis.block_hash: genesis}
        # Runs are entered by hash only when somebody asks for a hash.
        self._unindexed: list[EmptyRun] = []
        self._indexed_count: dict[EmptyRun, int] = {}
        self._executed_by_number: dict[int, list[ExecutedBlock]] = {0: [genesis]}
        self._forks: Counter[tuple[Segment, int]] = Counter()  # segments that stand on a block
        # (run, its count before it grew), oldest first; once for each run between two marks.
        self._growth: list[tuple[EmptyRun, int]] = []
        self._changed_runs: set[EmptyRun] = set()
        self._coalesce_from = 0

    def add(self, segment: Segment) -> None:
        """Enter a new segment. It becomes canonical only by `set_head`."""
        self.segments.append(segment)
        if segment.parent is not None:
            self._forks[segment.parent.segment, segment.parent.offset] += 1
        if isinstance(segment, ExecutedBlock):
            self._executed_by_hash[segment.block_hash] = segment
            self._executed_by_number.setdefault(segment.first_number, []).append(segment)
        elif isinstance(segment, EmptyRun):
            self._unindexed.append(segment)

    def grow(self, run: EmptyRun, count: int) -> None:
        """Add `count` more blocks to the end of a run."""
        if len(self._growth) == self._coalesce_from or self._growth[-1][0] is not run:
            self._growth.append((run, run.count))
        run.headers.extend(count)
        self._changed_runs.add(run)
        if not self._unindexed or self._unindexed[-1] is not run:
            self._unindexed.append(run)

    def has_child(self, place: Place) -> bool:
        """Whether any block stands on this one, on whatever branch."""
        segment = place.segment
        return place.offset < segment.count - 1 or self._forks.get((segment, place.offset), 0) > 0

    def at(self, number: int) -> Place | None:
        """The canonical block of that height, or None above the head."""
        if not 0 <= number <= self.head.number:
            return None
        segment = self._canonical[bisect_right(self._starts, number) - 1]
        return Place(segment, number - segment.first_number)

    def by_hash(self, block_hash: bytes) -> Place | None:
        """The block with that hash on any branch, orphans included."""
        executed = self._executed_by_hash.get(block_hash)
        if executed is not None:
            return Place(executed)
        empty = self._empty_by_hash.get(block_hash)
        if empty is None and self._unindexed:
            self._index_runs()
            empty = self._empty_by_hash.get(block_hash)
        return None if empty is None else Place(*empty)

    def executed_at(self, number: int) -> tuple[ExecutedBlock, ...]:
        """Every executed block of that height, on all branches, in the order of building."""
        return tuple(self._executed_by_number.get(number, ()))

    def is_canonical(self, place: Place) -> bool:
        if place.number > self.head.number:
            return False
        index = bisect_right(self._starts, place.number) - 1
        return self._canonical[index] is place.segment

    def ancestors(self, place: Place) -> Iterator[Place]:
        """`place`'s parent, its parent, and so on down to genesis."""
        parent = place.parent
        while parent is not None:
            yield parent
            parent = parent.parent

    def hashes_from(self, place: Place) -> Iterator[bytes]:
        """The hash of `place`, of its parent, and so on down to genesis."""
        yield place.hash
        for ancestor in self.ancestors(place):
            yield ancestor.hash

    def ancestor_at(self, place: Place, number: int) -> Place:
        """The block of height `number` on the branch that ends in `place`."""
        if not 0 <= number <= place.number:
            raise ValueError(f"height {number} is not between 0 and {place.number}")
        while number < place.segment.first_number:
            if self.is_canonical(Place(place.segment, 0)):
                canonical = self.at(number)
                assert canonical is not None
                return canonical
            parent = place.segment.parent
            assert parent is not None
            place = parent
        return Place(place.segment, number - place.segment.first_number)

    def fork_of(self, place: Place) -> Place:
        """The last canonical block of the branch that ends in `place`."""
        while not self.is_canonical(place):
            first = place.segment.first_number
            if self.is_canonical(Place(place.segment, 0)):  # a run of which the lower part is
                return Place(place.segment, self._last_of(first) - first)
            parent = place.segment.parent
            assert parent is not None
            place = parent
        return place

    def executed_above(self, number: int) -> tuple[ExecutedBlock, ...]:
        """The executed canonical blocks above that height, lowest first."""
        start = bisect_right(self._starts, number)
        return tuple(s for s in self._canonical[start:] if isinstance(s, ExecutedBlock))

    def set_head(self, place: Place, *, announced: bool = True) -> HeadChange:
        """Make the branch that ends in `place` the canonical one."""
        branch: list[Segment] = []
        step = place
        while not self.is_canonical(Place(step.segment, 0)):
            branch.append(step.segment)
            parent = step.segment.parent
            assert parent is not None, "every branch starts at genesis"
            step = parent
        branch.reverse()
        index = bisect_right(self._starts, step.segment.first_number) - 1
        last = self._last_of(step.segment.first_number)
        ancestor = Place(step.segment, min(step.offset, last - step.segment.first_number))
        removed = tuple(s for s in self._canonical[index + 1 :] if isinstance(s, ExecutedBlock))
        del self._canonical[index + 1 :], self._starts[index + 1 :]
        self._canonical.extend(branch)
        self._starts.extend(segment.first_number for segment in branch)
        added = tuple(segment for segment in branch if isinstance(segment, ExecutedBlock))
        change = HeadChange(self.head, place, ancestor, removed, added, announced)
        self.head = place
        return change

    def take_changed_runs(self) -> tuple[EmptyRun, ...]:
        """The runs that grew or were cut since this was last asked."""
        changed = tuple(self._changed_runs)
        self._changed_runs.clear()
        return changed

    def _last_of(self, number: int) -> int:
        """The height at which the canonical segment that holds `number` ends."""
        index = bisect_right(self._starts, number)
        return self._starts[index] - 1 if index < len(self._starts) else self.head.number

    def mark(self) -> TreeMark:
        """This moment of the tree, to come back to."""
        self._coalesce_from = len(self._growth)
        return TreeMark(len(self.segments), len(self._growth))

    def forget_after(self, mark: TreeMark) -> tuple[ExecutedBlock, ...]:
        """Forget what was built since; returns the executed blocks of it.

        The head must have been there already. A run that has grown since is cut back.
        """
        for run, count in reversed(self._growth[mark.growth :]):
            self._cut(run, count)
        del self._growth[mark.growth :]
        self._coalesce_from = len(self._growth)
        later = self.segments[mark.segments :]
        del self.segments[mark.segments :]
        for segment in later:
            if segment.parent is not None:
                self._forks[segment.parent.segment, segment.parent.offset] -= 1
            if isinstance(segment, ExecutedBlock):
                del self._executed_by_hash[segment.block_hash]
                self._executed_by_number[segment.first_number].remove(segment)
            elif isinstance(segment, EmptyRun):
                self._cut(segment, 0)
        return tuple(segment for segment in later if isinstance(segment, ExecutedBlock))

    def _cut(self, run: EmptyRun, count: int) -> None:
        """Forget all but the first `count` blocks of a run."""
        for block_hash in run.headers.hashes[count : self._indexed_count.get(run, 0)]:
            del self._empty_by_hash[block_hash]
        if count:
            run.headers.cut(count)
            self._changed_runs.add(run)
            self._indexed_count[run] = min(self._indexed_count.get(run, 0), count)
        else:
            self._indexed_count.pop(run, None)
            self._unindexed = [other for other in self._unindexed if other is not run]

    def _index_runs(self) -> None:
        for run in self._unindexed:
            offsets = range(self._indexed_count.get(run, 0), run.count)
            hashes = run.headers.hashes[offsets.start :]
            self._empty_by_hash.update(zip(hashes, zip(repeat(run), offsets), strict=True))
            self._indexed_count[run] = run.count
        self._unindexed = []
