"""SIGINT and SIGTERM end `devnet up` and `devnet chain` in order, also while they are starting."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ztdx_devnet.live.serving import run_until_stopped
from ztdx_devnet.live.stop_signals import Stopped, StopSignals

PROGRAM = Path(sys.executable).with_name("devnet")
DEADLINE_S = 30
SIGNALS = [signal.SIGTERM, signal.SIGINT]


@pytest.fixture(autouse=True)
def _own_handlers() -> Iterator[None]:
    """Those of the test run are back after each test."""
    before = [(number, signal.getsignal(number)) for number in SIGNALS]
    yield
    for number, handler in before:
        signal.signal(number, handler)


class TestTheProgram:
    @pytest.mark.parametrize(
        ("flags", "number"),
        [
            (("up", "--rpc-port", "0", "--api-port", "0"), signal.SIGTERM),
            (("up", "--rpc-port", "0", "--api-port", "0"), signal.SIGINT),
            (("chain", "--port", "0"), signal.SIGTERM),
        ],
    )
    def test_ends_with_0_and_leaves_nothing_from_the_first_moment_on(
        self, tmp_path: Path, flags: tuple[str, ...], number: signal.Signals
    ) -> None:
        if not Path("/proc/self/status").exists():
            pytest.skip("no /proc here that tells when a handler is there")
        temporary = tmp_path / "temporary"
        temporary.mkdir()
        with subprocess.Popen(
            [PROGRAM, *flags, "--ready-file", tmp_path / "ready.json"],
            env={**os.environ, "TMPDIR": str(temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            deadline_s = time.monotonic() + DEADLINE_S
            while not has_a_handler(process.pid, signal.SIGTERM):
                assert process.poll() is None
                assert time.monotonic() < deadline_s
                time.sleep(0.001)
            process.send_signal(number)
            output, errors = process.communicate(timeout=DEADLINE_S)
        assert (process.returncode, output, errors) == (0, "", "")
        assert [*tmp_path.iterdir()] == [temporary]
        assert [*temporary.iterdir()] == []


def has_a_handler(pid: int, number: signal.Signals) -> bool:
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    (mask,) = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt")]
    return bool(int(mask, 16) >> (number - 1) & 1)


def come(number: signal.Signals = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


class TestStopSignals:
    @pytest.mark.parametrize("number", SIGNALS)
    def test_the_first_ends_the_block_and_more_change_nothing(self, number: signal.Signals) -> None:
        reached = []
        with StopSignals() as stop:
            try:
                come(number)
                reached.append("after")
            finally:
                come(number)
                reached.append("taken down")
        come(number)
        assert (stop.came, reached) == (True, ["taken down"])

    def test_without_one_the_handlers_are_those_of_before(self) -> None:
        before = [signal.getsignal(number) for number in SIGNALS]
        with StopSignals() as stop:
            assert [signal.getsignal(number) for number in SIGNALS] != before
        assert [signal.getsignal(number) for number in SIGNALS] == before
        assert not stop.came

    def test_one_that_was_lost_where_python_ignores_errors_is_remembered(self) -> None:
        called = []
        with StopSignals() as stop:
            with suppress(Stopped):  # as Python does to what a finalizer raises
                come()
            with stop.calling(lambda: called.append(1)):
                pass
        assert called == [1]

    def test_other_errors_pass(self) -> None:
        with pytest.raises(ZeroDivisionError), StopSignals():
            raise ZeroDivisionError


class TestRunUntilStopped:
    def test_the_work_is_taken_down_in_order_and_undisturbed(self) -> None:
        told = []

        async def work() -> int:
            try:
                come()
                await asyncio.sleep(DEADLINE_S)
            finally:
                told.append("ends")
                come()
                await asyncio.sleep(0)
                told.append("ended")
            return 1

        with StopSignals() as stop:
            assert run_until_stopped(work, stop) == 0
        assert told == ["ends", "ended"]

    def test_what_it_returns_is_returned(self) -> None:
        async def work() -> int:
            return 7

        with StopSignals() as stop:
            assert run_until_stopped(work, stop) == 7

    def test_a_cancellation_that_no_signal_asked_for_is_an_error(self) -> None:
        async def work() -> int:
            raise asyncio.CancelledError

        with StopSignals() as stop, pytest.raises(asyncio.CancelledError):
            run_until_stopped(work, stop)

    def test_work_does_not_begin_after_a_signal(self) -> None:
        begun = []

        async def work() -> int:
            begun.append(1)
            await asyncio.sleep(0)
            return 1

        with StopSignals() as stop:
            with suppress(Stopped):
                come()
            assert run_until_stopped(work, stop) == 0
