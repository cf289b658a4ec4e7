"""The verb `ws`: the product's WebSocket under the virtual clock, frame by frame."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.runner import Run
from ztdx_devnet.scenario.verdict import Failure, Verdict
from ztdx_devnet.virtual_time import MICROSECONDS
from ztdx_spot.ws.verifier import Verifier

CHANNEL = '"spot:user:balances"'
SUBSCRIBED = f"""
  - ws: {{as: c1}}
  - ws: {{socket: c1, subscribe: {CHANNEL}, user: alice}}
  - ws: {{socket: c1, expect: {{type: subscribed}}}}
"""


def pushed(available: str, socket: str = "c1") -> str:
    data = f'{{token: DF, available: "{available}"}}'
    frame = f"{{type: spot_user_balance, data: {data}}}"
    return f"  - ws: {{socket: {socket}, expect: {frame}, within: 3m}}\n"


def play(steps: str, given: str = "", seed: int = 0) -> Run:
    text = f"title: t\ngiven: {{{given}}}\nsteps:{steps}"
    return runner.play(loader.parse(text, "t.yaml"), seed)


def held(steps: str, given: str = "") -> Run:
    run = play(steps, given)
    assert run.outcome.verdict is Verdict.HELD, run.outcome.failure
    return run


def failure(steps: str, given: str = "") -> Failure:
    found = play(steps, given).outcome.failure
    assert found is not None
    return found


def seen(run: Run, client: str, kind: str) -> list[tuple[float, dict[str, Any]]]:
    """What the journal has of that client: seconds since the start, and the payload."""
    return [
        ((entry.at_us - run.started_us) / MICROSECONDS, entry.payload)
        for entry in run.journal
        if (entry.actor, entry.kind) == (client, kind)
    ]


def test_a_deposit_is_pushed_when_it_is_confirmed_and_not_before() -> None:
    run = held(
        f"{SUBSCRIBED}"
        '  - deposit: {as: d1, user: alice, amount: "100"}\n'
        "  - ws: {socket: c1, expect_none: 40s}\n"
        f"{pushed('100')}"
        "  - expect: {credited: [d1]}\n"
    )
    pushed_s = seen(run, "c1", "received")[-1][0]
    ((credited_s, _),) = seen(run, "ledger", "credited")
    assert 0 < pushed_s - credited_s <= 0.06, "a look every 50 ms, and the way to the client"


def test_pushes_come_in_the_order_of_the_entries_one_for_each() -> None:
    held(
        f"{SUBSCRIBED}"
        '  - deposit: {as: d1, user: alice, amount: "1"}\n'
        '  - deposit: {as: d2, user: alice, amount: "2"}\n'
        '  - deposit: {as: d3, user: alice, amount: "4"}\n'
        f"{pushed('1')}{pushed('3')}{pushed('7')}"
        "  - ws: {socket: c1, expect_none: 5s}\n"
    )


def test_only_the_user_of_a_change_hears_of_it() -> None:
    held(
        f"{SUBSCRIBED}"
        "  - ws: {as: c2}\n"
        f"  - ws: {{socket: c2, subscribe: {CHANNEL}, user: bob}}\n"
        "  - ws: {socket: c2, expect: {type: subscribed}}\n"
        '  - admin_credit: {user: bob, amount: "5"}\n'
        f"{pushed('5', 'c2')}"
        "  - ws: {socket: c1, expect_none: 5s}\n"
    )


def test_auth_by_jwt_comes_before_a_subscription_without_a_token() -> None:
    held(f"""
  - ws: {{as: c1}}
  - ws: {{socket: c1, subscribe: {CHANNEL}}}
  - ws: {{socket: c1, expect: {{type: error, code: AUTH_REQUIRED}}}}
  - ws: {{socket: c1, auth: alice}}
  - ws: {{socket: c1, expect: {{type: auth_result, success: true}}}}
  - ws: {{socket: c1, subscribe: {CHANNEL}}}
  - ws: {{socket: c1, expect: {{type: subscribed}}}}
""")


@pytest.mark.parametrize(
    ("act", "code"),
    [
        ('subscribe: "spot:user:orders", user: alice', "INVALID_CHANNEL"),
        ('send: {type: subscribe, channel: "spot:user:balances", token: x}', "AUTH_REQUIRED"),
        ('text: "{"', "INVALID_MESSAGE"),
        ("send: {type: ping, type2: x, kind: [1]}", None),
    ],
)
def test_frames_are_answered_as_the_server_answers_them(act: str, code: str | None) -> None:
    answer = f"{{type: error, code: {code}}}" if code else "{type: pong}"
    held(f"""
  - ws: {{as: c1}}
  - ws: {{socket: c1, {act}}}
  - ws: {{socket: c1, expect: {answer}}}
""")


def test_a_reversal_after_a_deep_reorg_is_pushed() -> None:
    held(
        "\n  - mine: 30\n"
        f"{SUBSCRIBED.lstrip(chr(10))}"
        '  - deposit: {as: d1, user: alice, amount: "100"}\n'
        f"{pushed('100')}"
        "  - reorg: {depth: 30, drop: [d1]}\n"
        f"{pushed('0')}"
        "  - expect: {reversed: [d1]}\n"
    )


def test_a_session_ends_with_its_token_and_says_so_within_a_second() -> None:
    run = held(
        f"{SUBSCRIBED}"
        "  - ws: {socket: c1, expect: {type: unsubscribed}, within: 2m}\n"
        "  - ws: {socket: c1, expect: {type: error, code: AUTH_REQUIRED}}\n"
        '  - admin_credit: {user: alice, amount: "5"}\n'
        "  - ws: {socket: c1, expect_none: 10s}\n",
        'environment: {JWT_EXPIRY_SECONDS: "60"}',
    )
    at_s = [at_s for at_s, payload in seen(run, "c1", "received")][1]
    assert 60 <= at_s <= 61.1


def test_whoever_sends_faster_than_50_frames_a_second_is_read_more_slowly() -> None:
    run = held(
        "\n  - ws: {as: c1}\n"
        "  - ws: {socket: c1, send: {type: ping}, times: 300}\n"
        "  - wait: 10s\n"
        "  - ws: {socket: c1, close: true}\n"
    )
    at_s = [at_s for at_s, _ in seen(run, "c1", "received")]
    assert len(at_s) == 300, "none is lost"
    assert at_s[99] - at_s[0] < 0.05, "a hundred at once"
    assert at_s[299] - at_s[99] == pytest.approx(200 / 50, abs=0.05)


def test_a_message_that_is_too_large_ends_the_connection() -> None:
    large, larger = "x" * 65_536, "x" * 65_537
    held(f"""
  - ws: {{as: c1}}
  - ws: {{socket: c1, text: {large}}}
  - ws: {{socket: c1, expect: {{code: INVALID_MESSAGE}}}}
  - ws: {{socket: c1, text: {larger}}}
  - ws: {{socket: c1, expect_closed: 1009}}
""")


def test_a_restart_of_the_api_breaks_every_socket_and_serves_new_ones() -> None:
    run = held(
        f"{SUBSCRIBED}"
        "  - ws: {as: idle}\n"
        "  - restart_api\n"
        "  - ws: {socket: c1, expect_closed: 1006}\n"
        "  - ws: {socket: idle, expect_closed: 1006}\n"
        "  - wait: 1s\n"
        f"{SUBSCRIBED.replace('c1', 'c2')}"
        '  - admin_credit: {user: alice, amount: "5"}\n'
        f"{pushed('5', 'c2')}"
    )
    assert len(seen(run, "c1", "received")) == 1


def test_nobody_can_connect_to_an_api_that_does_not_run() -> None:
    refused = failure("\n  - kill_api\n  - ws: {as: c1}\n")
    assert (refused.rule, refused.actual) == ("ws c1", "api is not running")


def test_an_expectation_that_fails_says_what_was_received_instead() -> None:
    other = failure(f"{SUBSCRIBED}  - admin_credit: {{user: alice, amount: '5'}}\n{pushed('6')}")
    assert other.rule == "ws c1"
    assert '"available": "6"' in other.expected
    assert '"available": "5"' in other.actual
    nothing = failure(f"{SUBSCRIBED}{pushed('6')}")
    assert nothing.actual == "nothing came; the socket is open"
    some = failure(
        f"{SUBSCRIBED}  - ws: {{socket: c1, send: {{type: ping}}}}\n"
        "  - ws: {socket: c1, expect_none: 5s}\n"
    )
    assert (some.expected, some.actual) == ("no frame for 5 s", '{"type": "pong"}')
    gone = failure(f"{SUBSCRIBED}  - ws: {{socket: c1, close: true}}\n{pushed('6')}")
    assert gone.actual == "the socket was closed with 1000"


def test_a_week_with_an_idle_socket_costs_no_looks() -> None:
    run = held(f"{SUBSCRIBED}  - wait: 7d\n", "listener: stopped")
    assert run.outcome.wall_s < 60, "twelve million looks would take minutes"
    assert len(run.journal) < 100


def test_the_same_seed_gives_the_same_run_whatever_the_hash_seed() -> None:
    script = (
        "from tests.scenario.test_ws_verb import *\n"
        "steps = SUBSCRIBED + '  - admin_credit: {user: alice, amount: \"1\"}\\n' + pushed('1')\n"
        "print(held(steps).outcome.digest)"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(digests) == 1


def test_a_frame_that_can_not_be_checked_is_answered_and_the_api_lives_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object) -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setattr(Verifier, "evidence", fails)
    held(f"""
  - ws: {{as: c1}}
  - ws: {{socket: c1, subscribe: {CHANNEL}}}
  - ws: {{socket: c1, expect: {{type: error, code: UNAVAILABLE}}}}
  - ws: {{socket: c1, auth: alice}}
  - ws: {{socket: c1, expect: {{type: auth_result, success: false}}}}
  - admin_credit: {{user: bob, amount: "5"}}
""")
