"""Scenarios: the language (verbs, conditions), the loader, the runner, the always-on invariants."""
