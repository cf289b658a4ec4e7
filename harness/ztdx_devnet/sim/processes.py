"""The product's processes in the simulation: a listener, and the API server.

Each is the product's own composition, run by an actor. A process that is started again opens the
same database file and continues.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, Protocol

from werkzeug.test import EnvironBuilder, run_wsgi_app

from ztdx_devnet.faults.processes import CrashPoint
from ztdx_devnet.sim.kernel import Actor, Kernel
from ztdx_devnet.sim.ports import Committed, SimClock, boundary_connection
from ztdx_devnet.sim.seed import SeededEntropy
from ztdx_spot.config import ApiSettings, ListenerSettings
from ztdx_spot.ledger.database import BUSY_WAIT_S, Database, open_connection
from ztdx_spot.ledger.migrations import prepare_schema
from ztdx_spot.listener.loop import run_listener
from ztdx_spot.ports import Clock, Entropy, Transport

API_LATENCY_US = 1_000  # one way


@dataclass(frozen=True, slots=True)
class Host:
    """What every process of one world stands on.

    `on_commit` is told of each committed write, `on_busy` of each statement that met a lock, and
    `on_exit` of each process's end and its error.
    """

    kernel: Kernel
    database_path: Path
    seed: int
    on_commit: Callable[[Committed], None]
    on_busy: Callable[[], None]
    on_exit: Callable[[str, Exception | None], None]

    def connect(self, name: str, busy_wait_s: float = BUSY_WAIT_S) -> Database:
        """A connection of the named process, from the actor that runs it, with the tables made.

        A kill can't lose what the system holds, so nothing is synced to the disk.
        """
        connection = open_connection(
            self.database_path,
            factory=boundary_connection(self.kernel, name, self.on_commit, self.on_busy),
            synchronous="OFF",
        )
        database = Database(connection, SimClock(self.kernel), busy_wait_s)
        prepare_schema(database)
        return database


class ProductProcess:
    """One process of the product: it can be started, killed and started again."""

    def __init__(self, name: str, host: Host) -> None:
        self.name = name
        self._host = host
        self._kernel = host.kernel
        self._actor: Actor | None = None
        self._crash: CrashPoint | None = None
        self._failure: Exception | None = None
        # A process that is started again may not draw the same ids.
        self._entropy = SeededEntropy(host.seed, name)
        self._clock = SimClock(host.kernel)

    @property
    def running(self) -> bool:
        return self._actor is not None and self._actor.alive

    @property
    def boundaries(self) -> int:
        """How many boundaries the present, or last, life of the process has crossed."""
        return self._actor.boundaries if self._actor else 0

    def start(self) -> None:
        """Start the process; if it runs, nothing happens."""
        if self.running:
            return
        self._failure = None
        self._actor = self._kernel.spawn(self.name, self._run)
        self._actor.crash, self._crash = self._crash, None
        self._actor.on_death.append(lambda: self._host.on_exit(self.name, self._failure))

    def kill(self) -> None:
        """kill -9; if it does not run, nothing happens."""
        if self._actor is not None:
            self._kernel.kill(self._actor)

    def crash_at(self, point: CrashPoint | None) -> None:
        """kill -9 at a boundary, of this life or, if it does not run, of the next; None: never."""
        if self._actor is not None and self._actor.alive:
            self._actor.crash = point
        else:
            self._crash = point

    def _run(self) -> None:
        try:
            self._main()
        except Exception as error:  # the process ends, as a real one would; the world goes on
            self._failure = error

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
        database = self._host.connect(self.name)
        program = self._program or run_listener
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


class ApiProcess(ProductProcess):
    """The API server: answers one request at a time, as its one-thread executor does."""

    def __init__(
        self, name: str, host: Host, settings: ApiSettings, environment: Mapping[str, str]
    ) -> None:
        super().__init__(name, host)
        self._settings = settings
        self._environment = environment
        self._requests: deque[tuple[Actor, ApiRequest]] = deque()
        self._answers: dict[Actor, ApiAnswer] = {}
        self._clients: list[Actor] = []

    def request(self, request: ApiRequest) -> ApiAnswer | None:
        """Send a request from the running actor and wait. None: the server died before answering.

        Raises ConnectionRefusedError when the server does not run.
        """
        self._kernel.boundary("http:send", API_LATENCY_US)
        server = self._actor
        if server is None or not server.alive:
            raise ConnectionRefusedError(f"{self.name} is not running")
        client = self._kernel.current
        self._requests.append((client, request))
        self._kernel.wake(server)
        self._clients.append(client)
        while client not in self._answers and server.alive:  # a new life knows nothing of it
            self._kernel.park("http:wait")
        self._clients.remove(client)
        self._kernel.boundary("http:receive", API_LATENCY_US)
        return self._answers.pop(client, None)

    def _main(self) -> None:
        from ztdx_spot.api.app import create_app  # Flask is loaded only where an API runs

        self._requests.clear()
        self._kernel.current.on_death.append(self._hang_up)
        database = self._host.connect(self.name)
        app = create_app(self._settings, self._environment, self._clock, self._entropy, database)
        while True:
            while not self._requests:
                self._kernel.park("http:accept")
            client, request = self._requests.popleft()
            path, _, query = request.target.partition("?")
            builder = EnvironBuilder(
                path=path,
                query_string=query,
                method=request.method,
                headers=list(request.headers.items()),
                data=request.body,
            )
            chunks, status, headers = run_wsgi_app(app, builder.get_environ())
            body = b"".join(chunks)
            self._answers[client] = ApiAnswer(int(status.split()[0]), dict(headers), body)
            self._kernel.wake(client)

    def _hang_up(self) -> None:
        """The server is dead: its clients' connections break."""
        for client in self._clients:
            self._kernel.wake(client)
