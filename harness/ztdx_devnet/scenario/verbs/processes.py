"""Verbs of the listener process: start, stop, kill, crash at a boundary."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ztdx_devnet.scenario.stage import Stage
from ztdx_devnet.scenario.verbs.verb import Verb


class StartListener(Verb):
    """Start the listener, if it does not run."""

    KEY = "start_listener"

    def perform(self, stage: Stage) -> None:
        stage.world.product.start_listener()


class KillListener(Verb):
    """kill -9 the listener: open transactions are lost, nothing of it runs on."""

    KEY = "kill_listener"

    def perform(self, stage: Stage) -> None:
        stage.world.product.kill_listener()


class RestartListener(Verb):
    """kill -9 the listener and start it again."""

    KEY = "restart_listener"

    def perform(self, stage: Stage) -> None:
        stage.world.product.kill_listener()
        stage.world.product.start_listener()


class CrashAt(Verb):
    """kill -9 the listener at the `nth` boundary from now, of those whose kind starts with `kind`.

    Boundaries are crossed before the act: `kind: "sql:COMMIT"` dies with everything uncommitted.
    Kinds: rpc:send, rpc:receive, sleep, sql:BEGIN, sql:SELECT, sql:COMMIT, and for writes the
    table too, such as sql:INSERT spot_deposits or sql:UPDATE spot_balances.
    """

    KEY = "crash_at"
    SHORTHAND = "nth"
    nth: Annotated[int, Field(ge=1)]
    kind: str = ""

    def perform(self, stage: Stage) -> None:
        stage.world.product.crash_listener_at(self.nth, self.kind)
