"""The ledger: what was credited to whom, in one SQLite file."""
