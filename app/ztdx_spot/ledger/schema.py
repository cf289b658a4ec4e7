"""The tables, created once. Names of tables and columns are the production ones.

Amounts are TEXT because SQLite turns a large NUMERIC into a float. The CHECKs repeat the rules of
the code on purpose: they hold for every writer of the file.
"""

from __future__ import annotations

import sqlite_utils

from ztdx_spot.errors import SchemaError
from ztdx_spot.ledger.database import Database

SCHEMA_VERSION = 1


def _address(column: str) -> str:
    return (
        f"{column} TEXT NOT NULL CHECK (length({column}) = 42 AND substr({column}, 1, 2) = '0x'"
        f" AND substr({column}, 3) NOT GLOB '*[^0-9a-f]*')"
    )


def _amount(column: str, *, positive: bool) -> str:
    rules = [
        f"{column} GLOB '[0-9]*'",
        f"{column} NOT GLOB '*[^0-9.]*'",
        f"{column} NOT GLOB '0[0-9]*'",
        f"{column} NOT GLOB '*.*.*'",
        f"({column} NOT GLOB '*.*' OR {column} GLOB '*[1-9]')",
    ]
    if positive:
        rules.append(f"{column} <> '0'")
    return f"{column} TEXT NOT NULL CHECK ({' AND '.join(rules)})"


TABLES = {
    "users": f"""
        CREATE TABLE users (
            {_address("user_address")} PRIMARY KEY,
            created_at INTEGER NOT NULL
        ) STRICT""",
    "spot_deposits": f"""
        CREATE TABLE spot_deposits (
            id TEXT NOT NULL PRIMARY KEY,
            {_address("user_address")},
            token TEXT NOT NULL CHECK (token <> ''),
            {_amount("amount", positive=True)},
            chain_id INTEGER NOT NULL CHECK (chain_id > 0),
            tx_hash TEXT NOT NULL CHECK (length(tx_hash) = 66 AND substr(tx_hash, 1, 2) = '0x'
                AND substr(tx_hash, 3) NOT GLOB '*[^0-9a-f]*'),
            block_number INTEGER NOT NULL CHECK (block_number >= 0),
            log_index INTEGER NOT NULL CHECK (log_index >= 0),
            status TEXT NOT NULL CHECK (status IN ('confirmed', 'orphaned')),
            created_at INTEGER NOT NULL,
            confirmed_at INTEGER
        ) STRICT""",
    "spot_balances": f"""
        CREATE TABLE spot_balances (
            {_address("user_address")},
            token TEXT NOT NULL CHECK (token <> ''),
            {_amount("available", positive=False)},
            {_amount("frozen", positive=False)},
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            UNIQUE (user_address, token)
        ) STRICT""",
    "spot_admin_credits": f"""
        CREATE TABLE spot_admin_credits (
            id TEXT NOT NULL PRIMARY KEY,
            {_address("user_address")},
            token TEXT NOT NULL CHECK (token <> ''),
            {_amount("amount", positive=True)},
            admin_actor TEXT NOT NULL,
            reason TEXT,
            created_at INTEGER NOT NULL
        ) STRICT""",
    "spot_admin_credit_keys": """
        CREATE TABLE spot_admin_credit_keys (
            idempotency_key TEXT NOT NULL PRIMARY KEY,
            body_sha256 TEXT NOT NULL,
            admin_credit_id TEXT NOT NULL UNIQUE REFERENCES spot_admin_credits (id),
            answer TEXT NOT NULL,
            created_at INTEGER NOT NULL
        ) STRICT""",
    "spot_block_sync_state": """
        CREATE TABLE spot_block_sync_state (
            chain_id INTEGER NOT NULL CHECK (chain_id > 0),
            event_type TEXT NOT NULL,
            last_processed_block INTEGER NOT NULL CHECK (last_processed_block >= -1),
            updated_at INTEGER NOT NULL,
            UNIQUE (chain_id, event_type)
        ) STRICT""",
    "api_keys": f"""
        CREATE TABLE api_keys (
            id TEXT NOT NULL PRIMARY KEY,
            {_address("user_address")},
            label TEXT NOT NULL CHECK (length(label) <= 50),
            api_key TEXT NOT NULL UNIQUE,
            -- In clear: the server signs with it to check a signature, which a digest cannot.
            secret_key TEXT NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('active', 'disabled')),
            created_at INTEGER NOT NULL
        ) STRICT""",
}

INDEXES = (
    "CREATE UNIQUE INDEX spot_deposits_event ON spot_deposits (chain_id, tx_hash, log_index)"
    " WHERE status = 'confirmed'",
    "CREATE INDEX spot_deposits_of_user ON spot_deposits"
    " (user_address, created_at, block_number, log_index, id) WHERE status = 'confirmed'",
    "CREATE INDEX api_keys_of_user ON api_keys (user_address)",
)


def create_schema(database: Database) -> None:
    """Create what is missing; safe to call by every process at every start, also at once.

    Raises SchemaError when the file belongs to another version.
    """
    database.use_write_ahead_log()
    with database.write():
        # sqlite-utils joins the open transaction; without its pragma and plug-ins it only executes.
        tables = sqlite_utils.Database(
            database.connection, recursive_triggers=False, execute_plugins=False
        )
        (version,) = tables.execute("PRAGMA user_version").fetchone()
        if version == SCHEMA_VERSION:
            return
        if version != 0 or tables.table_names():
            raise SchemaError(
                f"the database has schema version {version}, expected {SCHEMA_VERSION}: "
                "use the program that wrote it, or another DATABASE_URL"
            )
        for statement in (*TABLES.values(), *INDEXES):
            tables.execute(statement)
        tables.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
