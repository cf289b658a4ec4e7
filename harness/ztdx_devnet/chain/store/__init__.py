"""Keeping a chain: the SQLite file under `--state`, and dumps that another chain can load."""
