"""Executing: py-evm behind our own states, messages and blocks."""
