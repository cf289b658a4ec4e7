"""Workers: the processes of `-n`, which do the jobs of a batch side by side and can be stopped.

They are started afresh, never forked from this process; each loads the world once and keeps it
warm for all its jobs.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from functools import partial
from multiprocessing.connection import wait
from typing import Any

from ztdx_devnet.runs.players import Job, Result
from ztdx_devnet.runs.stopping import Stopped, Stopping

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Workers:
    """Several processes; the heaviest jobs are begun first. Use as a context manager."""

    def __init__(self, processes: int, stopping: Stopping) -> None:
        self._stopping = stopping
        self._others = set(multiprocessing.active_children())
        self._futures: list[Future[Result]] = []
        method = "forkserver" if hasattr(os, "fork") else "spawn"
        context: Any = multiprocessing.get_context(method)
        if method == "forkserver":
            context.set_forkserver_preload([__name__, "ztdx_devnet.runs.jobs"])
        self._pool = ProcessPoolExecutor(processes, context, initializer=_begin_worker)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def begin(self, jobs: Sequence[Job], weights: Sequence[int]) -> list[Callable[[], Result]]:
        futures: dict[int, Future[Result]] = {}
        with _signals_held():  # a process that has not begun yet must not meet one
            for i in sorted(range(len(jobs)), key=lambda i: -weights[i]):
                futures[i] = self._pool.submit(_do, jobs[i])
        waiting = [future for future in self._futures if not future.done()]
        self._futures = [*waiting, *futures.values()]
        return [partial(self._result, futures[i]) for i in range(len(jobs))]

    def _result(self, future: Future[Result]) -> Result:
        try:
            with self._stopping:
                return future.result()
        except Stopped:
            self._stop_all()
        except CancelledError:
            return None
        try:
            return future.result()
        except CancelledError:
            return None

    def _stop_all(self) -> None:
        for future in self._futures:
            future.cancel()
        for process in set(multiprocessing.active_children()) - self._others:
            process.terminate()  # the worker takes it for a request to stop


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Signals wait; processes that are started here begin with that too."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# --- in a worker ---------------------------------------------------------------------------------

_worker = Stopping()


def _begin_worker() -> None:
    logging.getLogger("ztdx_spot").addHandler(logging.NullHandler())
    # Ctrl-C reaches the whole group: only the process that tells the others what to do obeys it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: _worker.stop())
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that was killed leaves nobody to play for."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _do(job: Job) -> Result:
    return job.do(_worker)
