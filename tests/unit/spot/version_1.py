"""A file of schema version 1, as the program of that version made and filled it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

# Written out, not imported: what old files hold must not change with the program.
DDL = """
CREATE TABLE users (
    user_address TEXT NOT NULL CHECK (length(user_address) = 42 AND substr(user_address, 1, 2) =
        '0x' AND substr(user_address, 3) NOT GLOB '*[^0-9a-f]*') PRIMARY KEY,
    created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE spot_deposits (
    id TEXT NOT NULL PRIMARY KEY,
    user_address TEXT NOT NULL CHECK (length(user_address) = 42 AND substr(user_address, 1, 2) =
        '0x' AND substr(user_address, 3) NOT GLOB '*[^0-9a-f]*'),
    token TEXT NOT NULL CHECK (token <> ''),
    amount TEXT NOT NULL CHECK (amount GLOB '[0-9]*' AND amount NOT GLOB '*[^0-9.]*' AND amount
        NOT GLOB '0[0-9]*' AND amount NOT GLOB '*.*.*' AND (amount NOT GLOB '*.*' OR amount GLOB
        '*[1-9]') AND amount <> '0'),
    chain_id INTEGER NOT NULL CHECK (chain_id > 0),
    tx_hash TEXT NOT NULL CHECK (length(tx_hash) = 66 AND substr(tx_hash, 1, 2) = '0x'
        AND substr(tx_hash, 3) NOT GLOB '*[^0-9a-f]*'),
    block_number INTEGER NOT NULL CHECK (block_number >= 0),
    log_index INTEGER NOT NULL CHECK (log_index >= 0),
    status TEXT NOT NULL CHECK (status IN ('confirmed', 'orphaned')),
    created_at INTEGER NOT NULL,
    confirmed_at INTEGER
) STRICT;
CREATE TABLE spot_balances (
    user_address TEXT NOT NULL CHECK (length(user_address) = 42 AND substr(user_address, 1, 2) =
        '0x' AND substr(user_address, 3) NOT GLOB '*[^0-9a-f]*'),
    token TEXT NOT NULL CHECK (token <> ''),
    available TEXT NOT NULL CHECK (available GLOB '[0-9]*' AND available NOT GLOB '*[^0-9.]*'
        AND available NOT GLOB '0[0-9]*' AND available NOT GLOB '*.*.*' AND (available NOT GLOB
        '*.*' OR available GLOB '*[1-9]')),
    frozen TEXT NOT NULL CHECK (frozen GLOB '[0-9]*' AND frozen NOT GLOB '*[^0-9.]*' AND frozen
        NOT GLOB '0[0-9]*' AND frozen NOT GLOB '*.*.*' AND (frozen NOT GLOB '*.*' OR frozen GLOB
        '*[1-9]')),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (user_address, token)
) STRICT;
CREATE TABLE spot_admin_credits (
    id TEXT NOT NULL PRIMARY KEY,
    user_address TEXT NOT NULL CHECK (length(user_address) = 42 AND substr(user_address, 1, 2) =
        '0x' AND substr(user_address, 3) NOT GLOB '*[^0-9a-f]*'),
    token TEXT NOT NULL CHECK (token <> ''),
    amount TEXT NOT NULL CHECK (amount GLOB '[0-9]*' AND amount NOT GLOB '*[^0-9.]*' AND amount
        NOT GLOB '0[0-9]*' AND amount NOT GLOB '*.*.*' AND (amount NOT GLOB '*.*' OR amount GLOB
        '*[1-9]') AND amount <> '0'),
    admin_actor TEXT NOT NULL,
    reason TEXT,
    created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE spot_admin_credit_keys (
    idempotency_key TEXT NOT NULL PRIMARY KEY,
    body_sha256 TEXT NOT NULL,
    admin_credit_id TEXT NOT NULL UNIQUE REFERENCES spot_admin_credits (id),
    answer TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE spot_block_sync_state (
    chain_id INTEGER NOT NULL CHECK (chain_id > 0),
    event_type TEXT NOT NULL,
    last_processed_block INTEGER NOT NULL CHECK (last_processed_block >= -1),
    updated_at INTEGER NOT NULL,
    UNIQUE (chain_id, event_type)
) STRICT;
CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    user_address TEXT NOT NULL CHECK (length(user_address) = 42 AND substr(user_address, 1, 2) =
        '0x' AND substr(user_address, 3) NOT GLOB '*[^0-9a-f]*'),
    label TEXT NOT NULL CHECK (length(label) <= 50),
    api_key TEXT NOT NULL UNIQUE,
    -- In clear: the server signs with it to check a signature, which a digest cannot.
    secret_key TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'disabled')),
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX spot_deposits_event ON spot_deposits (chain_id, tx_hash, log_index) WHERE
        status = 'confirmed';
CREATE INDEX spot_deposits_of_user ON spot_deposits (user_address, created_at, block_number,
        log_index, id) WHERE status = 'confirmed';
CREATE INDEX api_keys_of_user ON api_keys (user_address);
"""

ALICE = "0x" + "a1" * 20
BOB = "0x" + "b0" * 20
CAROL = "0x" + "ca" * 20
HUGE = "115792089237316195423570985008687907853269984665640564039457.584007913129639935"


def tx_hash(number: int) -> str:
    return f"0x{number:064x}"


DEPOSITS = [
    ("d1", ALICE, "DF", "1.5", 97, tx_hash(1), 10, 4, "confirmed", 100, 100),
    # Two of one transaction; the same transaction hash on another chain.
    ("d2", BOB, "DF", "0.000000000000000001", 97, tx_hash(2), 11, 2, "confirmed", 110, 110),
    ("d3", ALICE, "DF", "2", 97, tx_hash(2), 11, 7, "confirmed", 110, 110),
    ("d4", ALICE, "DF", "7", 56, tx_hash(2), 11, 7, "confirmed", 120, 120),
    ("d5", CAROL, "DF", HUGE, 97, tx_hash(3), 12, 0, "confirmed", 130, 130),
]
ADMIN_CREDITS = [
    ("a1", ALICE, "DF", "100", "admin_api_key", "a gift", 105),
    ("a2", BOB, "USDT", "3", "admin_api_key", None, 130),
]
BALANCES = [
    (ALICE, "DF", "110.5", "0", 100, 120),
    (BOB, "DF", "0.000000000000000001", "0", 110, 110),
    (BOB, "USDT", "3", "0", 130, 130),
    (CAROL, "DF", HUGE, "0", 130, 130),
]
USERS = [(ALICE, 90), (BOB, 110), (CAROL, 130)]
KEYS = [("k1", ALICE, "bot", "ab" * 32, "cd" * 32, "active", 95)]
ADMIN_KEYS = [("once", "00" * 32, "a1", '{"ok":true}', 105)]
CURSORS = [(97, "deposit", 12, 131), (56, "deposit", 11, 121)]


def make(path: Path) -> None:
    """Write the file; it is WAL and closed."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    for statement in DDL.split(";"):
        connection.execute(statement)
    contents: dict[str, list[tuple[object, ...]]] = {
        "users": [*USERS],
        "spot_deposits": [*DEPOSITS],
        "spot_balances": [*BALANCES],
        "spot_admin_credits": [*ADMIN_CREDITS],
        "spot_admin_credit_keys": [*ADMIN_KEYS],
        "spot_block_sync_state": [*CURSORS],
        "api_keys": [*KEYS],
    }
    for table, rows in contents.items():
        marks = ", ".join("?" for _ in rows[0])
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
    connection.execute("PRAGMA user_version=1")
    connection.close()
