"""What a report tells of one run: its outcome, where its folder is, and its shrunk scenario."""

from __future__ import annotations

from dataclasses import dataclass

from ztdx_devnet.scenario.verdict import Outcome


@dataclass(frozen=True, slots=True)
class Unplayed:
    """A scenario of a batch that was stopped before its turn."""

    path: str
    title: str


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A smaller scenario that fails alike.

    `text` is its YAML, with comments on what does not matter; `removed` and `reduced` say what was
    taken away, and `runs` is how often a candidate was played.
    """

    text: str
    steps_before: int
    steps: int
    runs: int
    removed: tuple[str, ...] = ()
    reduced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run, as reports show it.

    `folder` is the run's folder as a user would type it, `replay` what `devnet replay` takes for
    it; `page` is its HTML timeline and `timeline` the text around the failure. `endings` say how
    listeners ended that do not run. `unshrunk` says why there is no shrunk scenario, where one
    could be missed. `unkept` says why the folder could not be written, `trace` is the traceback of
    an error of our own.
    """

    outcome: Outcome
    run_id: str | None = None
    folder: str | None = None
    replay: str | None = None
    page: str | None = None
    timeline: str = ""
    endings: tuple[str, ...] = ()
    shrunk: Shrunk | None = None
    unshrunk: str = ""
    unkept: str = ""
    trace: str = ""
