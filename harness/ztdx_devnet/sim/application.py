"""The product's application, made once for all worlds with equal settings.

Making its routes takes longer than playing a scenario. The application keeps nothing between two
requests, so one can serve many worlds, as long as each request finds the ports of its own world:
they are in a context variable, of which every actor has its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from ztdx_spot.config import ApiSettings
from ztdx_spot.ledger.database import Database, ReadTransaction, WriteTransaction
from ztdx_spot.ports import Clock, Entropy

if TYPE_CHECKING:
    from flask import Flask


@dataclass(frozen=True, slots=True)
class ApiPorts:
    """What an API process stands on."""

    environment: Mapping[str, str]
    clock: Clock
    entropy: Entropy
    database: Database


_ports: ContextVar[ApiPorts] = ContextVar("the ports of the API process that runs")


def application(settings: ApiSettings, ports: ApiPorts) -> Flask:
    """The application for the running actor, which must be the one that calls it."""
    _ports.set(ports)
    return _made(settings)


@lru_cache(maxsize=32)
def _made(settings: ApiSettings) -> Flask:
    from ztdx_spot.api.app import create_app  # Flask is loaded only where an API is asked

    database = cast(Database, _Database())
    return create_app(settings, _Environment(), _Clock(), _Entropy(), database)


class _Environment(Mapping[str, str]):
    def __getitem__(self, name: str) -> str:
        return _ports.get().environment[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_ports.get().environment)

    def __len__(self) -> int:
        return len(_ports.get().environment)


class _Clock:
    def now_s(self) -> float:
        return _ports.get().clock.now_s()

    def sleep_s(self, duration_s: float) -> None:
        _ports.get().clock.sleep_s(duration_s)


class _Entropy:
    def bytes(self, purpose: str, count: int) -> bytes:
        return _ports.get().entropy.bytes(purpose, count)


class _Database:
    """Whatever is asked of a database is asked of the world's own."""

    def read(self) -> AbstractContextManager[ReadTransaction]:
        return _ports.get().database.read()

    def write(self) -> AbstractContextManager[WriteTransaction]:
        return _ports.get().database.write()

    def __getattr__(self, name: str) -> Any:
        return getattr(_ports.get().database, name)
