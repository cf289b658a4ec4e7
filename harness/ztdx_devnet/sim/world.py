"""The world: chain, node, product, users and oracle on one virtual clock.

It is the one door through which a scenario acts: on blocks (`blocks`), as users (`users`), on the
product's processes (`product`), as clients of the WebSocket (`sockets`), and by faults (`arm`).
Every act is journaled.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ztdx_devnet.chain.blocktree.tree import HeadChange
from ztdx_devnet.chain.building.builder import Dropped
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.faults.armed import ArmedFaults
from ztdx_devnet.faults.fault import Fault
from ztdx_devnet.faults.storage import StorageFaults
from ztdx_devnet.journal.journal import Journal
from ztdx_devnet.sim import cast
from ztdx_devnet.sim.block_acts import BlockActs
from ztdx_devnet.sim.kernel import Actor, Kernel
from ztdx_devnet.sim.ledger_changes import ledger_changes, moves_cursor
from ztdx_devnet.sim.ledger_reader import (
    EMPTY_LEDGER,
    Cursor,
    LedgerReader,
    LedgerSnapshot,
    concerns_ledger,
)
from ztdx_devnet.sim.node import SimNode
from ztdx_devnet.sim.oracle import Oracle
from ztdx_devnet.sim.ports import Committed
from ztdx_devnet.sim.processes import Host, ListenerProgram
from ztdx_devnet.sim.producer import Producer
from ztdx_devnet.sim.product import Product
from ztdx_devnet.sim.seed import stream
from ztdx_devnet.sim.socket_clients import SocketClients
from ztdx_devnet.sim.transport import SimTransport
from ztdx_devnet.sim.user_acts import UserActs
from ztdx_devnet.sim.witness import Audience, Witness
from ztdx_devnet.virtual_time import MICROSECONDS
from ztdx_spot.config import read_api_settings, read_listener_settings
from ztdx_spot.errors import ListenerHalted
from ztdx_spot.ports import Transport

JWT_SECRET = "devnet-jwt-secret-for-local-use-only"  # noqa: S105 - public, like all keys here
ADMIN_API_KEY = "devnet-admin-key"


@dataclass(frozen=True, slots=True)
class WorldSettings:
    """What a world starts from. `environment` overrides the product's environment variables.

    A process of the product that died is started again `restart_after_us` later; None: never.
    `listener` is the program in the listener's place; None is the product's own.
    """

    seed: int = 0
    start_height: int = 1_000
    confirmation_depth_blocks: int = 20
    block_time_s: int = 2
    poll_interval_ms: int = 2_000
    environment: Mapping[str, str] = field(default_factory=dict)
    listener: ListenerProgram | None = None
    restart_after_us: int | None = None
    varied_latency: bool = False


class World:
    """One run's world. Use as a context manager: it removes its database at the end."""

    def __init__(self, settings: WorldSettings) -> None:
        self.settings = settings
        self.journal = Journal()
        self.chain = Chain(cast.genesis(), settings.block_time_s)
        if settings.start_height:
            self.chain.mine_empty(settings.start_height)
        self.kernel = Kernel(
            settings.seed,
            self.chain.head.timestamp_s * MICROSECONDS,
            varied_latency=settings.varied_latency,
        )
        self.started_us = self.kernel.now_us
        self.oracle = Oracle(self.chain)
        self.faults = ArmedFaults(lambda: self.kernel.now_us)
        self.node = SimNode(self.chain, self.faults, settings.seed, self.record)
        self.producer = Producer(self.kernel, self.chain, self._nobody_watches)
        self.users = UserActs(self.chain, self.record)
        self.blocks = BlockActs(
            self.kernel, self.chain, self.producer, self.users, self.oracle, self.record
        )
        self.on_commit: list[Callable[[Committed], None]] = []
        self.on_head: list[Callable[[HeadChange], None]] = []
        self._waiting: list[Actor] = []
        self._script: Actor | None = None
        self._part: Callable[[], None] = lambda: None
        self._is_over = False
        environment = self._product_environment()
        # Refused before there is anything to remove.
        read_api_settings(environment)
        read_listener_settings(environment)
        self._folder = tempfile.TemporaryDirectory(prefix="ztdx-devnet-")
        database_path = Path(self._folder.name) / "spot.db"
        self.reader = LedgerReader(database_path)
        self._ledger: LedgerSnapshot | None = None
        self._audience: Audience | None = None
        self._witnesses: list[Witness] = []
        self.product = Product(
            Host(
                self.kernel,
                database_path,
                settings.seed,
                self.faults,
                StorageFaults(self.faults, stream(settings.seed, "database faults"), self.record),
                self.record,
                self._committed,
                settings.restart_after_us,
            ),
            self._transport,
            environment,
            settings.listener,
        )
        api_sockets = self.product.api.sockets
        self.sockets = SocketClients(self.kernel, api_sockets, self.record, self._wake_waiting)
        self.on_commit.append(lambda _: api_sockets.committed())
        self.chain.on_head.append(self._head_changed)
        self.chain.on_drop.append(self._transaction_dropped)
        self._told = EMPTY_LEDGER
        self.record(
            "world",
            "start",
            height=settings.start_height,
            confirmation_depth_blocks=settings.confirmation_depth_blocks,
            block_time_s=settings.block_time_s,
            df_token="0x" + contracts.DF_TOKEN.hex(),
        )

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        self.kernel.end()  # after a failed run; who is left unwinds here, not when it is collected
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
    def listener_refused_the_chain(self) -> bool:
        """Whether the chain began anew on another genesis, and the listener ended for that.

        Its ledger is then of another chain, and nothing on this one can be compared with it.
        """
        listener = self.product.listener
        return self.blocks.another_genesis and isinstance(listener.failure, ListenerHalted)

    @property
    def now_us(self) -> int:
        return self.kernel.now_us

    def record(self, actor: str, kind: str, **payload: object) -> None:
        if self._is_over:
            return
        self.journal.record(self.kernel.now_us, actor, kind, **payload)

    def watch_answers(self, audience: Audience) -> None:
        """Let somebody know what the nodes tell the listeners."""
        self._audience = audience
        for witness in self._witnesses:
            witness.audience = audience

    # --- running -------------------------------------------------------------------------------

    def run(self, script: Callable[[], None]) -> None:
        """Run a script as an actor, with everything else, until it ends."""
        self.producer.start()
        self.perform(script)
        self.kernel.end()

    def perform(self, script: Callable[[], None]) -> None:
        """Run a part of a script, with everything else; then time stands still.

        All parts are done by one actor, so that nothing shows where one ends and the next begins;
        after a part that failed, by another one. The producer has to be started before.
        """
        self._part = script
        if self._script is None or not self._script.resting:
            self._script = self.kernel.spawn("scenario", self._play_parts)
        self.kernel.run_until(self._script)

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

    def at_once(self, acts: Sequence[tuple[str, Callable[[], None]]]) -> None:
        """Do all of it at this instant, each by an actor of that name; returns when all is done."""
        me = self.kernel.current
        actors = [self.kernel.spawn(name, act) for name, act in acts]
        for actor in actors:
            actor.on_death.append(lambda: self.kernel.wake(me))
        while any(actor.alive for actor in actors):
            self.kernel.park("at once")

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

    def _play_parts(self) -> None:
        while True:
            self._part()
            self.kernel.rest()

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

    def _transport(self, name: str) -> Transport:
        """The transport of one listener, witnessed."""
        witness = Witness(self.kernel, self.node.door(name), self._audience)
        self._witnesses.append(witness)
        self.node.on_answer.append(witness.heard)
        self.node.on_headers.append(witness.heard_headers)
        chance = stream(self.settings.seed, "transport faults", name)
        transport = SimTransport(self.kernel, witness, self.faults, chance, self.record)
        return witness.before(transport)

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
            branch=self.chain.branches.current,
            deposits=[
                [deposit.transaction_hash, deposit.ordinal, deposit.block_number, deposit.log_index]
                for block in change.added
                for deposit in self.oracle.in_block(block)
            ],
            numbers=[block.first_number for block in change.added for _ in block.receipts],
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
        self._record_commit(committed)
        for listener in self.on_commit:
            listener(committed)
        self._wake_waiting()

    def _record_commit(self, committed: Committed) -> None:
        """What was written, by what it means: the cursor, and each change of the ledger."""
        cursor = self.cursor_block if moves_cursor(committed.statements) else None
        shown = {} if cursor is None else {"cursor": cursor}
        self.record(committed.actor, "commit", writes=len(committed.statements), **shown)
        if not concerns_ledger(committed.statements):
            return
        self.reader.note(committed.statements)
        self._ledger = None
        before, self._told = self._told, self.ledger
        for kind, payload in ledger_changes(before, self._told, self.oracle.claimed):
            self.record("ledger", kind, **payload)

    def _wake_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for actor in waiting:
            self.kernel.wake(actor)
