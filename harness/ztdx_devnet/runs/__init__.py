"""Runs: what it is to play scenarios one after the other, and what each run leaves behind."""
