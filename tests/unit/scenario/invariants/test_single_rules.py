"""Each invariant notices by itself what it is there for, at the commit that does it, and no other
invariant is red for that but those that must be."""

from __future__ import annotations

import pytest

from ztdx_devnet.faults.answers import AnswerFault
from ztdx_devnet.scenario.invariants import SENTENCES
from ztdx_devnet.sim.world import World

from .by_hand import (
    ALICE,
    BOB,
    CAROL,
    DROP_KEYS,
    NOW,
    Write,
    begin,
    credit,
    cursor,
    delete,
    entry,
    insert,
    move_balance,
    new_balance,
    place_of,
    read_all,
    reverse,
    row,
    set_available,
    sighting,
    spend,
    violated,
)

UNCHECKED = "PRAGMA ignore_check_constraints = 1"


def spend_on_paper(world: World) -> list[str]:
    """The operator was told that it had taken 0.25 DF, and something else is written."""
    world.product.operator.taken.append((ALICE, "DF", "0.25"))
    return credit(world, "due")


def spent_of(world: World, name: str) -> list[str]:
    """Everything that a debit writes, but that its entry names a deposit."""
    debited, moved = spend(world, ALICE, "0.25", "0.75")
    return [debited.replace("'0', NULL", f"'0', '{name}'"), moved]


TAMPERED: dict[str, tuple[str, Write]] = {
    "a second row of one deposit": (
        "I3",
        lambda w: [
            *DROP_KEYS,
            row(w, "credited", id="again"),
            insert(
                "spot_deposit_sightings",
                deposit_id="again",
                act="credited",
                created_at=NOW,
                **place_of(w, "credited"),
            ),
            entry(ALICE, "deposit", "1", "2", "again"),
            move_balance(ALICE, "2"),
        ],
    ),
    "a balance that grew by itself": ("I4", lambda _: [set_available(ALICE, "1.5")]),
    "a balance that is frozen too": ("I4", lambda _: ["UPDATE spot_balances SET frozen = '1'"]),
    "a debit that was taken from nobody": (
        "I5 I4",
        lambda w: spend(w, ALICE, "0.25", "0.75")[:1],
    ),
    "a debit that nobody asked for": (
        "I4",
        lambda _: [entry(ALICE, "debit", "-0.25", "0.75"), move_balance(ALICE, "0.75")],
    ),
    "a debit of more than was asked for": (
        "I4",
        lambda w: [sql.replace("-0.25", "-0.5") for sql in spend(w, ALICE, "0.25", "0.5")],
    ),
    "a debit that is taken twice": (
        "I4",
        lambda w: [
            *spend(w, ALICE, "0.25", "0.75"),
            entry(ALICE, "debit", "-0.25", "0.5"),
            move_balance(ALICE, "0.5"),
        ],
    ),
    "a debit that was asked for and not taken": ("I4", lambda w: spend_on_paper(w)),
    "a debit of half of it, twice": (
        "I4",
        lambda w: [
            *spend(w, ALICE, "0.5", "0.5")[2:],
            entry(ALICE, "debit", "-0.25", "0.75"),
            entry(ALICE, "debit", "-0.25", "0.5"),
            move_balance(ALICE, "0.5"),
        ],
    ),
    "a debit that is a reversal": (
        "I5 I4",
        lambda w: [sql.replace("'debit'", "'reversal'") for sql in spent_of(w, "credited")],
    ),
    "a debit that names a deposit": ("I5", lambda w: [UNCHECKED, *spent_of(w, "credited")]),
    "a debit that adds": (
        "I4",
        lambda w: [
            UNCHECKED,
            *(sql.replace("-0.25", "0.25") for sql in spend(w, ALICE, "0.25", "1.25")),
        ],
    ),
    "a debit that is called an admin credit": (
        "I4",
        lambda w: [
            UNCHECKED,
            *(sql.replace("'debit'", "'admin_credit'") for sql in spend(w, ALICE, "0.25", "0.75")),
        ],
    ),
    "a debit taken from somebody else": (
        "I4",
        lambda w: [
            *credit(w, "due"),
            *(sql.replace(ALICE, BOB) for sql in spend(w, ALICE, "1", "1")),
        ],
    ),
    "entries whose balances do not lead to one another": (
        "I4",
        lambda w: [
            *spend(w, ALICE, "0.25", "0.7")[:1],
            *spend(w, ALICE, "0.25", "0.5"),
        ],
    ),
    "a balance that was changed at another time": (
        "I5",
        lambda _: ["UPDATE spot_balances SET updated_at = updated_at + 1"],
    ),
    "a spending without an entry": ("I4", lambda _: [set_available(ALICE, "0.75")]),
    "an admin credit that nobody asked for": (
        "I4",
        lambda _: [
            insert(
                "spot_admin_credits",
                id="a",
                user_address=ALICE,
                token="DF",
                amount="1",
                admin_actor="x",
                created_at=NOW,
            ),
            insert(
                "spot_ledger_entries",
                user_address=ALICE,
                token="DF",
                kind="admin_credit",
                amount="1",
                available="2",
                frozen="0",
                admin_credit_id="a",
                created_at=NOW,
            ),
            move_balance(ALICE, "2"),
        ],
    ),
    "a balance of nothing": ("I5", lambda _: [new_balance(BOB, "2")]),
    "a row without its balance": ("I5", lambda w: credit(w, "due")[:-1]),
    "a row without its entry": (
        "I5 I4",
        lambda w: [row(w, "due"), sighting(w, "due", "credited"), new_balance(BOB, "2")],
    ),
    "a reversal that leaves the money": (
        "I5 I4",
        lambda w: reverse(w, "credited", "1", "1")[:2],
    ),
    "a balance that is gone": ("I5", lambda _: delete("spot_balances")),
    "a credit before its time": ("I6", lambda w: credit(w, "early")),
    "a cursor that goes back for nothing": ("I7", lambda w: [cursor(w, 1_001)]),
    "a cursor that runs ahead": ("I7", lambda w: [cursor(w, w.confirmed_height + 1)]),
    "a second cursor": (
        "I7",
        lambda w: [begin(w).replace("'97'", "'98'")],
    ),
    "a credit of somebody else": ("I2", lambda w: credit(w, "due", user_address=CAROL)),
    "a credit in a block that never was": (
        "I2",
        lambda w: credit(w, "due", block_hash="0x" + 64 * "7"),
    ),
    "a credit at another log": ("I2", lambda w: credit(w, "due", log_index=9)),
    "a credit for another event of its transaction": (
        "I2",
        lambda w: credit(w, "due", event_ordinal=1),
    ),
    "a credit on another chain": ("I9", lambda w: credit(w, "due", chain_id=56)),
    "a credit of another token": ("I9", lambda w: credit(w, "lookalike")),
    "a credit of another event": ("I9", lambda w: credit(w, "due", log_index=9, event_ordinal=7)),
    "a credit of another amount": ("I11", lambda w: credit(w, "due", amount="3")),
    "an amount in another spelling": (
        "I11",
        lambda w: [UNCHECKED, *credit(w, "due", amount="2.0")],
    ),
    "a balance in another spelling": (
        "I11",
        lambda w: [
            UNCHECKED,
            *spend(w, ALICE, "0.5", "0.5"),
            set_available(ALICE, "5e-1"),
        ],
    ),
    "a balance that is no number": ("I11", lambda _: [UNCHECKED, set_available(ALICE, "much")]),
    "an entry in another spelling": (
        "I11",
        lambda w: [
            UNCHECKED,
            *(sql.replace("'deposit', '2'", "'deposit', '2.0'") for sql in credit(w, "due")),
        ],
    ),
    "a row that is deleted with all its traces": (
        "I18",
        lambda _: delete(
            "spot_ledger_entries", "spot_deposit_sightings", "spot_deposits", "spot_balances"
        ),
    ),
    "a row that is given to somebody else": (
        "I18 I2",
        lambda _: [
            f"UPDATE {table} SET user_address = '{BOB}'"
            for table in ("spot_deposits", "spot_balances", "spot_ledger_entries")
        ],
    ),
    "a row that moves unseen": ("I18 I2", lambda _: ["UPDATE spot_deposits SET log_index = 3"]),
    "a credit that nobody saw": (
        "I18",
        lambda w: [sql for sql in credit(w, "due") if "sightings" not in sql],
    ),
    "a credit that is called another act": (
        "I18",
        lambda w: [sql.replace("'credited'", "'restored'") for sql in credit(w, "due")],
    ),
    "a sighting of nothing": ("I18", lambda w: [sighting(w, "credited", "restored")]),
    "a sighting in another block": (
        "I18",
        lambda w: [sighting(w, "credited", "moved", block_hash="0x" + 64 * "7")],
    ),
    "a credit that is dated back": (
        "I18",
        lambda w: [sql.replace(str(NOW), "1767227600") for sql in credit(w, "due")],
    ),
    "a credit that was confirmed later than created": (
        "I18",
        lambda w: credit(w, "due", confirmed_at=NOW + 1),
    ),
    "an entry that is dated back": (
        "I18 I5",
        lambda w: [s.replace(str(NOW), "7") if "entries" in s else s for s in credit(w, "due")],
    ),
    "a row that is orphaned unseen": (
        "I18",
        lambda w: [sql for sql in reverse(w, "credited", "1", "0") if "sightings" not in sql],
    ),
    "a row that moves where nobody saw it": (
        "I18 I2",
        lambda w: [
            "UPDATE spot_deposits SET log_index = 3",
            sighting(w, "credited", "moved", log_index=4),
        ],
    ),
    "a row whose time of credit is another": (
        "I18",
        lambda _: ["UPDATE spot_deposits SET created_at = 7"],
    ),
    "a row that was confirmed at another time": (
        "I18",
        lambda _: ["UPDATE spot_deposits SET confirmed_at = 7"],
    ),
    "a sighting that is deleted": ("I18", lambda _: delete("spot_deposit_sightings")),
    "an entry of another time": (
        "I18 I5",
        lambda _: ["UPDATE spot_ledger_entries SET created_at = 2"],
    ),
    "an entry that is rewritten": (
        "I18 I5 I4",
        lambda _: ["UPDATE spot_ledger_entries SET created_at = 2, frozen = '3'"],
    ),
    "an entry that is deleted": ("I18 I5 I4", lambda _: delete("spot_ledger_entries")),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_it_is_noticed_at_the_commit(name: str) -> None:
    rules, write = TAMPERED[name]
    assert violated(write) == rules.split()


RIGHT: dict[str, Write] = {
    "nothing": lambda _: [],
    "a credit that is due": lambda w: credit(w, "due"),
    "a spending with its entry": lambda w: spend(w, ALICE, "0.75", "0.25"),
    "a reversal of what was spent": lambda w: [
        *spend(w, ALICE, "0.75", "0.25")[:1],
        *reverse(w, "credited", "1", "-0.75"),
    ],
    "a cursor at the highest confirmed block": lambda w: [cursor(w, w.confirmed_height)],
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_writes_are_no_violation(name: str) -> None:
    assert violated(RIGHT[name]) == []


def test_a_settled_ledger_that_says_what_the_chain_says_is_no_violation() -> None:
    assert violated(lambda _: [], settled=True) == []


def test_a_credit_that_was_taken_back_for_nothing_is_noticed_when_the_run_has_settled() -> None:
    assert violated(lambda w: reverse(w, "credited", "1", "0"), settled=True) == ["I1"]


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
            created_at=NOW,
            **place_of(world, "credited"),
        )
        return [*reverse(world, "credited", "1", "0"), held]

    def release(world: World) -> list[str]:
        return [*hold(world), "UPDATE spot_quarantined_logs SET status = 'released'"]

    def told_spoilt(of: str | None, first: int = 1) -> Write:
        def write(world: World) -> list[str]:
            spoilt = None if of is None else "0x" + 64 * of
            if of == "own":
                spoilt = "0x" + world.users.deposits["credited"].transaction_hash.hex()
            world.arm(
                AnswerFault("f", kind="undecodable", transaction_hash=spoilt, first=first),
            )
            read_all(world)
            world.lift_faults()
            return hold(world)

        return write

    def told_spoilt_and_released(world: World) -> list[str]:
        return [*told_spoilt("own")(world), release(world)[-1]]

    assert violated(told_spoilt(None), settled=True) == []
    assert violated(told_spoilt("own"), settled=True) == []
    assert violated(told_spoilt_and_released, settled=True) == ["I1"]
    assert violated(hold, settled=True) == ["I1"], "it can be read"
    assert violated(told_spoilt(None, first=2), settled=True) == ["I1"], "and was told well"
    assert violated(told_spoilt("7"), settled=True) == ["I1"], "another one can't be read"


def test_every_invariant_of_the_catalogue_goes_red_in_a_test() -> None:
    here = {rule for rules, _ in TAMPERED.values() for rule in rules.split()} | {"I1"}
    elsewhere = {"I8": "test_coverage", "I10": "tests/scenario", "I12": "test_api_rules"}
    elsewhere |= {"I13": "test_api_rules", "I14": "test_standing_rules"}
    elsewhere |= {"I15": "test_stalls", "I16": "test_standing_rules", "I17": "sweeps"}
    assert here | elsewhere.keys() == set(SENTENCES)
