"""I11 and I12 in what is pushed to the WebSocket's clients, of whom the scenario says nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ztdx_devnet.scenario import loader, runner
from ztdx_spot.ledger import amounts, entries
from ztdx_spot.ledger.entries import BalanceChange
from ztdx_spot.ws.conversation import Conversation
from ztdx_spot.ws.hub import Hub

STEPS = """
title: Three sockets of two users, and nothing said about them
steps:
  - mine: 1
  - ws: {as: a}
  - ws: {socket: a, subscribe: "spot:user:balances", user: alice}
  - ws: {as: b}
  - ws: {socket: b, subscribe: "spot:user:balances", user: bob}
  - wait: 1s
  - deposit_series: {as: d, users: [alice], amount: "1.5", count: 3, every_blocks: 0}
  - deposit: {as: e, user: bob, amount: "0.000000000000000001"}
  - mine: 30
  - restart_api
  - ws: {as: c}
  - ws: {socket: c, subscribe: "spot:user:balances", user: alice}
  - wait: 1s
  - deposit: {as: f, user: alice, amount: "1"}
  - mine: 30
"""


def rule(text: str = STEPS) -> str | None:
    """The invariant that goes red."""
    failure = runner.run(loader.parse(text, "pushes.yaml")).failure
    return None if failure is None else failure.rule.partition(":")[0]


def test_right_pushes_are_no_violation() -> None:
    assert rule() is None


@pytest.mark.parametrize(
    "frames",
    [
        '  - ws: {socket: c, subscribe: "spot:user:balances", user: alice}\n',
        '  - ws: {socket: c, send: {type: unsubscribe, channel: "spot:user:balances"}}\n',
        '  - ws: {socket: c, send: {type: unsubscribe, channel: "spot:user:balances"}}\n'
        '  - ws: {socket: c, subscribe: "spot:user:balances", user: bob}\n',
        '  - ws: {socket: c, subscribe: "spot:user:balances", user: bob}\n',
        '  - ws: {socket: c, send: {type: 7, token: [7]}}\n  - ws: {socket: c, text: "no JSON"}\n',
        '  - ws: {socket: c, send: {type: auth, token: "a.b.c", address: 7}}\n',
        "  - ws: {socket: c, close: true}\n",
    ],
)
def test_whatever_else_a_client_sends_is_no_violation(frames: str) -> None:
    restless = STEPS.replace("  - deposit: {as: f", frames + "  - deposit: {as: f")
    assert restless != STEPS
    assert rule(restless) is None


Changes = list[BalanceChange]


def _pushed(patch: pytest.MonkeyPatch, change: Callable[[Changes], Changes]) -> None:
    read = entries.changes_after
    patch.setattr(entries, "changes_after", lambda *wanted: change(read(*wanted)))


@pytest.mark.parametrize(
    ("other", "found"),
    [
        (lambda changes: [c for c in changes for _ in range(2)], "I12"),
        (lambda changes: changes[::-1], "I12"),
        (lambda changes: changes[1:], "I12"),
        (lambda changes: changes[:-1], "I12"),
        (lambda changes: [replace(c, available=f"{float(c.available)}") for c in changes], "I11"),
        (lambda changes: [replace(c, frozen="1") for c in changes], "I11"),
        (lambda changes: [replace(c, created_at=c.created_at + 1) for c in changes], "I12"),
        (
            lambda changes: [replace(c, available=amounts.add(c.available, "1")) for c in changes],
            "I11",
        ),
    ],
    ids=["twice", "backwards", "oldest", "newest", "floats", "frozen", "time", "uncommitted"],
)
def test_other_pushes_than_the_entries_are_noticed(
    other: Callable[[Changes], Changes], found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pushed(monkeypatch, other)
    assert rule() == found


def test_pushes_of_somebody_else_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def to_all(self: Hub, change: BalanceChange, now_s: float) -> int:
        for member in list(self._audiences):
            mine = replace(change, user_address=member.conversation.audience or "")
            self._send(member, member.conversation.deliver(mine, now_s))
        return len(self)

    monkeypatch.setattr(Hub, "deliver", to_all)
    assert rule() == "I12"


@pytest.mark.parametrize("available", ["1.5", "3", "4.5", "5.5"])
def test_a_push_that_is_lost_is_noticed(available: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first, the second and the last of a socket, and the only one after a reconnection."""
    deliver = Conversation.deliver

    def lose(self: Conversation, change: BalanceChange, now_s: float) -> list[str]:
        return [] if change.available == available else deliver(self, change, now_s)

    monkeypatch.setattr(Conversation, "deliver", lose)
    until_restart = STEPS.partition("  - restart_api")[0]
    assert rule(STEPS if available == "5.5" else until_restart) == "I12"


def test_pushes_without_a_subscription_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ztdx_spot.ws.frames.unsubscribed", lambda _: '{"type":"unsubscribed"}')
    monkeypatch.setattr(Conversation, "_drop_subscription", lambda _: ['{"type":"unsubscribed"}'])
    other = STEPS.replace(
        "  - deposit: {as: f",
        '  - ws: {socket: c, auth: bob}\n  - deposit: {as: g, user: bob, amount: "1"}\n'
        "  - deposit: {as: f",
    )
    assert rule(other) == "I12"
