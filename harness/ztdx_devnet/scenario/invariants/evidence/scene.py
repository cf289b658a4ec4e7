"""The scene: what the invariants may look at, at one instant."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from ztdx_devnet.chain.blocktree.tree import HeadChange
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.faults.answers import AnswerFault
from ztdx_devnet.faults.fault import Fault
from ztdx_devnet.faults.views import ViewFault
from ztdx_devnet.scenario.invariants.evidence.admin_requests import AdminRequests
from ztdx_devnet.scenario.invariants.evidence.api_answers import ApiAnswers
from ztdx_devnet.scenario.invariants.evidence.books import Books
from ztdx_devnet.scenario.invariants.evidence.changes import Changes, changes_between, whole
from ztdx_devnet.scenario.invariants.evidence.effort import Effort
from ztdx_devnet.scenario.invariants.evidence.heights import Heights
from ztdx_devnet.scenario.invariants.evidence.repairs import Repairs
from ztdx_devnet.scenario.invariants.evidence.stalls import Stalls
from ztdx_devnet.scenario.invariants.evidence.told import Told
from ztdx_devnet.sim import vault
from ztdx_devnet.sim.ledger_reader import EMPTY_LEDGER, Cursor, DepositRow, LedgerSnapshot
from ztdx_devnet.sim.oracle import TrueDeposit
from ztdx_devnet.sim.world import World

_SPOILING_KINDS = (
    "undecodable",
    "swapped_topics",
    "unindexed",
    "dirty_topics",
    "missing_fields",
    "null_fields",
)
"""Faults of answers after which a log is no deposit that could be read."""


@dataclass(slots=True)
class Scene:
    """A world, the product's ledger as it was last seen, and what was noted beside it.

    `changes` are those that are looked at now, `books` agree with `ledger`. `cursors` are the rows
    that say where the listener stands, `cursor_before` is what they said before, and `by` is the
    process that wrote last. `settled` says that the run has come to rest.
    """

    world: World
    heights: Heights = field(init=False)
    repairs: Repairs = field(init=False)
    told: Told = field(init=False)
    stalls: Stalls = field(init=False)
    effort: Effort = field(init=False)
    requests: AdminRequests = field(init=False, default_factory=AdminRequests)
    answers: ApiAnswers = field(init=False, default_factory=ApiAnswers)
    books: Books = field(init=False, default_factory=Books)
    ledger: LedgerSnapshot = field(init=False, default=EMPTY_LEDGER)
    changes: Changes = field(init=False)
    cursors: list[Cursor] = field(init=False, default_factory=list)
    cursor_before: Cursor = field(init=False)
    by: str = field(init=False, default="")
    settled: bool = field(init=False, default=False)
    _vault_root: bytes = field(init=False, default=b"")
    _vault: dict[object, int] = field(init=False, default_factory=dict)
    _ordinals: dict[DepositRow, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        world = self.world
        self.heights = Heights(world)
        self.repairs = Repairs(world)
        self.told = Told(world)
        self.stalls = Stalls(world)
        self.told.on_head = self.stalls.head_told
        self.effort = Effort(world)
        self.changes = whole(EMPTY_LEDGER)
        self.cursor_before = Cursor(world.start_block - 1, None)

    @property
    def cursor(self) -> Cursor:
        """Where the listener stands; right below the first block before it says so."""
        return self.cursors[0] if self.cursors else Cursor(self.world.start_block - 1, None)

    @property
    def keeps_history(self) -> bool:
        """Whether there must be a history of the deposits: the product's own listener keeps one.

        Of another one it is asked if it has been seen to keep one.
        """
        return self.world.settings.listener is None or self.ledger.keeps_entries

    @property
    def logs_were_renumbered(self) -> bool:
        """Whether a node has given logs other indexes than they have."""
        return any(_renumbers(fault) for fault in self.world.faults if fault.hits)

    def was_told_spoilt(self, deposit: TrueDeposit) -> bool:
        """Whether a node has given the deposit's log in a form that can't be read."""
        return any(
            isinstance(fault, AnswerFault)
            and fault.kind in _SPOILING_KINDS
            and fault.transaction_hash in (None, deposit.transaction_hash)
            for fault in self.world.faults
            if fault.hits
        )

    def rows_of(self, ids: Collection[str | None]) -> list[DepositRow]:
        """The rows of deposits with these ids."""
        return [row for row in self.ledger.deposits if row.id in ids] if ids else []

    def see_ledger(self, ledger: LedgerSnapshot) -> None:
        """Take over what the ledger is now; `changes` is the difference."""
        self.changes = changes_between(self.ledger, ledger)
        self.ledger = ledger
        self.books.follow(self.changes, ledger)
        self.repairs.follow(self.changes)
        self.effort.held(sum(before is None for before, _ in self.changes.quarantine))

    def see_all(self) -> None:
        """Look at the whole ledger as if all of it had just been written, with fresh books."""
        self.changes = whole(self.ledger)
        self.books = Books()
        self.books.follow(self.changes, self.ledger)

    def see_cursor(self) -> bool:
        """Take over where the listener stands now; says whether that is somewhere else."""
        cursors = self.world.reader.cursor_rows()
        if cursors == self.cursors:
            return False
        self.cursor_before, self.cursors = self.cursor, cursors
        self.stalls.cursor_moved(self.cursor.block_number)
        return True

    def head_changed(self, change: HeadChange) -> None:
        self.heights.head_changed(change)
        self.repairs.head_changed(change)
        self.told.head_changed(change)

    def held_wei(self) -> int:
        """How much DF the vault holds after the head."""
        return self._of_vault(vault.held_wei)

    def withdrawn_wei(self) -> int:
        """How much DF was withdrawn in all, up to the head."""
        return self._of_vault(vault.withdrawn_wei)

    def _of_vault(self, read: Callable[[Chain, bytes], int]) -> int:
        """The EVM is asked once for each state."""
        chain = self.world.chain
        state_root = chain.patches.state_root(chain.head)
        if self._vault_root != state_root:
            self._vault_root, self._vault = state_root, {}
        if read not in self._vault:
            self._vault[read] = read(chain, contracts.DF_TOKEN)
        return self._vault[read]

    def ordinal_of(self, row: DepositRow) -> int:
        """Which event of its transaction the row is for; -1 - log index if it is for none."""
        ordinal = self._ordinals.get(row)
        if ordinal is None:
            deposit = self.world.oracle.claimed(row)
            if deposit is None:
                return -1 - row.log_index
            ordinal = self._ordinals[row] = deposit.ordinal
        return ordinal


def _renumbers(fault: Fault) -> bool:
    if isinstance(fault, ViewFault):
        return any(shown.numbering is not None for shown in fault.backends.shows)
    return isinstance(fault, AnswerFault) and fault.kind == "renumbered"
