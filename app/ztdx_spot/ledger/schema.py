"""The tables of a new file, created once. Names of tables and columns are the production ones.

Amounts are TEXT because SQLite turns a large NUMERIC into a float. The CHECKs repeat the rules of
the code on purpose: they hold for every writer of the file. An older file is brought up to date by
`ztdx_spot.ledger.migrations`.
"""

from __future__ import annotations

SCHEMA_VERSION = 2


def _hex(column: str, digits: int) -> str:
    return (
        f"length({column}) = {digits + 2} AND substr({column}, 1, 2) = '0x'"
        f" AND substr({column}, 3) NOT GLOB '*[^0-9a-f]*'"
    )


def _address(column: str) -> str:
    return f"{column} TEXT NOT NULL CHECK ({_hex(column, 40)})"


def _hash(column: str) -> str:
    return f"{column} TEXT NOT NULL CHECK ({_hex(column, 64)})"


def _optional_hash(column: str) -> str:
    return f"{column} TEXT CHECK ({column} IS NULL OR ({_hex(column, 64)}))"


def _amount_rules(column: str) -> list[str]:
    return [
        f"{column} GLOB '[0-9]*'",
        f"{column} NOT GLOB '*[^0-9.]*'",
        f"{column} NOT GLOB '0[0-9]*'",
        f"{column} NOT GLOB '*.*.*'",
        f"({column} NOT GLOB '*.*' OR {column} GLOB '*[1-9]')",
    ]


def _amount(column: str) -> str:
    return f"{column} TEXT NOT NULL CHECK ({' AND '.join(_amount_rules(column))})"


def _positive_amount(column: str) -> str:
    rules = " AND ".join([*_amount_rules(column), f"{column} <> '0'"])
    return f"{column} TEXT NOT NULL CHECK ({rules})"


def _signed_amount(column: str) -> str:
    magnitude = f"substr({column}, 1 + ({column} GLOB '-*'))"
    rules = " AND ".join([*_amount_rules(magnitude), f"{column} <> '-0'"])
    return f"{column} TEXT NOT NULL CHECK ({rules})"


TABLES = {
    "users": f"""
        CREATE TABLE users (
            {_address("user_address")} PRIMARY KEY,
            -- What the next login signs; each successful one counts it up.
            login_nonce INTEGER NOT NULL DEFAULT 0 CHECK (login_nonce >= 0),
            created_at INTEGER NOT NULL
        ) STRICT""",
    "spot_deposits": f"""
        CREATE TABLE spot_deposits (
            id TEXT NOT NULL PRIMARY KEY,
            {_address("user_address")},
            token TEXT NOT NULL CHECK (token <> ''),
            {_positive_amount("amount")},
            chain_id INTEGER NOT NULL CHECK (chain_id > 0),
            {_hash("tx_hash")},
            block_number INTEGER NOT NULL CHECK (block_number >= 0),
            log_index INTEGER NOT NULL CHECK (log_index >= 0),
            status TEXT NOT NULL CHECK (status IN ('confirmed', 'orphaned')),
            created_at INTEGER NOT NULL,
            confirmed_at INTEGER,
            -- Which of the vault's SpotDeposit events of the transaction's receipt this is.
            event_ordinal INTEGER NOT NULL CHECK (event_ordinal >= 0),
            -- NULL: credited before blocks' hashes were kept.
            {_optional_hash("block_hash")}
        ) STRICT""",
    "spot_deposit_sightings": f"""
        CREATE TABLE spot_deposit_sightings (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            deposit_id TEXT NOT NULL REFERENCES spot_deposits (id),
            act TEXT NOT NULL CHECK (act IN ('credited', 'moved', 'orphaned', 'restored')),
            block_number INTEGER NOT NULL CHECK (block_number >= 0),
            log_index INTEGER NOT NULL CHECK (log_index >= 0),
            {_optional_hash("block_hash")},
            created_at INTEGER NOT NULL
        ) STRICT""",
    "spot_quarantined_logs": f"""
        CREATE TABLE spot_quarantined_logs (
            id TEXT NOT NULL PRIMARY KEY,
            chain_id INTEGER NOT NULL CHECK (chain_id > 0),
            {_hash("tx_hash")},
            event_ordinal INTEGER NOT NULL CHECK (event_ordinal >= 0),
            block_number INTEGER NOT NULL CHECK (block_number >= 0),
            {_hash("block_hash")},
            log_index INTEGER NOT NULL CHECK (log_index >= 0),
            -- The log's topics and data as JSON, as the node gave them.
            raw_log TEXT NOT NULL,
            reason TEXT NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('held', 'released', 'orphaned')),
            created_at INTEGER NOT NULL,
            UNIQUE (chain_id, tx_hash, event_ordinal, block_hash)
        ) STRICT""",
    "spot_balances": f"""
        CREATE TABLE spot_balances (
            {_address("user_address")},
            token TEXT NOT NULL CHECK (token <> ''),
            -- Below zero when a reversed deposit was spent.
            {_signed_amount("available")},
            {_amount("frozen")},
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            UNIQUE (user_address, token)
        ) STRICT""",
    "spot_admin_credits": f"""
        CREATE TABLE spot_admin_credits (
            id TEXT NOT NULL PRIMARY KEY,
            {_address("user_address")},
            token TEXT NOT NULL CHECK (token <> ''),
            {_positive_amount("amount")},
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
    # Every change of a balance, and the balance after it: the ledger's own record, and what pushes
    # to clients read.
    "spot_ledger_entries": f"""
        CREATE TABLE spot_ledger_entries (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            {_address("user_address")},
            token TEXT NOT NULL CHECK (token <> ''),
            kind TEXT NOT NULL CHECK (kind IN ('deposit', 'reversal', 'admin_credit', 'debit')),
            {_signed_amount("amount")},
            {_signed_amount("available")},
            {_amount("frozen")},
            deposit_id TEXT REFERENCES spot_deposits (id),
            admin_credit_id TEXT UNIQUE REFERENCES spot_admin_credits (id),
            created_at INTEGER NOT NULL,
            CHECK (amount <> '0'),
            CHECK ((amount GLOB '-*') = (kind IN ('reversal', 'debit'))),
            CHECK ((deposit_id IS NOT NULL) = (kind IN ('deposit', 'reversal'))),
            CHECK ((admin_credit_id IS NOT NULL) = (kind = 'admin_credit'))
        ) STRICT""",
    "spot_block_sync_state": f"""
        CREATE TABLE spot_block_sync_state (
            chain_id INTEGER NOT NULL CHECK (chain_id > 0),
            event_type TEXT NOT NULL,
            last_processed_block INTEGER NOT NULL CHECK (last_processed_block >= -1),
            updated_at INTEGER NOT NULL,
            -- NULL: not known yet; the next page links to whatever block the node has there.
            {_optional_hash("last_processed_hash")},
            -- NULL in the rows of files older than these columns.
            first_block INTEGER CHECK (first_block >= 0),
            {_optional_hash("genesis_hash")},
            UNIQUE (chain_id, event_type)
        ) STRICT""",
    # Hashes of blocks that were processed: where to look for the common ancestor after a reorg.
    "spot_processed_blocks": f"""
        CREATE TABLE spot_processed_blocks (
            chain_id INTEGER NOT NULL CHECK (chain_id > 0),
            block_number INTEGER NOT NULL CHECK (block_number >= 0),
            {_hash("block_hash")},
            PRIMARY KEY (chain_id, block_number)
        ) STRICT, WITHOUT ROWID""",
    # What the listener says of itself, for whoever shows health, in this process or another.
    "spot_listener_status": """
        CREATE TABLE spot_listener_status (
            chain_id INTEGER NOT NULL PRIMARY KEY CHECK (chain_id > 0),
            head_block INTEGER CHECK (head_block >= 0),
            -- Since when it is this one, in Unix seconds.
            head_since INTEGER,
            -- The last poll that the node answered, in Unix seconds.
            succeeded_at INTEGER,
            failed_polls INTEGER NOT NULL CHECK (failed_polls >= 0),
            -- Why polls fail, or why the listener stopped; NULL when all is well.
            trouble TEXT,
            halted INTEGER NOT NULL CHECK (halted IN (0, 1)),
            updated_at INTEGER NOT NULL
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
    "CREATE UNIQUE INDEX spot_deposits_log ON spot_deposits (chain_id, tx_hash, log_index)"
    " WHERE status = 'confirmed'",
    "CREATE UNIQUE INDEX spot_deposits_event ON spot_deposits (chain_id, tx_hash, event_ordinal)"
    " WHERE status = 'confirmed'",
    "CREATE INDEX spot_deposits_orphaned ON spot_deposits (chain_id, tx_hash, event_ordinal)"
    " WHERE status = 'orphaned'",
    "CREATE INDEX spot_deposits_of_block ON spot_deposits (chain_id, block_number)"
    " WHERE status = 'confirmed'",
    "CREATE INDEX spot_deposits_of_user ON spot_deposits"
    " (user_address, created_at, block_number, log_index, id) WHERE status = 'confirmed'",
    "CREATE INDEX spot_ledger_entries_of_deposit ON spot_ledger_entries (deposit_id)"
    " WHERE deposit_id IS NOT NULL",
    "CREATE INDEX spot_deposit_sightings_of_deposit ON spot_deposit_sightings (deposit_id)",
    "CREATE INDEX spot_quarantined_logs_held ON spot_quarantined_logs (chain_id, block_number)"
    " WHERE status = 'held'",
    "CREATE INDEX spot_balances_below_zero ON spot_balances (user_address, token)"
    " WHERE available GLOB '-*'",
    "CREATE INDEX api_keys_of_user ON api_keys (user_address)",
)
