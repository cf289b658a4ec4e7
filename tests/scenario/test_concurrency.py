"""Several actors at once: nothing is credited twice, and a step inside is a step like any other."""

from __future__ import annotations

import pytest

from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.errors import BadScenario
from ztdx_devnet.scenario.runner import Run
from ztdx_devnet.scenario.verdict import Verdict

CREDIT = '{user: alice, amount: "3", idempotency_key: k1}'


def play(steps: str, rest: str = "", seed: int = 0, given: str = "") -> Run:
    text = f"title: t\ngiven: {{{given}}}\nsteps:\n{steps}{rest}"
    return runner.play(loader.parse(text, "t.yaml"), seed)


def alice_has(amount: str) -> str:
    return f'check:\n  eventually:\n    - balance: {{user: alice, available: "{amount}"}}\n'


@pytest.mark.parametrize("seed", range(4))
def test_one_key_used_by_many_at_once_credits_once(seed: int) -> None:
    run = play(
        f"  - at_once: {{times: 12, steps: [admin_credit: {CREDIT}]}}\n"
        f"  - at_once:\n      - admin_credit: {CREDIT}\n      - admin_credit: {CREDIT}\n",
        alice_has("3"),
        seed,
    )
    assert run.outcome.verdict is Verdict.HELD, run.outcome.failure
    statuses = [e.payload["status"] for e in run.journal if e.kind == "answer" and e.actor == "api"]
    assert statuses == [200] * 14


def test_credits_without_a_key_all_count() -> None:
    credit = 'admin_credit: {user: alice, amount: "3"}'
    run = play(f"  - at_once: {{times: 5, steps: [{credit}]}}\n", alice_has("15"))
    assert run.outcome.verdict is Verdict.HELD, run.outcome.failure


RACE = """
  - second_listener: {as: standby}
  - admin_credit: {user: alice, amount: "10"}
  - deposit_series: {as: s, users: [alice], amount: "1", count: 10, every_blocks: 1}
  - mine: 9
"""


@pytest.mark.parametrize("seed", range(3))
def test_credits_debits_and_two_listeners_on_one_balance_lose_no_update(seed: int) -> None:
    """Admins and the operator write the row in the very seconds in which listeners credit it."""
    at_once = (
        "  - at_once:\n"
        "      times: 4\n"
        "      steps:\n"
        '        - admin_credit: {user: alice, amount: "1"}\n'
        '        - debit: {user: alice, amount: "1"}\n'
        '        - admin_credit: {user: alice, amount: "2"}\n'
        "  - wait: 20ms\n"
    )
    run = play(
        RACE + at_once * 40 + "  - wait_until: {credited: [s-1, s-10], within: 60s}\n",
        alice_has(str(10 + 10 + 40 * 4 * 2)),
        seed,
    )
    assert run.outcome.verdict is Verdict.HELD, run.outcome.failure
    commits = [(e.at_us, e.actor) for e in run.journal if e.kind == "commit"]
    others = [at_us for at_us, actor in commits if actor in ("api", "operator")]
    assert any(
        actor in ("listener", "standby")
        and any(at_us - 60_000 < other < at_us for other in others)
        and any(at_us < other < at_us + 60_000 for other in others)
        for at_us, actor in commits
    ), "no listener wrote between two others: there was no race"


@pytest.mark.parametrize("seed", range(6))
def test_debits_and_two_listeners_lose_no_update_when_statements_are_slow(seed: int) -> None:
    at_once = (
        "  - at_once: {times: 4, steps: [debit: {user: alice, amount: '0.1'}]}\n  - wait: 300ms\n"
    )
    run = play(
        RACE + at_once * 8 + "  - wait_until: {credited: [s-1, s-10], within: 60s}\n",
        alice_has("16.8"),
        seed,
        "latency: varied",
    )
    assert run.outcome.verdict is Verdict.HELD, run.outcome.failure


def test_all_begin_at_one_instant_and_the_seed_says_who_is_first() -> None:
    step = (
        "  - wait: 1s\n  - at_once:\n      - mine: 3\n"
        "      - api: {path: /spot/balances, as: alice, expect: {status: 200}}\n"
        "      - debit: {user: bob, amount: '1'}\n"
    )
    orders = set()
    for seed in range(8):
        run = play(f'  - admin_credit: {{user: bob, amount: "1"}}\n{step}', seed=seed)
        assert run.outcome.verdict is Verdict.HELD, run.outcome.failure
        begun = [e for e in run.journal if e.kind == "step" and e.actor.startswith("at_once")]
        assert len({e.at_us for e in begun}) == 1
        orders.add(tuple(e.actor for e in begun))
    assert len(orders) > 2


def test_it_ends_with_its_last_step() -> None:
    run = play(
        "  - at_once:\n      - mine: 7\n      - deposit: {as: d1, user: bob, amount: '1'}\n"
        "  - expect: {height: 1007}\n  - wait_until: {credited: [d1], within: 60s}\n"
    )
    assert run.outcome.verdict is Verdict.HELD, run.outcome.failure


def test_a_failing_step_inside_fails_the_run_at_its_own_line() -> None:
    run = play(
        "  - wait: 1s\n  - at_once:\n      - mine: 1\n"
        '      - debit: {user: bob, amount: "1"}\n      - mine: 2\n'
    )
    assert run.outcome.verdict is Verdict.VIOLATED
    assert run.outcome.failure is not None
    assert (run.outcome.failure.rule, run.outcome.failure.line) == ("debit", 7)


def test_an_impossible_step_inside_is_reported_at_its_own_line() -> None:
    with pytest.raises(BadScenario, match=r"^t\.yaml:7: "):
        play(
            "  - reorg: {depth: 3, branch: b}\n  - at_once:\n      - mine: 1\n"
            "      - reorg: {depth: 2, branch: b}\n"
        )


def test_the_same_seed_gives_the_same_run() -> None:
    steps = (
        f"  - at_once: {{times: 6, steps: [admin_credit: {CREDIT}]}}\n"
        "  - at_once: [mine: 3, restart_listener, kill_api]\n"
    )
    assert play(steps).outcome.digest == play(steps).outcome.digest
    assert play(steps).outcome.digest != play(steps, seed=1).outcome.digest


@pytest.mark.parametrize(
    ("steps", "problems"),
    [
        ("  - at_once: [mine: 1]\n", ["t.yaml:4: one step alone: name another one, or times: 2"]),
        (
            "  - at_once:\n      - mine: 1\n      - wait: 3s\n",
            ["t.yaml:6: 'wait' can't be a step of at_once: it takes admin_credit, api, debit"],
        ),
        (
            "  - at_once:\n      - mine: 1\n      - mien: 3\n      - mine: -1\n",
            [
                "t.yaml:6: unknown verb 'mien': did you mean 'mine'?",
                "t.yaml:7: blocks: ",
            ],
        ),
        (
            "  - at_once:\n      steps:\n        - mine: 1\n        - mine: {block: 3}\n",
            ["t.yaml:7: missing field 'blocks'", "t.yaml:7: unknown field 'block'"],
        ),
        (
            "  - at_once:\n      - mine: 1\n      - at_once: [mine: 1, mine: 2]\n",
            ["t.yaml:6: 'at_once' can't be a step of at_once"],
        ),
        (
            "  - at_once:\n      - deposit: {as: d1, user: bob, amount: '1'}\n"
            "      - mine: {blocks: 1, order: [d1]}\n",
            ["t.yaml:6: unknown deposit 'd1': no deposit has been named before this line"],
        ),
        (
            "  - at_once:\n      - deposit: {as: d1, user: bob, amount: '1'}\n"
            "      - deposit: {as: d1, user: bob, amount: '1'}\n",
            ["t.yaml:6: the name 'd1' is given twice"],
        ),
        (
            "  - at_once: {times: 2, steps: [deposit: {as: d1, user: bob, amount: '1'}]}\n",
            ["t.yaml:4: times goes with steps that give no names"],
        ),
        (
            "  - at_once:\n      - mine: 1\n      - reorg: {depth: 9999}\n",
            ["t.yaml:6: depth 9999 reaches below genesis"],
        ),
        (
            "  - at_once:\n      - mine: 1\n      - kill_listener: standby\n",
            ["t.yaml:6: unknown listener 'standby': known: main"],
        ),
        ("  - at_once: 3\n", ["t.yaml:4: steps: "]),
        ("  - at_once: {steps: [mine: 1], times: 0}\n", ["t.yaml:4: times: "]),
        ("  - at_once: {step: [mine: 1]}\n", ["t.yaml:4: missing field 'steps'", "t.yaml:4: unk"]),
    ],
)
def test_problems_inside_have_their_own_lines(steps: str, problems: list[str]) -> None:
    with pytest.raises(BadScenario) as caught:
        play(steps)
    seen = str(caught.value).splitlines()
    assert len(seen) == len(problems), seen
    for line, problem in zip(seen, problems, strict=True):
        assert line.startswith(problem)
