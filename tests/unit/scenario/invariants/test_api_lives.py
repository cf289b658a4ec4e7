"""I12 begins with an API that answers: one that died by itself, or hangs, is red."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.verdict import Failure
from ztdx_devnet.sim import processes
from ztdx_devnet.sim.processes import ApiAnswer, ApiProcess, ApiRequest

STEPS = """
title: A deposit
steps:
  - deposit: {as: d, user: alice, amount: "1"}
  - mine: 21
  - wait_until: {credited: [d], within: 60s}
"""
ASK = "  - api: {path: /spot/balances, as: alice, expect: {status: 200}}\n"


def failure(text: str) -> Failure | None:
    return runner.run(loader.parse(text, "api.yaml")).failure


def refused(text: str) -> str:
    """How the API broke I12."""
    found = failure(text)
    assert found is not None
    assert found.rule.startswith("I12:")
    return f"{found.expected}: {found.actual}"


def _broken(patch: pytest.MonkeyPatch, path: str, breaks: Any) -> None:
    """Requests of that path break it; `breaks` gets the process."""
    respond = ApiProcess._respond

    def broken(self: ApiProcess, asked: ApiRequest) -> ApiAnswer:
        if path in asked.target:
            breaks(self)
        return respond(self, asked)

    patch.setattr(ApiProcess, "_respond", broken)


def hang(api: Any) -> None:
    while True:
        api._clock.sleep_s(1)


def die(*_: Any) -> None:
    raise RuntimeError("a segmentation fault, say")


def test_an_api_that_dies_at_its_start_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "Verifier", die)
    assert "RuntimeError" in refused(STEPS)


@pytest.mark.parametrize("path", ["deposits", "balances", "readyz"])
def test_an_api_that_dies_of_a_request_is_noticed(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _broken(monkeypatch, path, die)
    assert "RuntimeError" in refused(STEPS)


@pytest.mark.parametrize("path", ["deposits", "balances", "readyz"])
def test_an_api_that_never_answers_is_noticed_after_30_seconds(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _broken(monkeypatch, path, hang)
    assert "within 30 s" in refused(STEPS)


def test_a_client_waits_for_a_hanging_api_no_longer_than_30_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _broken(monkeypatch, "balances", hang)
    found = failure(STEPS + ASK)
    assert found is not None
    assert found.part == "step"


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slept: list[bool] = []

    def slow(api: Any) -> None:
        if not slept:
            slept.append(True)
            api._clock.sleep_s(40)

    _broken(monkeypatch, "wallet", slow)
    ask = "  - api: {path: /wallet/tokens, expect: {status: none}}\n"
    assert failure(STEPS + ask + "  - wait: 60s\n" + ASK) is None


@pytest.mark.parametrize("fate", ["  - kill_api\n", "  - crash_at: {nth: 3, process: api}\n" + ASK])
def test_an_api_that_the_scenario_killed_need_not_answer(fate: str) -> None:
    assert failure(STEPS + fate.replace("status: 200", "status: none")) is None


@pytest.mark.parametrize(
    ("process", "excused"), [("process: api, ", True), ("", True), ("process: main, ", False)]
)
def test_an_api_that_died_of_a_disk_that_was_bad_for_it_need_not_answer(
    process: str, excused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The product answers with an error instead; another product may well die."""
    fault = f"  - db_fault: {{as: f, kind: io_error, {process}first: 1}}\n"
    read = "  - api: {path: /spot/balances, as: alice, expect: {status: none}}\n"

    def bad_disk(api: Any) -> None:
        for armed in api._host.faults:
            armed.hits += 1
        raise sqlite3.OperationalError("disk I/O error")

    _broken(monkeypatch, "balances", bad_disk)
    found = failure(STEPS + fault + read)
    assert (found is None) is excused
