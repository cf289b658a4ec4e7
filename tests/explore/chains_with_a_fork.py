"""Every small history of a chain with one fork: what two branches hold, and what a listener sees.

Branch A and branch B have six blocks each and share the first `fork` of them. Three events: two in
one transaction, one in another; each transaction is in any block or in none, in either order when
they share a block, and on branch B the first may have executed to another amount. A listener sees
A grow to some height, then B at some height, then perhaps A again, and at last the branch that
stays, with enough blocks on top to confirm everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

BLOCKS = 6
DEPTH_BLOCKS = 1
PAGE_BLOCKS = 2
DRAIN_BLOCKS = 2

ABSENT = 0


@dataclass(frozen=True, slots=True)
class Event:
    """One SpotDeposit at its place. `amount` is its content."""

    transaction: int
    ordinal: int
    amount: int
    log_index: int


@dataclass(frozen=True, slots=True)
class Contents:
    """Blocks of the two transactions (0: none), which comes first in a shared one, and the amount
    of the first transaction's first event.
    """

    first_in: int
    second_in: int
    second_leads: bool
    amount: int

    def events_in(self, block_number: int) -> tuple[Event, ...]:
        first = ((1, 0, self.amount), (1, 1, 20)) if self.first_in == block_number else ()
        second = ((2, 0, 30),) if self.second_in == block_number else ()
        ordered = (*second, *first) if self.second_leads else (*first, *second)
        return tuple(Event(*event, index) for index, event in enumerate(ordered))


@dataclass(frozen=True, slots=True)
class Block:
    """`name` is its hash: equal blocks of two branches are one block only below the fork."""

    name: str
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A chain as a node shows it: its blocks from number 0. Each is made once."""

    blocks: tuple[Block, ...]

    @property
    def head(self) -> int:
        return len(self.blocks) - 1


@dataclass(frozen=True, slots=True)
class History:
    """What is seen, view by view, and the branch that stays."""

    views: tuple[View, ...]
    final: View


def histories() -> Iterator[History]:
    for fork in range(BLOCKS):
        for a_contents in _contents(range(1, BLOCKS + 1), amounts=(10,)):
            a = _branch("a", a_contents, fork, a_contents)
            for b_contents in _contents_beside(a_contents, fork):
                b = _branch("b", b_contents, fork, a_contents)
                for a_height, b_height in product(range(fork + 1, BLOCKS + 1), repeat=2):
                    seen = (*a[1 : a_height + 1], b[b_height])
                    yield History(seen, b[-1])
                    yield History((*seen, a[a_height]), a[-1])


def _branch(letter: str, contents: Contents, fork: int, below: Contents) -> list[View]:
    """A view of the branch at each of its heights."""
    blocks = [Block("0", ())]
    for number in range(1, BLOCKS + DRAIN_BLOCKS + DEPTH_BLOCKS + 1):
        if number <= fork:
            blocks.append(Block(f"a{number}", below.events_in(number)))
        else:
            blocks.append(Block(f"{letter}{number}", contents.events_in(number)))
    return [View(tuple(blocks[: height + 1])) for height in range(len(blocks))]


def _contents(blocks: range, amounts: tuple[int, ...]) -> Iterator[Contents]:
    for first, second in product((ABSENT, *blocks), repeat=2):
        leads = (False, True) if first == second != ABSENT else (False,)
        for second_leads, amount in product(leads, amounts if first else amounts[:1]):
            yield Contents(first, second, second_leads, amount)


def _contents_beside(a: Contents, fork: int) -> Iterator[Contents]:
    """What branch B may hold, given what the shared blocks hold."""
    for b in _contents(range(1, BLOCKS + 1), amounts=(10, 11)):
        shared = (
            (a.first_in, b.first_in, (a.amount, b.amount)),
            (a.second_in, b.second_in, (0, 0)),
        )
        if all(_agree(in_a, in_b, amounts, fork) for in_a, in_b, amounts in shared):
            yield b


def _agree(in_a: int, in_b: int, amounts: tuple[int, int], fork: int) -> bool:
    if ABSENT < in_a <= fork:
        return in_a == in_b and amounts[0] == amounts[1]
    return in_b == ABSENT or in_b > fork
