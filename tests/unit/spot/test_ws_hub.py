"""The hub: who hears of which user, as conversations change and members come and go."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from ztdx_spot.ws.conversation import Conversation, Evidence, Session
from ztdx_spot.ws.frames import Subscribe, Unsubscribe
from ztdx_spot.ws.hub import Hub
from ztdx_spot.ws.pace import Pace

from .push_world import CHANNEL
from .test_ws_conversation import change
from .world import ALICE, BOB

NOW_S = 1000.0


@dataclass(eq=False)
class Listener:
    hub: Hub
    leaves_when_told: bool = False
    conversation: Conversation = field(default_factory=Conversation)
    told: list[str] = field(default_factory=list)

    def send(self, frame: str) -> None:
        members = json.loads(frame)
        self.told.append(members["data"]["available"] if "data" in members else members["type"])
        if self.leaves_when_told:
            self.hub.remove(self)

    def subscribe(self, user: str, until_s: int = 2000) -> None:
        self.conversation.answer(
            Subscribe(CHANNEL, "t"), Evidence(Session(user, until_s), newest_seq=0), NOW_S
        )
        self.hub.place(self)


@pytest.fixture
def hub() -> Hub:
    return Hub()


def test_a_change_is_told_to_all_sockets_of_its_user_and_to_no_other(hub: Hub) -> None:
    alices, bobs, nobodys = [Listener(hub), Listener(hub)], Listener(hub), Listener(hub)
    for member in alices:
        member.subscribe(ALICE)
    bobs.subscribe(BOB)
    hub.place(nobodys)
    assert hub.deliver(change(1), NOW_S) == 2
    assert [m.told for m in (*alices, bobs, nobodys)] == [["1"], ["1"], [], []]
    assert len(hub) == 4


def test_a_member_that_is_removed_hears_nothing_more(hub: Hub) -> None:
    member = Listener(hub)
    member.subscribe(ALICE)
    hub.remove(member)
    hub.remove(member)
    assert hub.deliver(change(1), NOW_S) == 0
    assert len(hub) == 0


def test_a_member_may_leave_while_it_is_told(hub: Hub) -> None:
    leaving, staying = Listener(hub, leaves_when_told=True), Listener(hub)
    for member in (leaving, staying):
        member.subscribe(ALICE)
    for seq in (1, 2):
        hub.deliver(change(seq), NOW_S)
    assert (leaving.told, staying.told, len(hub)) == (["1"], ["1", "2"], 1)


def test_a_member_follows_its_conversation(hub: Hub) -> None:
    member = Listener(hub)
    member.subscribe(ALICE)
    member.subscribe(BOB)
    assert (hub.deliver(change(1), NOW_S), hub.deliver(change(2, BOB), NOW_S)) == (0, 1)
    member.conversation.answer(Unsubscribe(CHANNEL), Evidence(), NOW_S)
    hub.place(member)
    assert hub.deliver(change(3, BOB), NOW_S) == 0


def test_an_expired_session_is_told_and_is_no_listener_any_more(hub: Hub) -> None:
    short, long = Listener(hub), Listener(hub)
    short.subscribe(ALICE, until_s=1500)
    long.subscribe(ALICE)
    hub.expire(1500.0)
    assert (short.told, long.told) == (["unsubscribed", "error"], [])
    assert hub.deliver(change(1), 1500.0) == 1


class TestPace:
    def test_a_burst_is_free_and_the_rest_waits_its_turn(self) -> None:
        pace = Pace(burst=3, per_second=10.0, now_s=0.0)
        assert [pace.wait_s(0.0) for _ in range(4)] == pytest.approx([0, 0, 0, 0.1])

    def test_who_waits_as_told_sends_at_the_rate(self) -> None:
        pace, now_s = Pace(burst=3, per_second=10.0, now_s=0.0), 0.0
        for _ in range(103):
            now_s += pace.wait_s(now_s)
        assert now_s == pytest.approx(10.0)

    def test_a_pause_earns_no_more_than_a_burst(self) -> None:
        pace = Pace(burst=2, per_second=10.0, now_s=0.0)
        assert [pace.wait_s(60.0) for _ in range(3)] == pytest.approx([0, 0, 0.1])

    def test_a_clock_that_goes_back_earns_nothing(self) -> None:
        pace = Pace(burst=1, per_second=10.0, now_s=60.0)
        assert [pace.wait_s(0.0) for _ in range(2)] == pytest.approx([0, 0.1])
