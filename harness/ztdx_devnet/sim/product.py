"""The product as it is deployed in a world: its processes, its operator, its environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.faults.armed import ArmedFaults
from ztdx_devnet.faults.processes import CrashPoint
from ztdx_devnet.faults.storage import DatabaseLock
from ztdx_devnet.sim.operator import Operator
from ztdx_devnet.sim.ports import SimTransport
from ztdx_devnet.sim.processes import (
    ApiAnswer,
    ApiProcess,
    ApiRequest,
    Host,
    ListenerProcess,
    ListenerProgram,
)
from ztdx_spot.config import read_api_settings, read_listener_settings

MAIN = "listener"
"""The listener that every world has."""


class Product:
    """Starts, kills and asks the product's processes. `program` stands in the listener's place."""

    def __init__(
        self,
        host: Host,
        faults: ArmedFaults,
        connect_node: Callable[[str], SimTransport],
        environment: dict[str, str],
        program: ListenerProgram | None,
        record: Callable[..., object],
    ) -> None:
        self._host = host
        self._faults = faults
        self._connect_node = connect_node
        self._program = program
        self._record = record
        self.environment = environment
        self.listeners: dict[str, ListenerProcess] = {}
        self.listener_was_started = False
        api_settings = read_api_settings(environment)
        self.api = ApiProcess("api", host, api_settings, environment)
        self.operator = Operator(host, api_settings)
        self.add_listener(MAIN)

    @property
    def listener(self) -> ListenerProcess:
        """The main listener."""
        return self.listeners[MAIN]

    @property
    def a_listener_runs(self) -> bool:
        return any(listener.running for listener in self.listeners.values())

    def add_listener(self, name: str) -> None:
        """One more listener on the same database; it does not run yet."""
        self.listeners[name] = ListenerProcess(
            name,
            self._host,
            read_listener_settings(self.environment),
            self._connect_node(name),
            self._program,
        )

    def start_listener(self, name: str = MAIN) -> None:
        """Start it, if it does not run."""
        self._record(name, "start")
        self.listener_was_started = True
        self.listeners[name].start()

    def kill_listener(self, name: str = MAIN) -> None:
        """kill -9: open transactions are lost, nothing of it runs on."""
        self._record(name, "kill")
        self.listeners[name].kill()

    def crash_listener_at(self, nth: int, kind: str, name: str = MAIN) -> None:
        """kill -9 at the `nth` boundary from now whose kind starts with `kind`."""
        point = CrashPoint(nth=nth, kind=kind)
        self.listeners[name].crash_at(point)
        self._arm(point)

    def lock_database(self, name: str, duration_us: int) -> None:
        """Another process takes the write lock, when it is free, and holds it for that long."""
        holder = self.operator.hold_write_lock(duration_us)
        kernel = self._host.kernel
        lock = DatabaseLock(name, release=lambda: kernel.kill(holder), held=lambda: holder.alive)
        self._arm(lock, us=duration_us)

    def debit(self, user: str, token: str, amount: str) -> None:
        """The operator takes that much from a user. Raises DebitError if there is less."""
        self.operator.debit(USERS[user].address_hex, token, amount)
        self._record("operator", "debit", user=user, token=token, amount=amount)

    def start_api(self) -> None:
        self._record("api", "start")
        self.api.start()

    def set_environment(self, variables: Mapping[str, str | None]) -> None:
        """Change the environment that the API server reads from on each request."""
        for name, value in variables.items():
            if value is None:
                self.environment.pop(name, None)
            else:
                self.environment[name] = value
        self._record("api", "environment", changed=sorted(variables))

    def request(self, request: ApiRequest) -> ApiAnswer | None:
        """One request to the API, by whoever runs. None: the server died before it answered.

        Raises ConnectionRefusedError when the server does not run.
        """
        answer = self.api.request(request)
        self._record(
            "api",
            "answer",
            method=request.method,
            target=request.target,
            status=answer.status if answer else None,
            body=answer.body.decode("utf-8", "replace") if answer else None,
        )
        return answer

    def _arm(self, fault: CrashPoint | DatabaseLock, **details: object) -> None:
        self._faults.arm(fault)
        self._record("faults", "armed", name=fault.name, **details)
