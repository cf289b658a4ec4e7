"""The reader that is told what was written sees what one sees that reads everything."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from tests.unit.scenario.invariants.by_hand import ALICE, BOB, entry, insert, new_balance
from ztdx_devnet.sim import ledger_reader
from ztdx_devnet.sim.ledger_reader import LedgerReader, concerns_ledger
from ztdx_spot.ledger.schema import INDEXES, TABLES

HASH = "0x" + 64 * "a"


@pytest.fixture
def connection(tmp_path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(tmp_path / "spot.db", isolation_level=None)
    for sql in (*TABLES.values(), *INDEXES):
        connection.execute(sql)
    return connection


def deposit(number: int, user: str = ALICE) -> str:
    return insert(
        "spot_deposits",
        id=f"d{number}",
        user_address=user,
        token="DF",
        amount="1",
        chain_id=97,
        tx_hash="0x" + f"{number:064x}",
        block_number=number,
        log_index=0,
        status="confirmed",
        created_at=1,
        event_ordinal=0,
        block_hash=HASH,
    )


def sighting(number: int) -> str:
    seen = {"block_number": number, "log_index": 0, "created_at": 1}
    return insert("spot_deposit_sightings", deposit_id=f"d{number}", act="credited", **seen)


def held(number: int) -> str:
    return insert(
        "spot_quarantined_logs",
        id=f"q{number}",
        chain_id=97,
        tx_hash=HASH,
        event_ordinal=number,
        block_number=1,
        block_hash=HASH,
        log_index=0,
        raw_log="{}",
        reason="r",
        status="held",
        created_at=1,
    )


def admin_credit(number: int) -> str:
    return insert(
        "spot_admin_credits",
        id=f"a{number}",
        user_address=BOB,
        token="DF",
        amount="1",
        admin_actor="x",
        created_at=1,
    )


CHANGES = [
    "UPDATE spot_deposits SET status = 'orphaned' WHERE rowid % 2",
    "UPDATE spot_deposits SET block_number = block_number + 1",
    "DELETE FROM spot_deposits WHERE rowid = (SELECT max(rowid) FROM spot_deposits)",
    "DELETE FROM spot_ledger_entries WHERE seq % 3 = 0",
    "UPDATE spot_balances SET available = '7'",
    "WITH n AS (SELECT 9 AS nine) UPDATE spot_deposits SET log_index = (SELECT nine FROM n)",
    "UPDATE spot_quarantined_logs SET status = 'released' WHERE event_ordinal % 2",
    "UPDATE spot_admin_credits SET amount = '2'",
    "INSERT INTO spot_deposit_sightings (deposit_id, act, block_number, log_index, created_at)"
    " SELECT id, 'moved', block_number, 1, 2 FROM spot_deposits",
    "INSERT INTO spot_balances (user_address, token, available, frozen, created_at, updated_at)"
    f" VALUES ('{ALICE}', 'DF', '3', '0', 1, 1) ON CONFLICT DO UPDATE SET available = '4'",
]


def test_it_sees_the_same_through_random_writes(
    tmp_path: Path, connection: sqlite3.Connection
) -> None:
    chance = random.Random(7)
    told, whole = LedgerReader(tmp_path / "spot.db"), LedgerReader(tmp_path / "spot.db")
    told.snapshot()
    for number in range(400):
        statements = chance.sample(
            [
                deposit(number),
                sighting(number),
                entry(ALICE, "debit", "-1", "1"),
                held(number),
                admin_credit(number),
                chance.choice(CHANGES),
            ],
            chance.randrange(1, 4),
        )
        if number == 5:
            statements.append(new_balance(BOB, "1"))
        for sql in statements:
            connection.execute(sql)
        told.note(statements)
        seen, true = told.snapshot(), whole.snapshot()
        assert seen == true
        for name in ("confirmed_by_transaction", "orphaned_by_transaction", "deposit_sums"):
            assert getattr(seen, name) == getattr(true, name), name
    assert len(seen.deposits) > 20


def test_a_row_that_stays_is_the_same_object(
    tmp_path: Path, connection: sqlite3.Connection
) -> None:
    reader = LedgerReader(tmp_path / "spot.db")
    connection.execute(deposit(1))
    before = reader.snapshot()
    connection.execute(deposit(2))
    connection.execute("UPDATE spot_deposits SET log_index = 5 WHERE id = 'd2'")
    after = reader.snapshot()
    assert after.deposits[0] is before.deposits[0]
    assert len(before.deposits) == 1
    assert after.deposits[1].log_index == 5


def test_what_nobody_told_of_comes_to_light(
    tmp_path: Path, connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_reader, "_READ_ANEW_EVERY", 4)
    reader = LedgerReader(tmp_path / "spot.db")
    connection.execute(deposit(1))
    reader.snapshot()
    connection.execute("UPDATE spot_deposits SET log_index = 5")
    seen = []
    for number in range(2, 5):
        connection.execute(deposit(number))
        reader.note([deposit(number)])
        seen.append(reader.snapshot().deposits[0].log_index)
    assert seen == [0, 0, 5]


def test_without_a_word_it_reads_everything(tmp_path: Path, connection: sqlite3.Connection) -> None:
    reader = LedgerReader(tmp_path / "spot.db")
    connection.execute(deposit(1))
    reader.snapshot()
    connection.execute("UPDATE spot_deposits SET log_index = 5")
    assert reader.snapshot().deposits[0].log_index == 5


def test_only_writes_to_the_ledger_concern_it() -> None:
    assert concerns_ledger([deposit(1)])
    assert concerns_ledger(["DROP TABLE spot_balances"])
    assert not concerns_ledger(["UPDATE spot_block_sync_state SET last_processed_block = 1"])
    assert not concerns_ledger([insert("spot_listener_status", chain_id=97)])
