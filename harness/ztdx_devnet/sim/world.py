"""The world: chain, node, listener, API, wallets and oracle on one virtual clock.

It is the one door through which a scenario acts. Every act is journaled.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ztdx_devnet.artifacts import load
from ztdx_devnet.chain.blocktree.tree import HeadChange
from ztdx_devnet.chain.building.builder import Dropped
from ztdx_devnet.chain.building.reorgs import Reorg
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.errors import UnknownBlock
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.faults.answers import AnswerFault
from ztdx_devnet.faults.fault import Fault
from ztdx_devnet.faults.pools import LaggingPool
from ztdx_devnet.faults.processes import CrashPoint, DatabaseLock
from ztdx_devnet.journal.journal import Journal
from ztdx_devnet.sim.kernel import Actor, Kernel
from ztdx_devnet.sim.ledger_reader import Cursor, LedgerReader, LedgerSnapshot, concerns_ledger
from ztdx_devnet.sim.node import SimNode
from ztdx_devnet.sim.operator import Operator
from ztdx_devnet.sim.oracle import Oracle
from ztdx_devnet.sim.ports import Committed, SimTransport
from ztdx_devnet.sim.processes import (
    ApiAnswer,
    ApiProcess,
    ApiRequest,
    Host,
    ListenerProcess,
    ListenerProgram,
)
from ztdx_devnet.sim.producer import Producer
from ztdx_devnet.sim.wallets import SentDeposit, Wallets
from ztdx_devnet.virtual_time import MICROSECONDS
from ztdx_spot.config import read_api_settings, read_listener_settings

LISTENER = "listener"
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
        self.wallets = Wallets(self.chain)
        self.node = SimNode(self.chain, settings.seed, self.record)
        self.producer = Producer(self.kernel, self.chain, self._nobody_watches)
        self.on_commit: list[Callable[[Committed], None]] = []
        self.on_head: list[Callable[[HeadChange], None]] = []
        self.deposits: dict[str, SentDeposit] = {}
        self.listener_was_started = False
        self.faults: list[Fault] = []
        self._locks: list[tuple[DatabaseLock, Actor]] = []
        self._waiting: list[Actor] = []
        self._folder = tempfile.TemporaryDirectory(prefix="ztdx-devnet-")
        database_path = Path(self._folder.name) / "spot.db"
        self._reader = LedgerReader(database_path)
        self._ledger: LedgerSnapshot | None = None
        self.environment = self._product_environment()
        host = Host(
            self.kernel, database_path, settings.seed, self._committed, self._busy, self._exited
        )
        self.listener = ListenerProcess(
            LISTENER,
            host,
            read_listener_settings(self.environment),
            SimTransport(self.kernel, self.node),
            settings.listener,
        )
        api_settings = read_api_settings(self.environment)
        self.api = ApiProcess("api", host, api_settings, self.environment)
        self.operator = Operator(host, api_settings)
        self.chain.on_head.append(self._head_changed)
        self.chain.on_drop.append(self._transaction_dropped)

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()
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
            self._ledger = self._reader.snapshot()
        return self._ledger

    @property
    def cursor(self) -> Cursor | None:
        """Where the listener stands, now."""
        return self._reader.cursor()

    @property
    def cursor_block(self) -> int | None:
        """The listener's last processed block, now."""
        return self._reader.cursor_block()

    @property
    def undisturbed(self) -> bool:
        """Whether the listener runs, its node is honest, and nobody holds the database's lock."""
        locked = any(holder.alive for _, holder in self._locks)
        return self.listener.running and self.node.honest and not locked

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

    # --- acting on the chain -------------------------------------------------------------------

    def deposit(self, name: str, user: str, amount_wei: int, token: bytes) -> None:
        self._remember(name, self.wallets.deposit(user, amount_wei, token))

    def deposit_together(self, names: Sequence[str], parts: Sequence[tuple[str, int]]) -> None:
        sent = self.wallets.deposit_together(parts)
        for name, one in zip(names, sent, strict=True):
            self._remember(name, one)

    def charge_token_fees(self) -> None:
        """From the next block on the DF token burns 1 % of each transfer, as a fee token does.

        It is so on this branch: a reorg that begins below undoes it.
        """
        fee_token = load("FeeOnTransferToken").runtime  # it stores as DFToken does
        self.chain.edit_state(lambda state: state.set_code(contracts.DF_TOKEN, fee_token))
        self.record("chain", "token fees")

    def transfer_to_vault(self, user: str, amount_wei: int) -> None:
        sent = self.wallets.transfer_to_vault(user, amount_wei)
        self.record(user, "transfer", transaction="0x" + sent.hash.hex(), wei=str(amount_wei))

    def mine(self, blocks: int, order: Sequence[str] = ()) -> None:
        """Let that many more blocks be produced; the first takes `order` first.

        A halted chain produces them all the same, and is halted again after the last one.
        """
        self.chain.pool.rank(self._carriers(order))
        target = self.chain.height + blocks
        halted = self.producer.halted
        self.producer.resume()
        while self.chain.height < target:
            # A millisecond later the block is there, whoever came first at that instant.
            self.sleep_us(self.producer.wait_us(target - self.chain.height) + 1_000)
        if halted:
            self.producer.halt()

    def mine_empty(self, blocks: int) -> None:
        """As `mine`, but transactions wait."""
        self.producer.hold_transactions(blocks)
        self.mine(blocks)

    def reorg(
        self,
        depth: int,
        length: int | None,
        drop: Sequence[str],
        order: Sequence[str],
        delay_blocks: int,
        branch: str | None = None,
    ) -> None:
        """Replace the last `depth` blocks; deposits are given by name.

        Raises ReorgTooDeep, and ReorgImpossible for a branch name that is taken.
        """
        self.chain.reorg(
            Reorg(
                depth=depth,
                length=length,
                drop=frozenset(self._carriers(drop)),
                order=self._carriers(order),
                delay_blocks=delay_blocks,
                branch=branch,
            )
        )

    def switch_branch(self, name: str) -> None:
        """Make another branch the canonical one, however long it is. Raises UnknownBlock."""
        tip = self.chain.branches.tip(name)
        if tip is None:
            known = ", ".join(branch.name for branch in self.chain.branches)
            raise UnknownBlock(f"no branch {name!r}: there are {known}")
        self.chain.switch(tip.hash)

    # --- acting on node and processes ----------------------------------------------------------

    def arm_answer_fault(self, fault: AnswerFault) -> None:
        self.node.arm(fault)
        self._armed(fault, method=fault.method, kind_of_fault=fault.kind)

    def arm_pool(self, pool: LaggingPool) -> None:
        self.node.arm(pool)
        self._armed(pool, lag_blocks=pool.lag_blocks, lagging=pool.lagging)

    def lock_database(self, name: str, duration_us: int) -> None:
        """Another process takes the write lock, when it is free, and holds it for that long."""
        lock = DatabaseLock(name)
        self._locks.append((lock, self.operator.hold_write_lock(duration_us)))
        self._armed(lock, us=duration_us)

    def lift_faults(self) -> None:
        """No answer is touched any more and no lock held. A crash that is still to come is off."""
        self.node.clear()
        for _, holder in self._locks:
            self.kernel.kill(holder)
        self.listener.crash_at(None)
        self.record("faults", "lifted")

    def start_listener(self) -> None:
        self.record(LISTENER, "start")
        self.listener_was_started = True
        self.listener.start()

    def kill_listener(self) -> None:
        self.record(LISTENER, "kill")
        self.listener.kill()

    def crash_listener_at(self, nth: int, kind: str) -> None:
        point = CrashPoint(nth, kind)
        self.listener.crash_at(point)
        self._armed(point)

    def debit(self, user: str, token: str, amount: str) -> None:
        """The operator takes that much from a user. Raises DebitError if there is less."""
        self.operator.debit(USERS[user].address_hex, token, amount)
        self.record("operator", "debit", user=user, token=token, amount=amount)

    def start_api(self) -> None:
        self.record("api", "start")
        self.api.start()

    def set_environment(self, variables: Mapping[str, str | None]) -> None:
        """Change the environment that the API server reads from on each request."""
        for name, value in variables.items():
            if value is None:
                self.environment.pop(name, None)
            else:
                self.environment[name] = value
        self.record("api", "environment", changed=sorted(variables))

    def request(self, request: ApiRequest) -> ApiAnswer | None:
        """One request to the API, by whoever runs."""
        answer = self.api.request(request)
        self.record(
            "api",
            "answer",
            method=request.method,
            target=request.target,
            status=answer.status if answer else None,
            body=answer.body.decode("utf-8", "replace") if answer else None,
        )
        return answer

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

    def _remember(self, name: str, sent: SentDeposit) -> None:
        self.deposits[name] = sent
        self.record(
            user_of(sent.account),
            "deposit",
            name=name,
            token="0x" + sent.token.hex(),
            wei=str(sent.amount_wei),
            transaction="0x" + sent.transaction_hash.hex(),
            ordinal=sent.ordinal,
        )

    def _carriers(self, names: Sequence[str]) -> list[bytes]:
        """The transactions that carry these deposits."""
        return [h for name in names for h in self.deposits[name].carried_by]

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

    def _armed(self, fault: Fault, **details: object) -> None:
        self.faults.append(fault)
        self.record("faults", "armed", name=fault.name, **details)

    def _busy(self) -> None:
        for lock, holder in self._locks:
            if holder.alive:
                lock.hits += 1

    def _exited(self, name: str, error: Exception | None) -> None:
        self.record(name, "exit", error=repr(error) if error else None)

    def _wake_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for actor in waiting:
            self.kernel.wake(actor)


def user_of(address: str) -> str:
    """The name of the user with that address, or the address itself."""
    return next((name for name, user in USERS.items() if user.address_hex == address), address)
