"""The kernel: virtual time, seeded interleaving, and the rule of kill -9."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from ztdx_devnet.faults.processes import CrashPoint
from ztdx_devnet.sim.kernel import Deadlock, Kernel, Killed, Standstill
from ztdx_devnet.sim.ports import Committed, SimClock, boundary_connection
from ztdx_spot.ledger.database import Database, open_connection


def play(kernel: Kernel, script: Callable[[], object]) -> None:
    kernel.run_until_done(kernel.spawn("script", script))


def test_time_passes_only_by_sleeping() -> None:
    kernel = Kernel(1, now_us=5_000_000)
    clock = SimClock(kernel)
    seen = []

    def script() -> None:
        for duration_s in (0.25, 0, 86_400 * 365):
            seen.append(clock.now_s())
            clock.sleep_s(duration_s)

    play(kernel, script)
    assert seen == [5.0, 5.25, 5.25]
    assert kernel.now_us == 5_250_000 + 86_400 * 365 * 1_000_000


def test_actors_interleave_at_boundaries_in_the_order_of_their_time() -> None:
    kernel = Kernel(1)
    seen: list[tuple[int, str]] = []

    def walker(name: str, step_us: int, steps: int) -> Callable[[], None]:
        def walk() -> None:
            for _ in range(steps):
                kernel.boundary("step", step_us)
                seen.append((kernel.now_us, name))

        return walk

    kernel.spawn("slow", walker("slow", 300, 3))
    kernel.spawn("fast", walker("fast", 100, 9))
    play(kernel, walker("script", 1_000, 1))
    assert [at_us for at_us, _ in seen] == sorted(at_us for at_us, _ in seen)
    assert [n for _, n in seen].count("fast") == 9
    assert seen[-1] == (1_000, "script")


def order_of_equals(seed: int) -> list[str]:
    kernel = Kernel(seed)
    seen: list[str] = []
    for name in "abcdefgh":
        kernel.spawn(name, lambda name=name: (kernel.boundary("go"), seen.append(name)))  # type: ignore[misc]
    play(kernel, lambda: kernel.boundary("wait", 1))
    return seen


def test_the_seed_alone_decides_among_actors_that_are_due_at_once() -> None:
    assert order_of_equals(7) == order_of_equals(7)
    assert len({tuple(order_of_equals(seed)) for seed in range(20)}) > 15


def test_the_digest_tells_schedules_apart() -> None:
    def digest(seed: int) -> str:
        kernel = Kernel(seed)
        for name in "ab":
            kernel.spawn(name, lambda: kernel.boundary("go"))
        play(kernel, lambda: kernel.boundary("wait", 1))
        return kernel.digest

    assert digest(1) == digest(1)
    assert len({digest(seed) for seed in range(10)}) > 1


class Dying:
    """An actor with every way of doing something after its death."""

    def __init__(self, kernel: Kernel, path: Path) -> None:
        self.kernel, self.path, self.deeds = kernel, path, []
        self.commits: list[Committed] = []

    def live(self) -> None:
        factory = boundary_connection(self.kernel, "dying", self.commits.append, lambda: None)
        connection = open_connection(self.path, factory=factory, synchronous="OFF")
        database = Database(connection, SimClock(self.kernel))
        try:
            while True:
                try:
                    with database.write() as transaction:
                        transaction.execute("INSERT INTO entry VALUES ('first')")
                        transaction.execute("INSERT INTO entry VALUES ('second')")
                except BaseException:
                    connection.execute("INSERT INTO entry VALUES ('from except')")
                    raise
        finally:
            try:
                connection.execute("DELETE FROM entry")
                connection.execute("COMMIT")
            except Killed:
                self.deeds.append("swallowed the kill")
            SimClock(self.kernel).sleep_s(1)
            self.deeds.append("acted after its death")


@pytest.mark.parametrize("nth", range(1, 12))
def test_a_killed_actor_changes_nothing_more_whatever_its_cleanup_does(
    tmp_path: Path, nth: int
) -> None:
    path = tmp_path / "x.db"
    observer = sqlite3.connect(path)
    observer.execute("PRAGMA journal_mode=WAL")
    observer.execute("CREATE TABLE entry (word TEXT)")
    observer.commit()
    kernel = Kernel(3)
    dying = Dying(kernel, path)
    actor = kernel.spawn("dying", dying.live)
    actor.crashes.append(CrashPoint(nth=nth, kind="sql:"))
    play(kernel, lambda: kernel.boundary("wait", 10_000))

    assert not actor.alive
    words = [word for (word,) in observer.execute("SELECT word FROM entry")]
    assert words == ["first", "second"] * len(dying.commits)
    assert "acted after its death" not in dying.deeds
    # Nobody holds the lock that the dead one held.
    observer.execute("BEGIN IMMEDIATE")
    observer.close()


def test_killing_another_actor_closes_its_connections_before_it_unwinds(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    kernel = Kernel(3)
    seen: list[str] = []

    def holder() -> None:
        factory = boundary_connection(kernel, "holder", lambda _: None, lambda: None)
        connection = open_connection(path, factory=factory)
        connection.execute("CREATE TABLE entry (word TEXT)")
        connection.execute("BEGIN IMMEDIATE")
        try:
            kernel.boundary("sleep", 10**9)
        finally:
            seen.append("unwinding")

    def script() -> None:
        kernel.boundary("wait", 1_000)
        kernel.kill(held)
        other = sqlite3.connect(path, isolation_level=None, timeout=0)
        other.execute("BEGIN IMMEDIATE")  # the lock is free at once
        seen.append("lock taken")
        other.close()

    held = kernel.spawn("holder", holder)
    play(kernel, script)
    assert seen == ["lock taken", "unwinding"]


class Deaf:
    """An actor that takes every kill for an error and goes on; `told` counts its deaths."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.turns = self.told = 0
        self.deeds: list[str] = []
        self.actor = kernel.spawn("deaf", self.live)
        self.actor.on_death.append(self.hear)

    def hear(self) -> None:
        self.told += 1

    def live(self) -> None:
        while self.turns < 1_000_000:
            self.turns += 1
            try:
                self.kernel.boundary("work", 10)
                self.deeds.append("work")
            except BaseException:
                pass
        self.deeds.append("came to its end")


@pytest.mark.parametrize("killer", ["itself", "another", "the end"])
def test_an_actor_that_swallows_every_kill_is_left_behind(killer: str) -> None:
    kernel = Kernel(1)
    deaf = Deaf(kernel)
    seen: list[int] = []
    if killer == "itself":
        deaf.actor.crashes.append(CrashPoint(nth=5, kind="work"))

    def script() -> None:
        kernel.boundary("wait", 45)
        if killer == "another":
            kernel.kill(deaf.actor)
        kernel.boundary("wait", 1_000)
        seen.append(deaf.told)

    play(kernel, script)
    assert not deaf.actor.alive
    assert deaf.told == 1
    assert seen == [0 if killer == "the end" else 1]
    assert set(deaf.deeds) == {"work"}
    assert len(deaf.deeds) == (104 if killer == "the end" else 4)
    assert deaf.turns < 10_000


@pytest.mark.parametrize("call", [SimClock.now_s, lambda clock: clock.sleep_s(1)])
def test_every_port_leaves_it_behind(call: Callable[[SimClock], object]) -> None:
    kernel = Kernel(1)
    clock = SimClock(kernel)
    turns = 0

    def live() -> None:
        nonlocal turns
        for _ in range(1_000_000):
            turns += 1
            with suppress(BaseException):
                kernel.boundary("work", 10) if turns == 1 else call(clock)

    kernel.spawn("deaf", live).crashes.append(CrashPoint(nth=1, kind="work"))
    play(kernel, lambda: kernel.boundary("wait", 100))
    assert turns < 10_000


@pytest.mark.parametrize("last_word", [ZeroDivisionError, SystemExit, GeneratorExit])
def test_what_a_killed_actor_raises_is_ignored(last_word: type[BaseException]) -> None:
    kernel = Kernel(1)

    def live() -> None:
        try:
            kernel.boundary("work", 10)
        except BaseException:
            raise last_word from None

    kernel.spawn("dying", live).crashes.append(CrashPoint(nth=1, kind="work"))
    play(kernel, lambda: kernel.boundary("wait", 100))


@pytest.mark.parametrize("kills_itself", [True, False])
def test_whoever_wants_the_run_to_stop_is_heard_while_an_actor_dies(kills_itself: bool) -> None:
    kernel = Kernel(1)

    def live() -> None:
        try:
            kernel.boundary("work", 10)
        except BaseException:
            raise KeyboardInterrupt from None

    dying = kernel.spawn("dying", live)
    if kills_itself:
        dying.crashes.append(CrashPoint(nth=1, kind="work"))

    def script() -> None:
        kernel.boundary("wait", 5)
        kernel.kill(dying)
        kernel.boundary("wait", 100)

    with pytest.raises(KeyboardInterrupt):
        play(kernel, script)


def test_actors_that_still_live_at_the_end_are_ended_the_same_way() -> None:
    kernel = Kernel(1)
    deeds: list[str] = []

    def endless() -> None:
        try:
            while True:
                kernel.boundary("sleep", 10)
        finally:
            kernel.boundary("cleanup")
            deeds.append("acted after the end")

    actor = kernel.spawn("endless", endless)
    play(kernel, lambda: kernel.boundary("wait", 100))
    assert not actor.alive
    assert deeds == []


def test_an_actor_killed_before_its_first_step_never_runs() -> None:
    kernel = Kernel(1)
    deeds: list[str] = []
    actor = kernel.spawn("late", lambda: deeds.append("ran"), delay_us=10)
    play(kernel, lambda: kernel.kill(actor))
    assert deeds == []


def test_an_error_in_any_actor_ends_the_run() -> None:
    kernel = Kernel(1)

    def faulty() -> None:
        kernel.boundary("work", 5)
        raise ZeroDivisionError

    kernel.spawn("faulty", faulty)
    with pytest.raises(ZeroDivisionError):
        play(kernel, lambda: kernel.boundary("wait", 10))


def test_waiting_for_nothing_is_a_deadlock_not_a_hang() -> None:
    kernel = Kernel(1)
    with pytest.raises(Deadlock, match="script waits"):
        play(kernel, lambda: kernel.park("for ever"))


@pytest.mark.parametrize("spin", ["boundary", "refuse_the_dead"])
def test_a_loop_in_which_no_time_passes_ends_the_run_and_names_who_is_in_it(
    monkeypatch: pytest.MonkeyPatch, spin: str
) -> None:
    monkeypatch.setattr("ztdx_devnet.sim.kernel.STEPS_AT_ONCE_MAX", 1_000)
    kernel = Kernel(1)

    def for_ever() -> None:
        kernel.boundary("sleep", 7)
        while True:
            with suppress(Exception):
                kernel.boundary("sleep") if spin == "boundary" else kernel.refuse_the_dead()

    kernel.spawn("listener", for_ever)
    with pytest.raises(Standstill, match="listener does 1,000 things and no time passes"):
        play(kernel, lambda: kernel.boundary("wait", 10))
    assert kernel.now_us == 7


def test_steps_that_take_time_are_never_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ztdx_devnet.sim.kernel.STEPS_AT_ONCE_MAX", 10)
    kernel = Kernel(1)

    def steps() -> None:
        for _ in range(100):
            kernel.boundary("work", 1)
            kernel.refuse_the_dead()

    play(kernel, steps)
    assert kernel.now_us == 100


def test_a_parked_actor_goes_on_when_woken_or_at_its_timeout() -> None:
    kernel = Kernel(1)
    seen: list[tuple[str, int]] = []

    def parked(name: str, timeout_us: int | None) -> Callable[[], None]:
        def park() -> None:
            kernel.park("wait", timeout_us)
            seen.append((name, kernel.now_us))

        return park

    woken = kernel.spawn("woken", parked("woken", None))
    early = kernel.spawn("early", parked("early", 500))
    kernel.spawn("timed", parked("timed", 300))

    def script() -> None:
        kernel.boundary("wait", 100)
        kernel.wake(woken)
        kernel.wake(early)
        kernel.boundary("wait", 900)

    play(kernel, script)
    assert sorted(seen) == [("early", 100), ("timed", 300), ("woken", 100)]


def test_waking_an_actor_that_sleeps_does_not_shorten_its_sleep() -> None:
    kernel = Kernel(1)
    seen: list[int] = []

    def sleeper() -> None:
        kernel.boundary("sleep", 500)
        seen.append(kernel.now_us)

    asleep = kernel.spawn("sleeper", sleeper)

    def script() -> None:
        kernel.boundary("wait", 100)
        kernel.wake(asleep)
        kernel.boundary("wait", 900)

    play(kernel, script)
    assert seen == [500]


def test_the_digest_holds_the_time_and_the_kind_of_every_boundary() -> None:
    def digest(kind: str, delay_us: int) -> str:
        kernel = Kernel(1)

        def script() -> None:
            kernel.boundary(kind, delay_us)
            kernel.boundary("end")

        play(kernel, script)
        return kernel.digest

    assert len({digest("a", 1), digest("b", 1), digest("a", 2)}) == 3
