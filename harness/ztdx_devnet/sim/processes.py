"""The product's processes in the simulation: a listener, and the API server.

Each is the product's own composition, run by an actor. A process that is started again opens the
same database file and continues.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

from werkzeug.test import EnvironBuilder, run_wsgi_app

from ztdx_devnet.faults.armed import ArmedFaults
from ztdx_devnet.faults.clock import offset_us
from ztdx_devnet.faults.processes import CrashPoint
from ztdx_devnet.faults.storage import StorageFaults
from ztdx_devnet.sim.application import ApiPorts, application
from ztdx_devnet.sim.kernel import Actor, Kernel
from ztdx_devnet.sim.ports import Committed, SimClock, boundary_connection
from ztdx_devnet.sim.seed import SeededEntropy
from ztdx_devnet.sim.sockets import SocketServer
from ztdx_spot.auth.login import LoginDomain, log_in
from ztdx_spot.config import ApiSettings, ListenerSettings
from ztdx_spot.ledger.database import BUSY_WAIT_S, Database, open_connection
from ztdx_spot.ledger.migrations import prepare_schema
from ztdx_spot.listener.loop import run_listener
from ztdx_spot.ports import Clock, Entropy, Transport
from ztdx_spot.ws.verifier import Verifier

if TYPE_CHECKING:
    from flask import Flask

API_LATENCY_US = 1_000  # one way
API_ANSWERS_WITHIN_US = 30_000_000
"""Then a client takes the server for hung, and goes."""
API_BUSY_WAIT_S = 1.0
"""For the write lock, as the product's service has it; a test compares the two."""

_ADDRESS = re.compile(r"(?<= at )0x[0-9a-fA-F]{8,16}\b")
"""Of an object in memory, as its repr has it; those of accounts and blocks are longer."""

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Host:
    """What every process of one world stands on.

    `on_commit` is told of each committed write. A process that died, and was not told to stop, is
    started again `restart_after_us` later; None: never.
    """

    kernel: Kernel
    database_path: Path
    seed: int
    faults: ArmedFaults
    storage: StorageFaults
    record: Callable[..., object]
    on_commit: Callable[[Committed], None]
    restart_after_us: int | None

    def connect(
        self,
        name: str,
        clock: Clock | None = None,
        busy_wait_s: float = BUSY_WAIT_S,
        *,
        can_fail: bool = True,
    ) -> Database:
        """A connection of the named process, from the actor that runs it, with the tables made.

        Without a clock it has the right time. A kill can't lose what the system holds, so nothing
        is synced to the disk. Unless it `can_fail`, it meets locks and no other fault, and those
        don't count.
        """
        if clock is None:
            clock = SimClock(self.kernel)
        connection = open_connection(
            self.database_path,
            factory=boundary_connection(
                self.kernel,
                name,
                self.on_commit,
                self.storage.meet_lock if can_fail else _nothing,
                self.storage.strike if can_fail else None,
            ),
            synchronous="OFF",
        )
        prepare_schema(Database(connection, clock, max(busy_wait_s, BUSY_WAIT_S)))
        return Database(connection, clock, busy_wait_s)

    def clock_of(self, name: str) -> SimClock:
        """The clock of the named process's machine."""
        return SimClock(self.kernel, lambda: offset_us(self.faults, name, self.record))


def _nothing() -> None:
    pass


class ProductProcess:
    """One process of the product: it can be started, killed and started again."""

    def __init__(self, name: str, host: Host) -> None:
        self.name = name
        self._host = host
        self._kernel = host.kernel
        self._actor: Actor | None = None
        self._crashes: list[CrashPoint] = []
        self._failure: Exception | SystemExit | None = None
        # A process that is started again may not draw the same ids.
        self._entropy = SeededEntropy(host.seed, name, host.kernel.refuse_the_dead)
        self._clock = host.clock_of(name)

    @property
    def running(self) -> bool:
        return self._actor is not None and self._actor.alive

    @property
    def failure(self) -> Exception | SystemExit | None:
        """What ended its last life, if it ended by itself."""
        return None if self.running else self._failure

    @property
    def last_words(self) -> str:
        """What that failure says, the same in each run."""
        return self._steady(str(self.failure))

    @property
    def boundaries(self) -> int:
        """How many boundaries the present, or last, life of the process has crossed."""
        return self._actor.boundaries if self._actor else 0

    def start(self) -> None:
        """Start the process; if it runs, nothing happens."""
        if self.running:
            return
        self._host.record(self.name, "start")
        self._failure = None
        self._clock = self._host.clock_of(self.name)
        self._actor = self._kernel.spawn(self.name, self._run)
        self._actor.crashes = self._crashes
        self._actor.on_death.append(self._ended)

    def kill(self) -> None:
        """kill -9; if it does not run, nothing happens."""
        if self._actor is not None:
            self._kernel.kill(self._actor)

    def stop(self, within_us: int) -> None:
        """SIGTERM: it stops at its next sleep; if it has not within that time, it is killed.

        Returns when it has ended. If it does not run, nothing happens.
        """
        actor, me = self._actor, self._kernel.current
        if actor is None or not actor.alive:
            return
        self._clock.stop()
        actor.on_death.append(lambda: self._kernel.wake(me))
        deadline_us = self._kernel.now_us + within_us
        while actor.alive and self._kernel.now_us < deadline_us:
            self._kernel.park("waits for the end", deadline_us - self._kernel.now_us)
        self._kernel.kill(actor)

    def crash_at(self, point: CrashPoint) -> None:
        """kill -9 at a boundary, counted from now on and over as many lives as it takes."""
        self._crashes.append(point)

    def _run(self) -> None:
        try:
            self._main()
        except (Exception, SystemExit) as error:  # the process ends, as a real one would
            if self.running:  # the dead have no last words
                self._failure = error
        except BaseException as error:
            if error is not self._clock.farewell:
                raise

    def _ended(self) -> None:
        failure, died = self._failure, self._actor
        self._host.record(self.name, "exit", error=self._steady(repr(failure)) if failure else None)
        if self._host.restart_after_us is None or self._clock.farewell is not None:
            return

        def restart() -> None:
            if self._actor is died:
                self.start()

        self._kernel.spawn("supervisor", restart, self._host.restart_after_us)

    def _steady(self, text: str) -> str:
        """An error's words as they are in any run: without addresses and the folder's name."""
        folder = str(self._host.database_path.parent)
        return _ADDRESS.sub("0x...", text).replace(folder, "...")

    def _main(self) -> None:
        raise NotImplementedError


class ListenerProgram(Protocol):
    """What a listener's process runs: the product's loop, or another in its place."""

    def __call__(
        self,
        settings: ListenerSettings,
        transport: Transport,
        clock: Clock,
        entropy: Entropy,
        database: Database,
    ) -> NoReturn: ...


class ListenerProcess(ProductProcess):
    """A listener, reading from one transport. Without a program it is the product's."""

    def __init__(
        self,
        name: str,
        host: Host,
        settings: ListenerSettings,
        transport: Transport,
        program: ListenerProgram | None = None,
    ) -> None:
        super().__init__(name, host)
        self._settings = settings
        self._transport = transport
        self._program = program

    def _main(self) -> None:
        database = self._host.connect(self.name, self._clock)
        program = self._program or run_listener
        with closing(database.connection):
            program(self._settings, self._transport, self._clock, self._entropy, database)


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One HTTP request to the API. `target` is the path with its query, exactly as sent."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(eq=False, slots=True)
class _Job:
    """Something that a client has the server do, and what came of it."""

    client: Actor
    do: Callable[[], Any]
    done: bool = False
    result: Any = None


class ApiProcess(ProductProcess):
    """The API server: answers one request at a time, as its one-thread executor does."""

    def __init__(
        self, name: str, host: Host, settings: ApiSettings, environment: Mapping[str, str]
    ) -> None:
        super().__init__(name, host)
        self._settings = settings
        self._environment = environment
        self._jobs: deque[_Job] = deque()
        self._clients: list[Actor] = []
        self._app: Callable[[], Flask] | None = None
        self.on_request: list[Callable[[ApiRequest], None]] = []
        """Told of each request that reaches the server."""
        self.on_answer: list[Callable[[ApiRequest, ApiAnswer | None], None]] = []
        """Told of each such request's answer, None if the server died, before it is on its way."""
        self.sockets = SocketServer(name, host.kernel, self.on_thread, self._connect)

    def request(self, request: ApiRequest) -> ApiAnswer | None:
        """Send a request from the running actor and wait. None: the server died before answering,
        or has not answered within 30 s; it may still do what was asked.

        Raises ConnectionRefusedError when the server does not run.
        """
        self._kernel.boundary("http:send", API_LATENCY_US)
        if not self.running:
            raise ConnectionRefusedError(f"{self.name} is not running")
        for hear in self.on_request:
            hear(request)
        answer = self.on_thread(partial(self._respond, request), API_ANSWERS_WITHIN_US)
        for tell in self.on_answer:
            tell(request, answer)
        self._kernel.boundary("http:receive", API_LATENCY_US)
        return answer

    def on_thread(self, do: Callable[[], _Result], within_us: int | None = None) -> _Result | None:
        """Have the server do that, behind what came before, and wait.

        None: it is dead, or died, or has not done it `within_us`.
        """
        server = self._actor
        if server is None or not server.alive:
            return None
        kernel = self._kernel
        job = _Job(kernel.current, do)
        self._jobs.append(job)
        kernel.wake(server)
        self._clients.append(job.client)
        deadline_us = None if within_us is None else kernel.now_us + within_us
        while not job.done and server.alive:  # a new life knows nothing of it
            left_us = None if deadline_us is None else deadline_us - kernel.now_us
            if left_us is not None and left_us <= 0:
                break
            kernel.park("http:wait", left_us)
        self._clients.remove(job.client)
        result: _Result | None = job.result
        return result

    def _connect(self) -> Database:
        return self._host.connect(self.name, self._clock, API_BUSY_WAIT_S)

    def _main(self) -> None:
        self._jobs.clear()
        self._kernel.current.on_death.append(self._hang_up)
        settings, clock = self._settings, self._clock
        database = self._connect()
        ports = ApiPorts(self._environment, clock, self._entropy, database)
        self._app = partial(application, settings, ports)
        domain = LoginDomain(settings.login_chain_id, settings.login_vault_address)
        log_in_here = partial(log_in, database, clock, domain)
        self.sockets.begin(Verifier(settings, clock, database, log_in_here), clock)
        while True:
            while not self._jobs:
                self._kernel.park("http:accept")
            job = self._jobs.popleft()
            job.result = job.do()
            job.done = True
            self._kernel.wake(job.client)

    def _respond(self, request: ApiRequest) -> ApiAnswer:
        assert self._app is not None, "only a running server takes jobs"
        path, _, query = request.target.partition("?")
        builder = EnvironBuilder(
            path=path,
            query_string=query,
            method=request.method,
            headers=list(request.headers.items()),
            data=request.body,
        )
        chunks, status, headers = run_wsgi_app(self._app(), builder.get_environ())
        return ApiAnswer(int(status.split()[0]), dict(headers), b"".join(chunks))

    def _hang_up(self) -> None:
        """The server is dead: its clients' connections break."""
        for client in self._clients:
            self._kernel.wake(client)
        self.sockets.end()
