"""Proofs of identity: tokens and request signatures. Pure functions; knows nothing of HTTP."""
