"""The ports of a simulated process: what goes past them ends the run, the dead reach none."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from ztdx_devnet.sim.kernel import Actor, Kernel, Killed
from ztdx_devnet.sim.ports import Committed, PortBypassed, SimClock, boundary_connection
from ztdx_devnet.sim.seed import SeededEntropy
from ztdx_spot.ledger.database import open_connection

Use = Callable[[sqlite3.Connection], object]


class Bench:
    """A file with one table, and an actor that uses a connection to it."""

    def __init__(self, folder: Path) -> None:
        self.kernel = Kernel(0)
        self.path = folder / "x.db"
        self.commits: list[tuple[str, ...]] = []
        with sqlite3.connect(self.path) as plain:
            plain.execute("CREATE TABLE entry (word TEXT)")
        plain.close()

    def run(self, use: Use) -> None:
        def act() -> None:
            factory = boundary_connection(self.kernel, "one", self._committed, lambda: None)
            connection = open_connection(self.path, factory=factory, synchronous="OFF")
            use(connection)
            connection.close()

        self.kernel.run_until_done(self.kernel.spawn("one", act))

    def statements(self, *statements: str) -> list[tuple[str, ...]]:
        """What each commit of these, one after another, is said to have written."""
        self.run(lambda connection: [connection.execute(one) for one in statements])
        return self.commits

    def _committed(self, committed: Committed) -> None:
        self.commits.append(committed.statements)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def enter(connection: sqlite3.Connection) -> None:
    with connection:
        pass


PAST_THE_PORT: dict[str, Use] = {
    "connection.cursor()": lambda c: c.cursor(),
    "connection.executemany()": lambda c: c.executemany("INSERT INTO entry VALUES (?)", [("a",)]),
    "connection.executescript()": lambda c: c.executescript("SELECT 1"),
    "connection.commit()": lambda c: c.commit(),
    "connection.rollback()": lambda c: c.rollback(),
    "with connection": enter,
    "connection.blobopen()": lambda c: c.blobopen("entry", "word", 1),
    "connection.deserialize()": lambda c: c.deserialize(b""),
    "cursor.execute()": lambda c: c.execute("SELECT 1").execute("DELETE FROM entry"),
    "cursor.executemany()": lambda c: c.execute("SELECT 1").executemany("DELETE FROM entry", []),
    "cursor.executescript()": lambda c: c.execute("SELECT 1").executescript("SELECT 1"),
}


@pytest.mark.parametrize("call", PAST_THE_PORT)
def test_sql_past_the_port_ends_the_run_and_can_not_be_swallowed(bench: Bench, call: str) -> None:
    went_on = []

    def use(connection: sqlite3.Connection) -> None:
        try:
            PAST_THE_PORT[call](connection)
        except BaseException:
            went_on.append("caught")
            bench.kernel.boundary("sleep", 1)
        went_on.append("after")

    with pytest.raises(PortBypassed) as caught:
        bench.run(use)
    assert str(caught.value).startswith(f"one: {call} goes past the simulated port")
    assert went_on == []
    bench.kernel.end()
    assert went_on == ["caught"]  # it unwinds, and gets no further than the next port


def test_rows_are_fetched_as_ever(bench: Bench) -> None:
    seen = []
    bench.run(lambda c: seen.extend(c.execute("VALUES (1), (2)").fetchall()))
    assert seen == [(1,), (2,)]


WRITE, OTHER = "INSERT INTO entry VALUES ('a')", "DELETE FROM entry"


@pytest.mark.parametrize(
    ("statements", "commits"),
    [
        (["BEGIN", WRITE, "SAVEPOINT s", "ROLLBACK TO s", "COMMIT"], [(WRITE,)]),
        (["BEGIN", WRITE, "SAVEPOINT s", OTHER, "ROLLBACK TO S", "COMMIT"], [(WRITE,)]),
        (
            [
                *("BEGIN", "SAVEPOINT a", WRITE, "SAVEPOINT b", OTHER),
                *("rollback transaction to savepoint b", "RELEASE SAVEPOINT a", "COMMIT"),
            ],
            [(WRITE,)],
        ),
        (["BEGIN", "SAVEPOINT s", WRITE, "RELEASE s", OTHER, "COMMIT"], [(WRITE, OTHER)]),
        (["SAVEPOINT s", WRITE, "RELEASE s"], [(WRITE,)]),
        (["SAVEPOINT s", WRITE, "ROLLBACK TO s", "RELEASE s"], []),
        (["BEGIN", WRITE, "ROLLBACK", OTHER], [(OTHER,)]),
        (["BEGIN", WRITE, "ROLLBACK;", "SELECT 1"], []),
        (["BEGIN", WRITE, "END"], [(WRITE,)]),
        (["/* a note */ BEGIN", WRITE, "-- another\nCOMMIT;", "", "SELECT 1"], [(WRITE,)]),
    ],
)
def test_a_commit_tells_what_was_written_and_not_rolled_back(
    bench: Bench, statements: list[str], commits: list[tuple[str, ...]]
) -> None:
    assert bench.statements(*statements) == commits


def test_an_error_of_the_harness_in_a_commit_ends_the_run(bench: Bench) -> None:
    def refuse(_: Committed) -> None:
        raise ZeroDivisionError

    bench._committed = refuse  # type: ignore[method-assign]

    def use(connection: sqlite3.Connection) -> None:
        try:
            connection.execute(WRITE)
        except BaseException:
            bench.kernel.boundary("sleep", 1)
            raise AssertionError("went on") from None

    with pytest.raises(ZeroDivisionError):
        bench.run(use)
    bench.kernel.end()


class LastWords:
    """A process that, dying, looks at its clock, draws chance and speaks."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel, self.seen = kernel, list[str]()
        self.looks = 0
        self.clock = SimClock(kernel, self._look)
        self.entropy = SeededEntropy(0, "dying", kernel.refuse_the_dead)

    def live(self) -> None:
        try:
            while True:
                self.kernel.boundary("sleep", 10)
        finally:
            last_words: list[tuple[str, Callable[[], object]]] = [
                ("now", self.clock.now_s),
                ("chance", lambda: self.entropy.bytes("id", 4)),
            ]
            for word, act in last_words:
                try:
                    act()
                    self.seen.append(word)
                except Killed:
                    pass
            logging.getLogger("ztdx_spot.dying").warning("last words")

    def _look(self) -> int:
        self.looks += 1
        return 0


def kill_itself(kernel: Kernel, actor: Actor) -> None:
    from ztdx_devnet.faults.processes import CrashPoint

    actor.crashes.append(CrashPoint(nth=1))
    kernel.boundary("wait", 5)


def killed_by_another(kernel: Kernel, actor: Actor) -> None:
    kernel.boundary("wait", 5)
    kernel.kill(actor)
    kernel.boundary("wait", 5)


@pytest.mark.parametrize(
    "death", [kill_itself, killed_by_another, lambda *_: None], ids=["crash", "kill", "end"]
)
def test_the_dead_see_no_time_draw_no_chance_and_say_nothing(
    death: Callable[[Kernel, Actor], None], caplog: pytest.LogCaptureFixture
) -> None:
    kernel = Kernel(0)
    dying = LastWords(kernel)
    actor = kernel.spawn("dying", dying.live)
    kernel.run_until_done(kernel.spawn("script", lambda: death(kernel, actor)))
    assert not actor.alive
    assert dying.seen == []
    assert dying.looks == 0
    assert caplog.messages == []
    assert dying.entropy.bytes("id", 4) == SeededEntropy(0, "dying").bytes("id", 4)
    logging.getLogger("ztdx_spot.living").warning("heard")
    assert caplog.messages == ["heard"]
