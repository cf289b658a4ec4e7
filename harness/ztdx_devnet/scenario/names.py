"""Names: what steps call the things that later steps and checks speak of, by kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ztdx_devnet.faults.pools import HONEST
from ztdx_devnet.scenario.values import LEDGER_TOKENS
from ztdx_devnet.sim.product import MAIN

NameKind: TypeAlias = Literal["deposit", "socket", "listener", "node", "branch", "token"]

FROM_THE_START: Mapping[NameKind, tuple[str, ...]] = {
    "branch": ("main",),
    "listener": (MAIN,),
    "node": (HONEST,),
    "token": LEDGER_TOKENS,
}
"""Names that no step has to give."""


@dataclass(frozen=True, slots=True)
class Named:
    """A name and what it names. Things of different kinds may have the same name."""

    kind: NameKind
    name: str


def deposits(names: Iterable[str]) -> list[Named]:
    """These names, of deposits."""
    return [Named("deposit", name) for name in names]


def tokens(symbol: str) -> list[Named]:
    """That symbol, of a token that a balance can be of."""
    return [Named("token", symbol)]
