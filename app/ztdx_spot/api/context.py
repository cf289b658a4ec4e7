"""What every route needs: settings, the live environment, and the ports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ztdx_spot.config import ApiSettings
from ztdx_spot.ledger.database import Database
from ztdx_spot.ports import Clock, Entropy


@dataclass(frozen=True, slots=True)
class ApiContext:
    """`environment` is the process's own, still changing; settings were read from it once."""

    settings: ApiSettings
    environment: Mapping[str, str]
    clock: Clock
    entropy: Entropy
    database: Database

    def now_s(self) -> int:
        return int(self.clock.now_s())
