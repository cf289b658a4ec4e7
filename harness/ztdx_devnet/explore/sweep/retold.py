"""A scenario retold by the clock: the same acts at the same instants, whatever the product does.

A scenario waits for its product (`wait_until: credited`) and then acts. Disturbed, the product may
be late, and the chain would be another one. Retold, each act has the instant at which the
undisturbed run came to it, what only looks is left out, and so the chain is the same to the byte:
two runs of it can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ztdx_devnet.scenario import loader, yaml_lines
from ztdx_devnet.scenario.model import Scenario
from ztdx_devnet.scenario.runner import Run

Value = dict[str, Any]
_PATIENCE = "1m"
_OF_CLIENTS = {"debit", "admin_credit", "api", "ws", "at_once", "tamper"}
_OF_PROCESSES = ("listener_runs", "listener_exited", "health")
_OF_THE_WAY = ("reversed", "sightings")
"""Who is late may come after a reorg, and then never credits what others credit and reverse."""


def retold(run: Run) -> Value:
    """The value of the YAML of the scenario that the run has played, retold."""
    scenario = run.scenario
    value: Value = dict(yaml_lines.read(scenario.text, scenario.path)[0])
    instants_us = _instants(run)
    steps: list[Any] = []
    told_us = 0
    for step, raw, at_us in zip(scenario.steps, value["steps"], instants_us, strict=True):
        if not step.verb.acts():
            continue
        if at_us > told_us:
            steps.append(_wait(at_us))
            told_us = at_us
        steps.append(_patient(raw))
    # To its end, so that what was credited while it settled can be disturbed too.
    steps.append(_wait(run.outcome.virtual_us))
    value.update(steps=steps, check=_kept(value.get("check") or {}), seed=run.outcome.seed)
    return value


def _kept(check: Value) -> Value:
    """What every end must be: of chain and ledger, not of processes that a sweep starts again."""
    kept = [
        {word: fields for word, fields in conditions.items() if _is_of_the_end(word, fields)}
        for conditions in check.get("eventually") or []
    ]
    kept = [conditions for conditions in kept if conditions]
    return {"eventually": kept} if kept else {}


def _is_of_the_end(word: str, fields: Any) -> bool:
    if word == "rows" and isinstance(fields, dict) and fields.get("status") == "orphaned":
        return False
    return word not in _OF_PROCESSES and word not in _OF_THE_WAY


def _patient(raw: Any) -> Any:
    """The step, which waits for money that a disturbed product has not credited yet."""
    if isinstance(raw, dict) and isinstance(raw.get("debit"), dict):
        return {"debit": {"within": _PATIENCE, **raw["debit"]}}
    return raw


def disturbed(
    value: Value,
    title: str,
    first_steps: Sequence[Value] = (),
    given: Mapping[str, Any] | None = None,
    seed: int | None = None,
) -> Value:
    """The retold scenario with those steps in front and those fields of `given` on top."""
    changed = dict(value)
    changed["title"] = f"{value['title']}; {title}"
    changed["steps"] = [*first_steps, *value["steps"]]
    changed["given"] = {**(value.get("given") or {}), **(given or {})}
    if seed is not None:
        changed["seed"] = seed
    return changed


def without_clients(value: Value) -> Value:
    """The retold scenario without what depends on the product's answers, and its demands.

    What is left are chain, processes and faults: a run that can always go on to its end.
    """
    steps = [
        step
        for step in value["steps"]
        if not (isinstance(step, dict) and step.keys() & _OF_CLIENTS)
    ]
    return {**value, "steps": steps, "check": {}}


def scenario_of(value: Value, path: str) -> Scenario:
    """The value as a scenario. Raises BadScenario."""
    return loader.build(value, yaml_lines.Lines(), "", path)


def _instants(run: Run) -> list[int]:
    """When the run came to each of its steps: microseconds of its age."""
    return [
        entry.at_us - run.started_us
        for entry in run.journal
        if entry.actor == "scenario" and entry.kind == "step"
    ]


def _wait(until_us: int) -> Value:
    return {"wait": {"until": f"{until_us}us"}}
