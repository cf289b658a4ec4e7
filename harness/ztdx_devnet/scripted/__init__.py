"""Scenarios in Python: the same world and the same verbs, step by step."""
