"""Each invariant notices by itself what it is there for, at the commit that does it.

The ledger is written by hand, statement by statement, so that all is right but one thing: a check
that is off can't hide behind another one, and nothing of the product is taken on trust.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.scenario.invariants import SENTENCES, Invariants, Violation
from ztdx_devnet.scenario.values import WEI
from ztdx_devnet.sim.operator import NAME
from ztdx_devnet.sim.world import World, WorldSettings
from ztdx_devnet.virtual_time import MICROSECONDS

ALICE, BOB, CAROL = (USERS[name].address_hex for name in ("alice", "bob", "carol"))
DROP_KEYS = ["DROP INDEX spot_deposits_log", "DROP INDEX spot_deposits_event"]
Write = Callable[[World], Sequence[str]]


# --- statements -----------------------------------------------------------------------------------


def insert(table: str, **values: object) -> str:
    shown = ", ".join("NULL" if v is None else f"'{v}'" for v in values.values())
    return f"INSERT INTO {table} ({', '.join(values)}) VALUES ({shown})"


def set_available(user: str, amount: str) -> str:
    return f"UPDATE spot_balances SET available = '{amount}' WHERE user_address = '{user}'"


def new_balance(user: str, amount: str) -> str:
    balance = {"available": amount, "frozen": "0", "created_at": 1, "updated_at": 1}
    return insert("spot_balances", user_address=user, token="DF", **balance)


def place_of(world: World, name: str) -> dict[str, object]:
    transaction_hash = "0x" + world.users.deposits[name].transaction_hash.hex()
    (deposit,) = world.oracle.canonical_at(transaction_hash)
    return {
        "block_number": deposit.block_number,
        "log_index": deposit.log_index,
        "block_hash": deposit.block_hash,
    }


def row(world: World, name: str, **changes: object) -> str:
    """A row for that deposit as it stands on the chain, but for the changes."""
    sent = world.users.deposits[name]
    true = {
        "id": name,
        "user_address": sent.account,
        "token": "DF",
        "amount": sent.amount_wei // WEI,
        "chain_id": 97,
        "tx_hash": "0x" + sent.transaction_hash.hex(),
        "status": "confirmed",
        "created_at": 1,
        "confirmed_at": 1,
        "event_ordinal": 0,
        **place_of(world, name),
    }
    return insert("spot_deposits", **{**true, **changes})


def sighting(world: World, name: str, act: str, **changes: object) -> str:
    seen = {**place_of(world, name), "created_at": 1, **changes}
    return insert("spot_deposit_sightings", deposit_id=name, act=act, **seen)


def entry(user: str, kind: str, amount: str, available: str, deposit: str | None = None) -> str:
    return insert(
        "spot_ledger_entries",
        user_address=user,
        token="DF",
        kind=kind,
        amount=amount,
        available=available,
        frozen="0",
        deposit_id=deposit,
        created_at=1,
    )


def credit(world: World, name: str, **changes: object) -> list[str]:
    """Everything that a first credit writes; changes are of the row."""
    user = str(changes.get("user_address", world.users.deposits[name].account))
    amount = str(changes.get("amount", world.users.deposits[name].amount_wei // WEI))
    return [
        row(world, name, **changes),
        sighting(world, name, "credited"),
        entry(user, "deposit", amount, amount, name),
        new_balance(user, amount),
    ]


def reverse(world: World, name: str, amount: str, available: str) -> list[str]:
    """Everything that a reversal writes; the balance after it is `available`."""
    user = world.users.deposits[name].account
    return [
        f"UPDATE spot_deposits SET status = 'orphaned' WHERE id = '{name}'",
        sighting(world, name, "orphaned"),
        entry(user, "reversal", f"-{amount}", available, name),
        set_available(user, available),
    ]


def cursor(world: World, block_number: int) -> str:
    place = world.chain.tree.at(block_number)
    kept = "NULL" if place is None else f"'0x{place.hash.hex()}'"
    return (
        f"UPDATE spot_block_sync_state SET last_processed_block = {block_number},"
        f" last_processed_hash = {kept}"
    )


def delete(*tables: str) -> list[str]:
    return [f"DELETE FROM {table}" for table in tables]


# --- worlds ---------------------------------------------------------------------------------------


def first_violation(write: Write, *, settled: bool = False) -> Violation | None:
    """Alice's 1 DF is credited, Bob's 2 DF are due, Carol's 2 DF are 19 blocks deep."""
    found: list[Violation] = []
    with World(WorldSettings()) as world:
        invariants = Invariants(world, found.append)
        world.product.listener_was_started = True  # the part is played by `write`

        def commit(statements: Sequence[str]) -> None:
            database = world.product.operator._host.connect(NAME)
            with database.write() as transaction:
                for sql in statements:
                    transaction.execute(sql)

        def script() -> None:
            world.users.deposit("credited", "alice", WEI, contracts.DF_TOKEN)
            world.blocks.mine(24)
            sync = {"chain_id": 97, "event_type": "deposit", "updated_at": 1}
            first = insert("spot_block_sync_state", last_processed_block=1_000, **sync)
            commit([first, *credit(world, "credited"), cursor(world, world.confirmed_height)])
            if not settled:
                world.users.deposit("due", "bob", 2 * WEI, contracts.DF_TOKEN)
                world.users.deposit("lookalike", "bob", 2 * WEI, contracts.LOOKALIKE_TOKEN)
                world.blocks.mine(20)
                world.users.deposit("early", "carol", 2 * WEI, contracts.DF_TOKEN)
                world.blocks.mine(20)
            assert found == []
            commit(write(world))
            if settled:
                assert found == []
                invariants.check_settled()

        world.run(script)
    return found[0] if found else None


TAMPERED: dict[str, tuple[str, Write]] = {
    "a second row of one deposit": (
        "I3",
        lambda w: [
            *DROP_KEYS,
            row(w, "credited", id="again"),
            entry(ALICE, "deposit", "1", "2", "again"),
            set_available(ALICE, "2"),
        ],
    ),
    "a balance that grew by itself": ("I4", lambda _: [set_available(ALICE, "1.5")]),
    "a balance that is no number": (
        "I4",
        lambda _: ["PRAGMA ignore_check_constraints = 1", set_available(ALICE, "much")],
    ),
    "a balance that is frozen too": ("I4", lambda _: ["UPDATE spot_balances SET frozen = '1'"]),
    "a debit that was taken from nobody": (
        "I4",
        lambda _: [entry(ALICE, "debit", "-0.25", "0.75")],
    ),
    "a spending without an entry": ("I4", lambda _: [set_available(ALICE, "0.75")]),
    "an admin credit without an entry": (
        "I4",
        lambda _: [
            insert(
                "spot_admin_credits",
                id="a",
                user_address=ALICE,
                token="DF",
                amount="1",
                admin_actor="x",
                created_at=1,
            ),
            set_available(ALICE, "2"),
        ],
    ),
    "a balance of nothing": ("I5", lambda _: [new_balance(BOB, "2")]),
    "a row without its balance": ("I5", lambda w: credit(w, "due")[:-1]),
    "a row without its entry": (
        "I5",
        lambda w: [row(w, "due"), sighting(w, "due", "credited"), new_balance(BOB, "2")],
    ),
    "a reversal that leaves the money": (
        "I5",
        lambda w: reverse(w, "credited", "1", "1")[:2],
    ),
    "a balance that is gone": ("I5", lambda _: delete("spot_balances")),
    "a credit before its time": ("I6", lambda w: credit(w, "early")),
    "a cursor that goes back for nothing": ("I7", lambda w: [cursor(w, 1_001)]),
    "a cursor that runs ahead": ("I7", lambda w: [cursor(w, w.confirmed_height + 1)]),
    "a credit of somebody else": ("I2", lambda w: credit(w, "due", user_address=CAROL)),
    "a credit of another amount": ("I2", lambda w: credit(w, "due", amount="3")),
    "a credit on another chain": ("I2", lambda w: credit(w, "due", chain_id=56)),
    "a credit of another token": ("I2", lambda w: credit(w, "lookalike")),
    "a credit of another event": ("I2", lambda w: credit(w, "due", log_index=9, event_ordinal=7)),
    "a credit in a block that never was": (
        "I2",
        lambda w: credit(w, "due", block_hash="0x" + 64 * "7"),
    ),
    "a row that is deleted with all its traces": (
        "I18",
        lambda _: delete(
            "spot_ledger_entries", "spot_deposit_sightings", "spot_deposits", "spot_balances"
        ),
    ),
    "a row that is given to somebody else": (
        "I18",
        lambda _: [
            f"UPDATE {table} SET user_address = '{BOB}'"
            for table in ("spot_deposits", "spot_balances", "spot_ledger_entries")
        ],
    ),
    "a row that moves unseen": ("I18", lambda _: ["UPDATE spot_deposits SET log_index = 3"]),
    "a row that is orphaned unseen": (
        "I18",
        lambda w: [sql for sql in reverse(w, "credited", "1", "0") if "sightings" not in sql],
    ),
    "a row that moves where nobody saw it": (
        "I18",
        lambda w: [
            "UPDATE spot_deposits SET log_index = 3",
            sighting(w, "credited", "moved", log_index=4),
        ],
    ),
    "an entry that is rewritten": (
        "I18",
        lambda _: ["UPDATE spot_ledger_entries SET created_at = 2, frozen = '3'"],
    ),
    "an entry that is deleted": ("I18", lambda _: delete("spot_ledger_entries")),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_it_is_noticed_at_the_commit(name: str) -> None:
    invariant, write = TAMPERED[name]
    violation = first_violation(write)
    assert violation is not None
    assert violation.invariant == invariant


RIGHT: dict[str, Write] = {
    "nothing": lambda _: [],
    "a credit that is due": lambda w: credit(w, "due"),
    "a spending with its entry": lambda _: [
        entry(ALICE, "debit", "-0.75", "0.25"),
        set_available(ALICE, "0.25"),
    ],
    "a reversal of what was spent": lambda w: [
        entry(ALICE, "debit", "-0.75", "0.25"),
        *reverse(w, "credited", "1", "-0.75"),
    ],
    "a cursor at the highest confirmed block": lambda w: [cursor(w, w.confirmed_height)],
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_writes_are_no_violation(name: str) -> None:
    assert first_violation(RIGHT[name]) is None


def test_a_settled_ledger_that_says_what_the_chain_says_is_no_violation() -> None:
    assert first_violation(lambda _: [], settled=True) is None


def test_a_credit_that_was_taken_back_for_nothing_is_noticed_when_the_run_has_settled() -> None:
    violation = first_violation(lambda w: reverse(w, "credited", "1", "0"), settled=True)
    assert violation is not None
    assert violation.invariant == "I1"
    assert violation.actual == "0 rows"


def test_a_deposit_in_quarantine_is_not_lost() -> None:
    def hold(world: World) -> list[str]:
        held = insert(
            "spot_quarantined_logs",
            id="q",
            chain_id=97,
            tx_hash="0x" + world.users.deposits["credited"].transaction_hash.hex(),
            event_ordinal=0,
            raw_log="{}",
            reason="unreadable",
            status="held",
            created_at=1,
            **place_of(world, "credited"),
        )
        return [*reverse(world, "credited", "1", "0"), held]

    assert first_violation(hold, settled=True) is None
    released = [hold, lambda _: ["UPDATE spot_quarantined_logs SET status = 'released'"]]
    violation = first_violation(lambda w: [s for f in released for s in f(w)], settled=True)
    assert violation is not None
    assert violation.invariant == "I1"


def test_who_keeps_no_history_is_not_asked_for_it() -> None:
    found: list[Violation] = []
    with World(WorldSettings()) as world:
        Invariants(world, found.append)

        def script() -> None:
            world.users.deposit("d", "alice", WEI, contracts.DF_TOKEN)
            world.blocks.mine(24)
            database = world.product.operator._host.connect(NAME)
            with database.write() as transaction:
                transaction.execute(row(world, "d", block_hash=None, event_ordinal=2))
                transaction.execute(new_balance(ALICE, "1"))
            world.product.debit("alice", "DF", "0.25")

        world.run(script)
    assert found == []


def test_a_write_outside_of_any_transaction_is_seen_too() -> None:
    found: list[Violation] = []
    with World(WorldSettings()) as world:
        Invariants(world, found.append)

        def script() -> None:
            database = world.product.operator._host.connect(NAME)
            database.connection.execute(new_balance(BOB, "2"))

        world.run(script)
    assert [violation.invariant for violation in found] == ["I5"]


def test_every_invariant_of_the_watch_has_a_sentence() -> None:
    named = {invariant for invariant, _ in TAMPERED.values()} | {"I1", "I10"}
    assert named == set(SENTENCES)


# --- behind a reorg -------------------------------------------------------------------------------


def idle(settings: object, transport: object, clock: object, entropy: object, database: object):  # type: ignore[no-untyped-def]
    """A listener that is alive and does nothing."""
    while True:
        clock.sleep_s(1)  # type: ignore[attr-defined]


def after_a_reorg(
    script: Callable[[World, Callable[[Sequence[str]], None]], None],
) -> list[tuple[str, float]]:
    """The violations of a run, in seconds after a reorg of 30 blocks that drops a credited deposit.

    The cursor stands at the highest confirmed block, and its hash is kept.
    """
    found: list[Violation] = []
    reorg_us = 0
    with World(WorldSettings(listener=idle)) as world:
        Invariants(world, found.append)

        def commit(statements: Sequence[str]) -> None:
            with world.product.operator._host.connect(NAME).write() as transaction:
                for sql in statements:
                    transaction.execute(sql)

        def play() -> None:
            nonlocal reorg_us
            world.product.start_listener()
            world.blocks.mine(5)
            world.users.deposit("gone", "alice", WEI, contracts.DF_TOKEN)
            world.blocks.mine(25)
            sync = {"chain_id": 97, "event_type": "deposit", "updated_at": 1}
            first = insert("spot_block_sync_state", last_processed_block=1_000, **sync)
            commit([first, *credit(world, "gone"), cursor(world, world.confirmed_height)])
            world.blocks.reorg(27, None, ["gone"], [], 0)
            reorg_us = world.now_us
            script(world, commit)

        world.run(play)
    return [(v.invariant, (v.at_us - reorg_us) / MICROSECONDS) for v in found]


def test_a_row_off_the_chain_is_tolerated_for_three_polls() -> None:
    ((invariant, after_s),) = after_a_reorg(lambda world, _: world.blocks.mine(20))
    assert invariant == "I2"
    assert 6 < after_s < 10.5
    assert after_a_reorg(lambda world, _: world.blocks.mine(3)) == []


def test_patience_begins_when_the_listener_is_there_again() -> None:
    def down(world: World, _: object) -> None:
        world.product.kill_listener()
        world.blocks.mine(20)

    assert after_a_reorg(down) == []


def test_patience_begins_when_the_node_is_honest_again() -> None:
    from ztdx_devnet.faults.answers import AnswerFault

    def lied_to(world: World, _: object) -> None:
        world.arm(AnswerFault("f", "eth_getLogs", "error"))
        world.blocks.mine(20)
        world.lift_faults()
        world.blocks.mine(3)

    assert after_a_reorg(lied_to) == []


def test_a_reversal_in_time_is_no_violation_and_the_cursor_may_go_back() -> None:
    reversal = [
        "UPDATE spot_deposits SET status = 'orphaned'",
        "INSERT INTO spot_deposit_sightings"
        " (deposit_id, act, block_number, log_index, block_hash, created_at)"
        " SELECT id, 'orphaned', block_number, log_index, block_hash, 2 FROM spot_deposits",
        entry(ALICE, "reversal", "-1", "0", "gone"),
        set_available(ALICE, "0"),
    ]

    def repair(world: World, commit: Callable[[Sequence[str]], None]) -> None:
        world.blocks.mine(1)
        commit([*reversal, cursor(world, 1_003)])
        world.blocks.mine(20)

    assert after_a_reorg(repair) == []


def test_a_row_that_comes_back_with_its_branch_is_no_violation() -> None:
    def back(world: World, _: object) -> None:
        world.blocks.mine(2)
        world.blocks.switch_branch("main")
        world.blocks.mine(20)

    assert after_a_reorg(back) == []


def test_a_cursor_whose_hash_was_not_kept_may_not_go_back_even_then() -> None:
    def forget(world: World, commit: Callable[[Sequence[str]], None]) -> None:
        commit(["UPDATE spot_block_sync_state SET last_processed_hash = NULL"])
        commit([cursor(world, 1_003)])

    assert [invariant for invariant, _ in after_a_reorg(forget)] == ["I7"]


def test_a_head_that_was_there_a_moment_ago_is_no_excuse_a_moment_later() -> None:
    def written(after_us: int) -> list[str]:
        found: list[Violation] = []
        with World(WorldSettings()) as world:
            Invariants(world, found.append)

            def script() -> None:
                world.blocks.mine(30)
                highest = world.confirmed_height
                world.blocks.reorg(20, 1, [], [], 0)
                world.sleep_us(after_us)
                sync = {"chain_id": 97, "event_type": "deposit", "updated_at": 1}
                database = world.product.operator._host.connect(NAME)
                database.connection.execute(
                    insert("spot_block_sync_state", last_processed_block=highest, **sync)
                )

            world.run(script)
        return [violation.invariant for violation in found]

    assert written(20_000) == []
    assert written(300_000) == ["I7"]
