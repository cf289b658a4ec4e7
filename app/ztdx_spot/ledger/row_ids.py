"""Ids of rows: random UUIDs (version 4) from the entropy port."""

from __future__ import annotations

from uuid import UUID

from ztdx_spot.ports import Entropy


def new_row_id(entropy: Entropy, purpose: str) -> str:
    return str(UUID(bytes=entropy.bytes(purpose, 16), version=4))
