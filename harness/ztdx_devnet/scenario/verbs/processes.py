"""Verbs of the product's processes: start, stop, kill, crash at a boundary, wrong clocks."""

from __future__ import annotations

import difflib
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.scenario.errors import unknown
from ztdx_devnet.scenario.names import Named
from ztdx_devnet.scenario.stage import Stage
from ztdx_devnet.scenario.values import Name, SignedDurationUs
from ztdx_devnet.scenario.verbs.verb import Verb
from ztdx_devnet.sim.ports import BOUNDARY_FAMILIES, BOUNDARY_KINDS
from ztdx_devnet.sim.product import API, MAIN

ACTORS = (
    API,
    "chain",
    "faults",
    "ledger",
    "listener",
    "node",
    "operator",
    "oracle",
    "producer",
    "scenario",
    "supervisor",
    "world",
)
"""Who else speaks in the journal."""


def _free(name: str) -> str:
    if name in ACTORS or name in USERS:
        raise ValueError(f"{name!r} is somebody else: choose another name for a listener")
    return name


ListenerName = Annotated[Name, AfterValidator(_free)]


def processes(name: str | None) -> list[Named]:
    """What a field that names a process uses: a listener, or nothing for the API or any."""
    return [] if name in (API, None) else [Named("listener", str(name))]


class _ListenerVerb(Verb):
    """About one listener, by its name."""

    SHORTHAND = "listener"
    listener: Name = MAIN

    def uses(self) -> list[Named]:
        return [Named("listener", self.listener)]


class SecondListener(Verb):
    """One more listener process on the same database, which starts now."""

    KEY = "second_listener"
    name: ListenerName = Field(alias="as")

    def defines(self) -> list[Named]:
        return [Named("listener", self.name)]

    def perform(self, stage: Stage) -> None:
        stage.world.product.add_listener(self.name)
        stage.world.product.start_listener(self.name)


class StartListener(_ListenerVerb):
    """Start a listener, if it does not run."""

    KEY = "start_listener"

    def perform(self, stage: Stage) -> None:
        stage.world.product.start_listener(self.listener)


class StopListener(_ListenerVerb):
    """SIGTERM: the listener stops at its next sleep, and is killed if that takes over 2 s.

    The step ends when the process has.
    """

    KEY = "stop_listener"

    def perform(self, stage: Stage) -> None:
        stage.world.product.stop_listener(self.listener)


class KillListener(_ListenerVerb):
    """kill -9 a listener: open transactions are lost, nothing of it runs on."""

    KEY = "kill_listener"

    def perform(self, stage: Stage) -> None:
        stage.world.product.kill_listener(self.listener)


class RestartListener(_ListenerVerb):
    """kill -9 a listener and start it again."""

    KEY = "restart_listener"

    def perform(self, stage: Stage) -> None:
        stage.world.product.kill_listener(self.listener)
        stage.world.product.start_listener(self.listener)


class StartApi(Verb):
    """Start the API server, if it does not run."""

    KEY = "start_api"

    def perform(self, stage: Stage) -> None:
        stage.world.product.start_api()


class KillApi(Verb):
    """kill -9 the API server: whoever waits for an answer gets none."""

    KEY = "kill_api"

    def perform(self, stage: Stage) -> None:
        stage.world.product.kill_api()


class RestartApi(Verb):
    """kill -9 the API server and start it again."""

    KEY = "restart_api"

    def perform(self, stage: Stage) -> None:
        stage.world.product.kill_api()
        stage.world.product.start_api()


def _boundary(value: Any) -> Any:
    if not isinstance(value, str) or any(kind.startswith(value) for kind in BOUNDARY_KINDS):
        return value
    spelled = {kind.casefold(): kind for kind in BOUNDARY_KINDS}
    close = difflib.get_close_matches(value.casefold(), spelled, n=1)
    known = [spelled[one] for one in close] or BOUNDARY_FAMILIES
    raise ValueError(unknown("kind of boundary", value, known))


class CrashAt(Verb):
    """kill -9 a process at the `nth` boundary from now, of those whose kind starts with `kind`.

    `process` is a listener's name, or api. Boundaries are crossed before the act: `kind:
    "sql:COMMIT"` dies with everything uncommitted. Kinds: rpc:send, rpc:receive, http:accept,
    sleep, pause, sql:BEGIN, sql:SELECT, sql:COMMIT, and for writes the table too, such as
    sql:INSERT spot_deposits or sql:UPDATE spot_balances.
    """

    KEY = "crash_at"
    SHORTHAND = "nth"
    nth: Annotated[int, Field(ge=1)]
    kind: Annotated[str, BeforeValidator(_boundary)] = ""
    process: Name = MAIN

    def uses(self) -> list[Named]:
        return processes(self.process)

    def perform(self, stage: Stage) -> None:
        stage.world.product.crash_at(self.nth, self.kind, self.process)


def _off(by_us: int) -> int:
    if by_us == 0:
        raise ValueError(
            "a clock that jumps by nothing is right: say how far it is off, such as 1d or -90s"
        )
    return by_us


class ClockJump(Verb):
    """From now on a process's time is `by` off, forward or back; how long it sleeps is not.

    `process` is a listener's name, or api.
    """

    KEY = "clock_jump"
    SHORTHAND = "by"
    by: Annotated[SignedDurationUs, AfterValidator(_off)]
    process: Name = MAIN

    def uses(self) -> list[Named]:
        return processes(self.process)

    def perform(self, stage: Stage) -> None:
        stage.world.product.jump_clock(self.process, self.by)
