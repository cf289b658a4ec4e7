"""The world: chain, node, product, users and oracle on one virtual clock.

It is the one door through which a scenario acts: on blocks (`blocks`), as users (`users`), on the
product's processes (`product`), and by faults (`arm`). Every act is journaled.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ztdx_devnet.chain.blocktree.tree import HeadChange
from ztdx_devnet.chain.building.builder import Dropped
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.faults.armed import ArmedFaults
from ztdx_devnet.faults.fault import Fault
from ztdx_devnet.faults.storage import DatabaseLock
from ztdx_devnet.journal.journal import Journal
from ztdx_devnet.sim.block_acts import BlockActs
from ztdx_devnet.sim.kernel import Actor, Kernel
from ztdx_devnet.sim.ledger_reader import Cursor, LedgerReader, LedgerSnapshot, concerns_ledger
from ztdx_devnet.sim.node import SimNode
from ztdx_devnet.sim.oracle import Oracle
from ztdx_devnet.sim.ports import Committed, SimTransport
from ztdx_devnet.sim.processes import Host, ListenerProgram
from ztdx_devnet.sim.producer import Producer
from ztdx_devnet.sim.product import Product
from ztdx_devnet.sim.user_acts import UserActs
from ztdx_devnet.virtual_time import MICROSECONDS

JWT_SECRET = "devnet-jwt-secret-for-local-use-only"  # noqa: S105 - public, like all keys here
ADMIN_API_KEY = "devnet-admin-key"


@dataclass(frozen=True, slots=True)
class WorldSettings:
    """What a world starts from. `environment` overrides the product's environment variables.

    `listener` is the program in the listener's place; None is the product's own.
    """

    seed: int = 0
    start_height: int = 1_000
    confirmation_depth_blocks: int = 20
    block_time_s: int = 2
    poll_interval_ms: int = 2_000
    environment: Mapping[str, str] = field(default_factory=dict)
    listener: ListenerProgram | None = None


class World:
    """One run's world. Use as a context manager: it removes its database at the end."""

    def __init__(self, settings: WorldSettings) -> None:
        self.settings = settings
        self.journal = Journal()
        self.chain = Chain(block_time_s=settings.block_time_s)
        if settings.start_height:
            self.chain.mine_empty(settings.start_height)
        self.kernel = Kernel(settings.seed, self.chain.head.timestamp_s * MICROSECONDS)
        self.oracle = Oracle(self.chain)
        self.faults = ArmedFaults(lambda: self.kernel.now_us)
        self.node = SimNode(self.chain, self.faults, settings.seed, self.record)
        self.producer = Producer(self.kernel, self.chain, self._nobody_watches)
        self.users = UserActs(self.chain, self.record)
        self.blocks = BlockActs(
            self.kernel, self.chain, self.producer, self.users.carriers, self.record
        )
        self.on_commit: list[Callable[[Committed], None]] = []
        self.on_head: list[Callable[[HeadChange], None]] = []
        self._waiting: list[Actor] = []
        self._folder = tempfile.TemporaryDirectory(prefix="ztdx-devnet-")
        database_path = Path(self._folder.name) / "spot.db"
        self.reader = LedgerReader(database_path)
        self._ledger: LedgerSnapshot | None = None
        self.product = Product(
            Host(
                self.kernel,
                database_path,
                settings.seed,
                self._committed,
                self._busy,
                self._exited,
            ),
            self.faults,
            lambda _: SimTransport(self.kernel, self.node),
            self._product_environment(),
            settings.listener,
            self.record,
        )
        self.chain.on_head.append(self._head_changed)
        self.chain.on_drop.append(self._transaction_dropped)

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.reader.close()
        self._folder.cleanup()

    # --- looking -------------------------------------------------------------------------------

    @property
    def start_block(self) -> int:
        """The first block that the listener scans."""
        return self.settings.start_height + 1

    @property
    def confirmed_height(self) -> int:
        """The highest block whose deposits may be credited."""
        return self.chain.height - self.settings.confirmation_depth_blocks

    @property
    def ledger(self) -> LedgerSnapshot:
        """The product's committed ledger, now."""
        if self._ledger is None:
            self._ledger = self.reader.snapshot()
        return self._ledger

    @property
    def cursor(self) -> Cursor | None:
        """Where the listener stands, now."""
        return self.reader.cursor()

    @property
    def cursor_block(self) -> int | None:
        """The listener's last processed block, now."""
        return self.reader.cursor_block()

    @property
    def undisturbed(self) -> bool:
        """Whether a listener runs and no fault can touch anything."""
        return self.product.a_listener_runs and not self.faults.any_may_fire

    @property
    def now_us(self) -> int:
        return self.kernel.now_us

    def record(self, actor: str, kind: str, **payload: object) -> None:
        self.journal.record(self.kernel.now_us, actor, kind, **payload)

    # --- running -------------------------------------------------------------------------------

    def run(self, script: Callable[[], None]) -> None:
        """Run a script as an actor, with everything else, until it ends."""
        self.producer.start()
        self.kernel.run_until_done(self.kernel.spawn("scenario", script))

    def sleep_us(self, duration_us: int) -> None:
        self.kernel.boundary("wait", duration_us)

    def wait_until(self, reached: Callable[[], bool], within_us: int) -> bool:
        """Let time pass until something that a block or a commit changes is so; False: it isn't."""
        deadline_us = self.kernel.now_us + within_us
        me = self.kernel.current
        while not reached():
            left_us = deadline_us - self.kernel.now_us
            if left_us <= 0:
                return False
            self._waiting.append(me)
            self.kernel.park("wait", left_us)
            if me in self._waiting:
                self._waiting.remove(me)
        return True

    # --- faults --------------------------------------------------------------------------------

    def arm(self, fault: Fault, **details: object) -> None:
        """Let the fault touch what it is for, from now on."""
        self.faults.arm(fault)
        self.record("faults", "armed", name=fault.name, **details)

    def lift_faults(self) -> None:
        """Nothing is touched any more and no lock held. A crash that is still to come is off."""
        self.faults.lift()
        self.record("faults", "lifted")

    # --- inside --------------------------------------------------------------------------------

    def _product_environment(self) -> dict[str, str]:
        settings = self.settings
        return {
            "SPOT_BSC_RPC_URL": "http://node.devnet",
            "SPOT_BSC_CHAIN_ID": str(self.chain.chain_id),
            "SPOT_BSC_VAULT_ADDRESS": "0x" + contracts.VAULT.hex(),
            "SPOT_DF_TOKEN_ADDRESS": "0x" + contracts.DF_TOKEN.hex(),
            "SPOT_BSC_CONFIRMATION_DEPTH": str(settings.confirmation_depth_blocks),
            "SPOT_BSC_POLL_INTERVAL_MS": str(settings.poll_interval_ms),
            "SPOT_BSC_START_BLOCK": str(self.start_block),
            "JWT_SECRET": JWT_SECRET,
            "ADMIN_API_KEY": ADMIN_API_KEY,
            "TESTNET_ONLY": "true",
            **settings.environment,
        }

    def _nobody_watches(self) -> bool:
        """Whether no one would notice if several blocks came at once."""
        return not self._waiting and not self.on_head

    def _head_changed(self, change: HeadChange) -> None:
        kind = "reorg" if change.is_reorg else "blocks"
        self.record(
            "chain",
            kind,
            first=change.ancestor.number + 1,
            head=change.new_head.number,
            hash="0x" + change.new_head.hash.hex(),
            transactions=[
                "0x" + receipt.transaction.hash.hex()
                for block in change.added
                for receipt in block.receipts
            ],
            failed=[
                "0x" + receipt.transaction.hash.hex()
                for block in change.added
                for receipt in block.receipts
                if not receipt.succeeded
            ],
        )
        for listener in self.on_head:
            listener(change)
        self._wake_waiting()

    def _transaction_dropped(self, dropped: Dropped) -> None:
        transaction = "0x" + dropped.transaction.hash.hex()
        self.record("chain", "dropped", transaction=transaction, reason=dropped.reason)

    def _committed(self, committed: Committed) -> None:
        if concerns_ledger(committed.statements):
            self._ledger = None
        self.record(committed.actor, "commit", writes=len(committed.statements))
        for listener in self.on_commit:
            listener(committed)
        self._wake_waiting()

    def _busy(self) -> None:
        for lock in self.faults.of(DatabaseLock):
            lock.hits += 1

    def _exited(self, name: str, error: Exception | None) -> None:
        self.record(name, "exit", error=repr(error) if error else None)

    def _wake_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for actor in waiting:
            self.kernel.wake(actor)
