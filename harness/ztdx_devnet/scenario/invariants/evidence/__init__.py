"""The evidence: what is noted while a run goes on, for the invariants to judge."""
