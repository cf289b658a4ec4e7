"""The operator's commands on a ledger: verify it, and try again what is held in quarantine."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ztdx_spot.__main__ import main
from ztdx_spot.edges import WallClock
from ztdx_spot.ledger import balances, cursor
from ztdx_spot.ledger.database import Database, open_connection
from ztdx_spot.ledger.migrations import prepare_schema
from ztdx_spot.listener.crediting import Blocks, Crediting
from ztdx_spot.listener.events import SPOT_DEPOSIT_TOPIC0, VaultEvent

from .world import ALICE, DF, VAULT, CountingEntropy, address_topic, listener_settings

GENESIS = "0x" + 64 * "0"


def run(path: Path, command: str) -> Result:
    environment = {
        "DATABASE_URL": f"sqlite:///{path}",
        "SPOT_BSC_RPC_URL": "http://node",
        "SPOT_BSC_VAULT_ADDRESS": VAULT,
        "SPOT_DF_TOKEN_ADDRESS": DF,
    }
    return CliRunner().invoke(main, [command], env=environment)


def event(number: int) -> VaultEvent:
    return VaultEvent(
        tx_hash=f"0x{number:064x}",
        ordinal=0,
        block_number=number,
        block_hash=f"0x{number:064x}",
        log_index=0,
        topics=(SPOT_DEPOSIT_TOPIC0, address_topic(ALICE), address_topic(DF)),
        data=f"0x{10**18:064x}",
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger with a deposit, and one that a trigger kept out; the trigger is still there."""
    path = tmp_path / "spot.db"
    with closing(open_connection(path, synchronous="OFF")) as connection:
        database = Database(connection, WallClock())
        prepare_schema(database)
        with database.write() as transaction:
            cursor.start(transaction, 97, 1, GENESIS, 1)
            transaction.execute(
                "CREATE TRIGGER keep_out BEFORE INSERT ON spot_deposits WHEN NEW.block_number = 6"
                " BEGIN SELECT RAISE(ABORT, 'not this one'); END"
            )
        with database.read() as transaction:
            expected = cursor.read(transaction, 97)
        assert expected is not None
        blocks = Blocks(
            expected=expected,
            head_block=40,
            ancestor_block=0,
            last_block=20,
            last_hash=f"0x{20:064x}",
            events=(event(5), event(6)),
        )
        Crediting(listener_settings(), CountingEntropy(), database).write(blocks, 1)
    return path


def execute(path: Path, sql: str) -> None:
    with closing(open_connection(path)) as connection:
        connection.execute(sql)


def available(path: Path) -> str:
    with (
        closing(open_connection(path)) as connection,
        Database(connection, WallClock()).read() as transaction,
    ):
        return balances.balances_of(transaction, ALICE)[0].available


class TestVerifyLedger:
    def test_a_sound_ledger_is_told_in_one_line(self, path: Path) -> None:
        result = run(path, "verify-ledger")
        assert result.exit_code == 0
        assert result.stdout == (
            "1 balances, 1 entries, 1 deposits, 0 admin credits: no difference\n"
        )

    def test_each_difference_is_a_line_and_the_exit_code_is_1(self, path: Path) -> None:
        execute(path, "UPDATE spot_balances SET available = '3'")
        result = run(path, "verify-ledger")
        assert result.exit_code == 1
        assert result.stdout.splitlines() == [
            f"DF of {ALICE}, available: expected 1, found 3",
            "1 balances, 1 entries, 1 deposits, 0 admin credits: 1 difference",
        ]

    def test_a_file_of_another_version_is_refused_and_left_as_it_is(self, path: Path) -> None:
        execute(path, "PRAGMA user_version = 1")
        result = run(path, "verify-ledger")
        assert (result.exit_code, result.stdout) == (3, "")
        assert result.stderr == (
            "the database has schema version 1, expected 2: start the program on it once, which "
            "converts an older one\n"
        )


class TestReplayQuarantine:
    def test_what_is_still_refused_stays_held_with_its_reason(self, path: Path) -> None:
        result = run(path, "replay-quarantine")
        assert result.exit_code == 1
        assert result.stdout.splitlines() == [
            f"log 0 of block 6 (0x{6:064x}): the database refuses its row: not this one",
            "0 released, 1 still held",
        ]
        assert available(path) == "1"

    def test_what_can_be_credited_now_is_and_only_once(self, path: Path) -> None:
        execute(path, "DROP TRIGGER keep_out")
        result = run(path, "replay-quarantine")
        assert (result.exit_code, result.stdout) == (0, "1 released, 0 still held\n")
        assert run(path, "replay-quarantine").stdout == "0 released, 0 still held\n"
        assert available(path) == "2"
        assert run(path, "verify-ledger").exit_code == 0


@pytest.mark.parametrize("command", ["verify-ledger", "replay-quarantine"])
def test_a_mistyped_database_is_one_line_and_is_not_made(tmp_path: Path, command: str) -> None:
    path = tmp_path / "sopt.db"
    result = run(path, command)
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == f"there is no database at {path}: correct DATABASE_URL\n"
    assert not path.exists()
