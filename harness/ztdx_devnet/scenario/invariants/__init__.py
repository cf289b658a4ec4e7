"""The invariants that are always on: what no deposit system may ever show."""

from __future__ import annotations

from ztdx_devnet.scenario.invariants.catalogue import SENTENCES
from ztdx_devnet.scenario.invariants.problems import Violation
from ztdx_devnet.scenario.invariants.watch import Invariants

__all__ = ["SENTENCES", "Invariants", "Violation"]
