"""The product as it is deployed in a world: its processes, its operator, its environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.faults.clock import ClockJump
from ztdx_devnet.faults.fault import Fault
from ztdx_devnet.faults.processes import CrashPoint
from ztdx_devnet.faults.storage import DatabaseLock
from ztdx_devnet.sim.api_front import ApiFront
from ztdx_devnet.sim.operator import Operator
from ztdx_devnet.sim.processes import (
    ApiAnswer,
    ApiProcess,
    ApiRequest,
    Host,
    ListenerProcess,
    ListenerProgram,
    ProductProcess,
)
from ztdx_spot.config import read_api_settings, read_listener_settings
from ztdx_spot.ports import Transport

MAIN = "main"
"""The listener that every world has."""
MAIN_PROCESS = "listener"
"""What its process is called."""
API = "api"
STOP_US = 2_000_000
"""How long the product's own clean stop waits for its listener."""


class Debit(NamedTuple):
    """What the operator asks for: that much less for the user with this address."""

    user_address: str
    token: str
    amount: str


class Product:
    """Starts, kills and asks the product's processes. `program` stands in the listener's place.

    Listeners go by the names that a scenario gives them; a process is known elsewhere by its own
    name (`process_name`), in the journal and to the faults.
    """

    def __init__(
        self,
        host: Host,
        connect_node: Callable[[str], Transport],
        environment: dict[str, str],
        program: ListenerProgram | None,
    ) -> None:
        self._host = host
        self._faults = host.faults
        self._connect_node = connect_node
        self._program = program
        self._record = host.record
        self.environment = environment
        self.listeners: dict[str, ListenerProcess] = {}
        self.listener_was_started = False
        self.debits: list[Debit] = []
        """What was asked for, from the moment of asking; what was refused is not among it."""
        api_settings = read_api_settings(environment)
        self.api = ApiProcess(API, host, api_settings, environment)
        self._front = ApiFront(self.api, host)
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
        process = MAIN_PROCESS if name == MAIN else name
        self.listeners[name] = ListenerProcess(
            process,
            self._host,
            read_listener_settings(self.environment),
            self._connect_node(process),
            self._program,
        )

    def process_name(self, name: str) -> str:
        """What the process is called: that of a listener, or the API's."""
        return self._process(name).name

    def start_listener(self, name: str = MAIN) -> None:
        """Start it, if it does not run."""
        self.listener_was_started = True
        self.listeners[name].start()

    def stop_listener(self, name: str = MAIN) -> None:
        """SIGTERM, and wait for the end, as long as the product itself waits for it."""
        listener = self.listeners[name]
        self._record(listener.name, "stop")
        listener.stop(STOP_US)

    def kill_listener(self, name: str = MAIN) -> None:
        """kill -9: open transactions are lost, nothing of it runs on."""
        self._kill(self.listeners[name])

    def crash_at(self, nth: int, kind: str, name: str) -> None:
        """kill -9 at the `nth` boundary from now whose kind starts with `kind`.

        `name` is a listener's, or API. The boundaries of all its lives count.
        """
        point = CrashPoint(nth=nth, kind=kind)
        self._process(name).crash_at(point)
        self._arm(point)

    def jump_clock(self, name: str, by_us: int) -> None:
        """The clock of that process's machine is that far off, more than it was."""
        self._arm(ClockJump(process=self.process_name(name), by_us=by_us))

    def lock_database(self, name: str, duration_us: int) -> None:
        """Another process takes the write lock, when it is free, and holds it for that long."""
        operator, kernel = self.operator, self._host.kernel
        holder = operator.hold_write_lock(duration_us)
        lock = DatabaseLock(
            name,
            release=lambda: kernel.kill(holder),
            runs=lambda: holder.alive,
            held=lambda: operator.lock_holder is holder,
        )
        self._arm(lock, us=duration_us)

    def debit(self, user: str, token: str, amount: str) -> None:
        """The operator takes that much from a user. Raises DebitError if there is less."""
        asked = Debit(USERS[user].address_hex, token, amount)
        self.debits.append(asked)
        try:
            self.operator.debit(*asked)
        except BaseException:
            self.debits.remove(asked)
            raise
        self._record("operator", "debit", user=user, token=token, amount=amount)

    def tamper(self, user: str, token: str, available: str) -> None:
        """Somebody writes a user's balance by hand."""
        self.operator.tamper(USERS[user].address_hex, token, available)
        self._record("operator", "tamper", user=user, token=token, available=available)

    def start_api(self) -> None:
        """Start it, if it does not run."""
        self.api.start()

    def kill_api(self) -> None:
        """kill -9: whoever waits for an answer gets none."""
        self._kill(self.api)

    def set_environment(self, variables: Mapping[str, str | None]) -> None:
        """Change the environment that the API server reads from on each request."""
        for name, value in variables.items():
            if value is None:
                self.environment.pop(name, None)
            else:
                self.environment[name] = value
        self._record("api", "environment", changed=sorted(variables))

    def request(self, request: ApiRequest) -> ApiAnswer | None:
        """One request to the API, by whoever runs. None: no answer came, and the connection broke.

        Raises ConnectionRefusedError when the server does not run.
        """
        answer, fired = self._front.request(request)
        self._record(
            "api",
            "answer",
            method=request.method,
            target=request.target,
            status=answer.status if answer else None,
            body=answer.body.decode("utf-8", "replace") if answer else None,
            **({"faults": fired} if fired else {}),
        )
        return answer

    def _process(self, name: str) -> ProductProcess:
        return self.api if name == API else self.listeners[name]

    def _kill(self, process: ProductProcess) -> None:
        self._record(process.name, "kill")
        process.kill()

    def _arm(self, fault: Fault, **details: object) -> None:
        self._faults.arm(fault)
        self._record("faults", "armed", name=fault.name, **details)
