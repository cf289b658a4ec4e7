"""The cursor: compare and set, one per chain; the hashes kept beside it are thinned, never lost."""

from __future__ import annotations

import pytest

from ztdx_spot.errors import CursorMovedError
from ztdx_spot.ledger import cursor
from ztdx_spot.ledger.cursor import Cursor
from ztdx_spot.ledger.database import Database

from .world import tx_hash

GENESIS = tx_hash(1)


def move(database: Database, expected: Cursor, block: int, block_hash: str | None) -> None:
    with database.write() as transaction:
        cursor.move(transaction, 97, expected, block, block_hash, 5)


def read(database: Database, chain_id: int = 97) -> Cursor | None:
    with database.read() as transaction:
        return cursor.read(transaction, chain_id)


@pytest.fixture(autouse=True)
def started(database: Database) -> None:
    with database.write() as transaction:
        cursor.start(transaction, 97, 10, GENESIS, 1)


def kept(database: Database, up_to: int = 2**62, limit: int = 10**6) -> list[int]:
    with database.read() as transaction:
        return [number for number, _ in cursor.kept_blocks(transaction, 97, -1, up_to, limit)]


def keep(database: Database, ancestor: int, block: int) -> None:
    with database.write() as transaction:
        cursor.keep_block(transaction, 97, ancestor, block, tx_hash(block))


class TestMove:
    def test_the_first_one_is_just_below_the_first_block(self, database: Database) -> None:
        assert read(database) == Cursor(block=9, first_block=10, genesis_hash=GENESIS)
        assert read(database, 56) is None

    def test_a_second_start_changes_nothing(self, database: Database) -> None:
        with database.write() as transaction:
            cursor.start(transaction, 97, 500, tx_hash(2), 1)
        assert read(database) == Cursor(block=9, first_block=10, genesis_hash=GENESIS)

    def test_it_moves_from_what_was_read_only(self, database: Database) -> None:
        move(database, Cursor(block=9), 20, tx_hash(20))
        for expected in (
            Cursor(block=9),
            Cursor(block=20),
            Cursor(block=20, block_hash=tx_hash(21)),
            Cursor(block=21, block_hash=tx_hash(20)),
        ):
            with pytest.raises(CursorMovedError, match=f"from block {expected.block}"):
                move(database, expected, 30, tx_hash(30))
        move(database, Cursor(block=20, block_hash=tx_hash(20)), 15, None)
        assert read(database) == Cursor(block=15, first_block=10, genesis_hash=GENESIS)

    def test_each_chain_has_its_own(self, database: Database) -> None:
        with database.write() as transaction:
            cursor.start(transaction, 56, 1, GENESIS, 1)
        move(database, Cursor(block=9), 20, tx_hash(20))
        other = read(database, 56)
        assert other is not None
        assert other.block == 0

    def test_the_genesis_is_kept_once(self, database: Database) -> None:
        with database.write() as transaction:
            cursor.keep_genesis(transaction, 97, tx_hash(7))
        found = read(database)
        assert found is not None
        assert found.genesis_hash == GENESIS


class TestKeptBlocks:
    def test_they_come_newest_first_below_a_block_and_at_most_so_many(
        self, database: Database
    ) -> None:
        for block in range(10, 20):
            keep(database, block - 1, block)
        assert kept(database, up_to=17, limit=3) == [17, 16, 15]

    def test_what_is_above_the_ancestor_is_forgotten(self, database: Database) -> None:
        for block in range(10, 20):
            keep(database, block - 1, block)
        keep(database, 14, 16)
        assert kept(database) == [16, 14, 13, 12, 11, 10]

    def test_without_a_hash_nothing_is_kept_and_the_rest_is_forgotten(
        self, database: Database
    ) -> None:
        keep(database, 9, 10)
        with database.write() as transaction:
            cursor.keep_block(transaction, 97, 5, 5, None)
        assert kept(database) == []

    @pytest.mark.parametrize("step", [1, 7, 50, 99, 100])
    def test_the_last_thousand_are_all_kept_and_below_one_in_a_hundred(
        self, database: Database, step: int
    ) -> None:
        blocks = range(0, 3000, step)
        for block in blocks:
            keep(database, block - step, block)
        found = kept(database)
        recent = [block for block in blocks if block > blocks[-1] - 1000]
        assert found[: len(recent)] == recent[::-1]
        old = [block for block in found if block < blocks[-1] - 1100]
        assert len({block // 100 for block in old}) == len(old)
        assert {block // 100 for block in found} == {block // 100 for block in blocks}

    def test_thinning_of_one_chain_reads_and_touches_no_other(self, database: Database) -> None:
        blocks_of = {56: [0, 40, 80], 97: [10, 50, 90, 1000], 137: [5, 45, 95]}
        with database.write() as transaction:
            for chain_id in (56, 137, 97):
                below = -1
                for block in blocks_of[chain_id]:
                    cursor.keep_block(transaction, chain_id, below, block, tx_hash(block))
                    below = block
        rows = database.connection.execute(
            "SELECT chain_id, block_number FROM spot_processed_blocks ORDER BY block_number"
        ).fetchall()
        found = {
            chain_id: [block for chain, block in rows if chain == chain_id]
            for chain_id in blocks_of
        }
        assert found == {**blocks_of, 97: [10, 1000]}
