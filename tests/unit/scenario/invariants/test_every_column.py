"""Every column of the product's database is judged: altered in a row at rest, or written wrong
from the start, it turns an invariant red; or a table here says why it can't."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.faults.answers import AnswerFault
from ztdx_devnet.scenario.invariants.evidence.admin_requests import KEY_HEADER, PATH
from ztdx_devnet.scenario.values import WEI
from ztdx_devnet.sim.operator import NAME
from ztdx_devnet.sim.processes import ApiRequest
from ztdx_devnet.sim.world import ADMIN_API_KEY, World, WorldSettings
from ztdx_devnet.virtual_time import MICROSECONDS
from ztdx_spot.errors import DebitError
from ztdx_spot.ledger.schema import TABLES

from .by_hand import ALICE, BOB, CAROL, watching

_WORKING_MEMORY = "the listener's memory of hashes: what a wrong one leads to is I1's and I2's"
_STATUS = "what the listener says of itself: I15 asks health, which is made of it, when it stands"
_USERS = "who may log in is no invariant's: steps ask the API for it"
_LABEL = "how a user calls a key, and when it was made, moves no money"

EXCUSED_AT_REST: dict[str, str] = {
    "spot_quarantined_logs.reason": "free text, which each attempt to replay writes anew",
    **{f"users.{name}": _USERS for name in ("user_address", "login_nonce", "created_at")},
    **{
        f"spot_processed_blocks.{name}": _WORKING_MEMORY
        for name in ("chain_id", "block_number", "block_hash")
    },
    **{
        f"spot_listener_status.{name}": _STATUS
        for name in (
            "chain_id",
            "head_block",
            "head_since",
            "succeeded_at",
            "failed_polls",
            "trouble",
            "halted",
            "updated_at",
        )
    },
    **{f"api_keys.{name}": _LABEL for name in ("id", "label", "created_at")},
}

_ANY_ID = "ids are drawn, and one is as good as another"
_AS_TOLD = "what the node told of a log that nobody can read"
_REFUSED = "a constraint of the schema refuses the row, and nothing is written"

EXCUSED_FROM_THE_START: dict[str, str] = {
    **EXCUSED_AT_REST,
    "spot_deposits.id": _ANY_ID,
    "spot_admin_credits.id": _ANY_ID,
    "spot_quarantined_logs.id": _ANY_ID,
    "spot_deposit_sightings.seq": _ANY_ID,
    "spot_ledger_entries.seq": _ANY_ID,
    **{
        f"spot_quarantined_logs.{name}": _AS_TOLD for name in ("block_hash", "log_index", "raw_log")
    },
    "spot_admin_credit_keys.admin_credit_id": _REFUSED,
    "spot_ledger_entries.kind": _REFUSED,
    "spot_ledger_entries.admin_credit_id": _REFUSED,
}

_HASH = "'0x" + 64 * "7" + "'"
_OTHER = "'77777777-7777-4777-8777-777777777777'"
_CHANGED: dict[str, str] = {
    "user_address": f"'{CAROL}'",
    "token": "'USDT'",
    "amount": "amount || '7'",
    "available": "iif(available = '0', '7', available || '7')",
    "frozen": "'7'",
    "chain_id": "chain_id + 1",
    "tx_hash": _HASH,
    "block_hash": _HASH,
    "last_processed_hash": _HASH,
    "genesis_hash": _HASH,
    "body_sha256": "'" + 64 * "7" + "'",
    "spot_deposits.status": "iif(status = 'orphaned', 'confirmed', 'orphaned')",
    "spot_quarantined_logs.status": "iif(status = 'held', 'released', 'held')",
    "act": "'restored'",
    "kind": "iif(kind = 'deposit', 'admin_credit', 'deposit')",
    "id": _OTHER,
    "deposit_id": "iif(deposit_id IS NULL, NULL, coalesce("
    "(SELECT d.id FROM spot_deposits d WHERE d.id <> deposit_id), deposit_id))",
    "admin_credit_id": _OTHER,
    "api_keys.status": "'disabled'",
}
"""SQL of a plausible other value, by column; else one more, an hour earlier, or another text."""


def columns() -> list[str]:
    with closing(sqlite3.connect(":memory:")) as connection:
        for sql in TABLES.values():
            connection.execute(sql)
        return [
            f"{table}.{name}"
            for table in TABLES
            for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")
        ]


COLUMNS = columns()


def other_value(place: str) -> str:
    column = place.partition(".")[2]
    if place in _CHANGED or column in _CHANGED:
        return _CHANGED.get(place, _CHANGED.get(column, ""))
    if column.endswith("_at"):
        return f"{column} - 3600"
    numbers = ("seq", "index", "ordinal", "number", "block", "nonce", "halted", "since", "polls")
    return f"{column} + 1" if column.endswith(numbers) else f"{column} || 'x'"


def credit(world: World, user: str, amount: str, reason: str | None, key: str) -> None:
    body = {"user_address": user, "token": "DF", "amount": amount, "reason": reason}
    headers = {"X-API-Key": ADMIN_API_KEY, KEY_HEADER: key}
    answer = world.product.request(ApiRequest("POST", PATH, headers, json.dumps(body).encode()))
    assert answer is not None
    assert answer.status == 200


def execute(world: World, *statements: str) -> None:
    """As somebody whom no rule of the schema stops."""
    database = world.product.operator._host.connect(NAME)
    with closing(database.connection):
        for name in ("foreign_keys = OFF", "ignore_check_constraints = ON"):
            database.connection.execute(f"PRAGMA {name}")
        for sql in statements:
            database.connection.execute(sql)


def violated(before: Callable[[World], None], after: Callable[[World], None]) -> list[str]:
    """What goes red in a world with deposits that stand, moved, are gone and are held, with admin
    credits and a debit, if somebody interferes before or after all that."""
    with World(WorldSettings()) as world, watching(world, lambda _: None) as watch:

        def script() -> None:
            product = world.product
            product.start_api()
            before(world)
            product.start_listener()
            world.users.deposit_together(["a", "b"], [("alice", WEI), ("bob", 2 * WEI)])
            for name, user, amount in (("gone", "alice", 3), ("held", "bob", 4)):
                world.users.deposit(name, user, amount * WEI, contracts.DF_TOKEN)
            spoilt = "0x" + world.users.deposits["held"].transaction_hash.hex()
            world.arm(AnswerFault("spoilt", kind="undecodable", transaction_hash=spoilt))
            world.blocks.mine(24)
            credit(world, ALICE, "5", "gift", "k")
            world.blocks.reorg(25, 26, drop=["gone"], delay_blocks=2)
            world.blocks.mine(1)
            credit(world, BOB, "7", None, "l")
            product.debit("alice", "DF", "0.5")
            product.operator.api_key("bob")
            world.sleep_us(3 * MICROSECONDS)
            after(world)
            watch.check_settled()

        try:
            world.run(script)
        except (AssertionError, DebitError):
            assert watch.found  # what is wrong has led to more
    return list(dict.fromkeys(violation.invariant for violation in watch.found))


def nothing(_: World) -> None:
    pass


def test_nothing_is_red_when_nobody_interferes() -> None:
    assert violated(nothing, nothing) == []


@pytest.mark.parametrize("place", COLUMNS)
def test_a_column_that_is_altered_at_rest_is_noticed(place: str) -> None:
    table, column = place.split(".")
    by = "block_number" if table == "spot_processed_blocks" else "rowid"
    newest = f"(SELECT max({by}) FROM {table} WHERE {column} IS NOT NULL)"

    def alter(world: World) -> None:
        connection = world.reader.read_only()
        assert connection is not None
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() > (0,)
        execute(world, f"UPDATE {table} SET {column} = {other_value(place)} WHERE {by} = {newest}")

    assert (violated(nothing, alter) == []) is (place in EXCUSED_AT_REST)


@pytest.mark.parametrize("place", [c for c in COLUMNS if c not in EXCUSED_FROM_THE_START])
def test_a_column_that_is_written_wrong_from_the_start_is_noticed(place: str) -> None:
    table, column = place.split(".")
    event = "UPDATE" if table in ("spot_balances", "spot_block_sync_state") else "INSERT"

    def corrupt(world: World) -> None:
        execute(
            world,
            f"CREATE TRIGGER wrong AFTER {event} ON {table} BEGIN UPDATE {table}"
            f" SET {column} = {other_value(place)} WHERE rowid = new.rowid; END",
        )

    assert violated(corrupt, nothing) != []


def test_excuses_are_of_columns_that_there_are() -> None:
    assert EXCUSED_AT_REST.keys() | EXCUSED_FROM_THE_START.keys() <= set(COLUMNS)
