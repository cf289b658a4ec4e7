"""Brings a file to the newest schema: creates the tables of a new one, converts an older one.

All of it is one write transaction: a file is of one version or of the next, never between.
"""

from __future__ import annotations

from collections.abc import Callable

from ztdx_spot.errors import SchemaError
from ztdx_spot.ledger import amounts
from ztdx_spot.ledger.database import Database, ReadTransaction, WriteTransaction
from ztdx_spot.ledger.schema import INDEXES, SCHEMA_VERSION, TABLES


def prepare_schema(database: Database) -> None:
    """Create or convert what is needed; safe to call by every process at every start, also at once.

    Raises SchemaError when the file belongs to a newer version, or to another program.
    """
    database.use_write_ahead_log()
    with database.write() as transaction:
        (version,) = transaction.execute("PRAGMA user_version").fetchone()
        if version == SCHEMA_VERSION:
            return
        if version == 0 and not _table_names(transaction):
            _create(transaction, *TABLES)
        elif version in CONVERSIONS:
            for older in range(version, SCHEMA_VERSION):
                CONVERSIONS[older](transaction)
        else:
            raise SchemaError(
                f"the database has schema version {version}, expected 1 to {SCHEMA_VERSION}: "
                "use the program that wrote it, or another DATABASE_URL"
            )
        for statement in INDEXES:
            transaction.execute(statement)
        transaction.execute(f"PRAGMA user_version={SCHEMA_VERSION}")


def require_newest_schema(transaction: ReadTransaction) -> None:
    """For who only looks and converts nothing. Raises SchemaError."""
    (version,) = transaction.execute("PRAGMA user_version").fetchone()
    if version != SCHEMA_VERSION:
        raise SchemaError(
            f"the database has schema version {version}, expected {SCHEMA_VERSION}: "
            "start the program on it once, which converts an older one"
        )


def _table_names(transaction: WriteTransaction) -> list[str]:
    rows = transaction.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return [name for (name,) in rows]


def _create(transaction: WriteTransaction, *names: str) -> None:
    for name in names:
        transaction.execute(TABLES[name])


def _from_1(transaction: WriteTransaction) -> None:
    """Version 1 kept no hashes of blocks, no ordinals of events and no entries.

    An event's ordinal is taken to be its rank among the rows of its transaction. It is another one
    only where the transaction also deposited another token, before; then a reorg deeper than the
    confirmations, of a block credited under version 1, needs an operator's eye.
    """
    rebuilt = ("users", "spot_deposits", "spot_balances", "spot_block_sync_state")
    for name in ("spot_deposits_event", "spot_deposits_of_user", "api_keys_of_user"):
        transaction.execute(f"DROP INDEX {name}")
    for name in rebuilt:
        transaction.execute(f"ALTER TABLE {name} RENAME TO {name}_1")
    kept = ("api_keys", "spot_admin_credits", "spot_admin_credit_keys")
    _create(transaction, *(name for name in TABLES if name not in kept))
    transaction.execute(
        "INSERT INTO users (user_address, created_at) SELECT user_address, created_at FROM users_1"
    )
    transaction.execute(
        "INSERT INTO spot_deposits (id, user_address, token, amount, chain_id, tx_hash,"
        " block_number, log_index, status, created_at, confirmed_at, event_ordinal)"
        " SELECT id, user_address, token, amount, chain_id, tx_hash, block_number, log_index,"
        " status, created_at, confirmed_at,"
        " row_number() OVER (PARTITION BY chain_id, tx_hash, status ORDER BY log_index) - 1"
        " FROM spot_deposits_1 ORDER BY rowid"
    )
    transaction.execute(
        "INSERT INTO spot_deposit_sightings"
        " (deposit_id, act, block_number, log_index, created_at)"
        " SELECT id, 'credited', block_number, log_index, created_at FROM spot_deposits"
        " ORDER BY rowid"
    )
    transaction.execute(
        "INSERT INTO spot_balances"
        " SELECT user_address, token, available, frozen, created_at, updated_at"
        " FROM spot_balances_1"
    )
    transaction.execute(
        "INSERT INTO spot_block_sync_state (chain_id, event_type, last_processed_block, updated_at)"
        " SELECT chain_id, event_type, last_processed_block, updated_at"
        " FROM spot_block_sync_state_1"
    )
    _enter_history(transaction)
    for name in rebuilt:
        transaction.execute(f"DROP TABLE {name}_1")


def _enter_history(transaction: WriteTransaction) -> None:
    """An entry for every credit that there was, in the order of time."""
    available: dict[tuple[str, str], str] = {}
    credited = transaction.execute(
        "SELECT 'deposit', user_address, token, amount, id, NULL, created_at FROM spot_deposits"
        " WHERE status = 'confirmed' UNION ALL"
        " SELECT 'admin_credit', user_address, token, amount, NULL, id, created_at"
        " FROM spot_admin_credits ORDER BY 7, 1, 5, 6"
    ).fetchall()
    for kind, user_address, token, amount, deposit_id, admin_credit_id, created_at in credited:
        key = (user_address, token)
        available[key] = amounts.add(available.get(key, "0"), amount)
        transaction.execute(
            "INSERT INTO spot_ledger_entries (user_address, token, kind, amount, available,"
            " frozen, deposit_id, admin_credit_id, created_at)"
            " VALUES (?, ?, ?, ?, ?, '0', ?, ?, ?)",
            (
                *key,
                kind,
                amount,
                available[key],
                deposit_id,
                admin_credit_id,
                created_at,
            ),
        )


CONVERSIONS: dict[int, Callable[[WriteTransaction], None]] = {1: _from_1}
"""From which version, how to the next."""
