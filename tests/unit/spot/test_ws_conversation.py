"""One socket's conversation: who it is, what it is subscribed to, and what it is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ztdx_spot.ledger.entries import BalanceChange
from ztdx_spot.ws.conversation import NO_EVIDENCE, Conversation, Evidence, Session
from ztdx_spot.ws.frames import (
    Ping,
    Refused,
    Subscribe,
    TokenAuth,
    Unsubscribe,
    WalletAuth,
    read_frame,
)

from .push_world import CHANNEL
from .world import ALICE, BOB

NOW_S = 1000.0
ALICES = Session(ALICE, 2000)
BOBS = Session(BOB, 2000)
AUTH = TokenAuth("t")
SUBSCRIBE = Subscribe(CHANNEL)
SUBSCRIBED = {"type": "subscribed", "channel": CHANNEL}
UNSUBSCRIBED = {"type": "unsubscribed", "channel": CHANNEL}
REFUSED = Evidence(refusal="INVALID_TOKEN: no")


def change(seq: int, user: str = ALICE) -> BalanceChange:
    return BalanceChange(seq, user, "DF", str(seq), "0", 900 + seq)


class Talk:
    """A conversation at a time, with the frames read back."""

    def __init__(self) -> None:
        self.conversation = Conversation()
        self.now_s = NOW_S

    def say(self, frame: Any, evidence: Evidence = NO_EVIDENCE) -> list[dict[str, Any]]:
        return [json.loads(t) for t in self.conversation.answer(frame, evidence, self.now_s)]

    def auth(self, session: Session = ALICES) -> list[dict[str, Any]]:
        return self.say(AUTH, Evidence(session))

    def hear(self, *seqs: int, user: str = ALICE) -> list[str]:
        """The balances that are told of these changes."""
        told = [self.conversation.deliver(change(seq, user), self.now_s) for seq in seqs]
        frames = [json.loads(text) for texts in told for text in texts]
        return [f["data"]["available"] if "data" in f else f["type"] for f in frames]


@pytest.fixture
def talk() -> Talk:
    return Talk()


@pytest.fixture
def subscribed() -> Talk:
    """Alice, subscribed when entry 5 was the newest."""
    talk = Talk()
    talk.auth()
    assert talk.say(SUBSCRIBE, Evidence(newest_seq=5)) == [SUBSCRIBED]
    return talk


class TestAuthentication:
    @pytest.mark.parametrize("frame", [AUTH, WalletAuth(ALICE, "0x", 7)])
    def test_a_proof_is_answered_with_whom_it_proves(self, talk: Talk, frame: Any) -> None:
        assert talk.say(frame, Evidence(ALICES)) == [
            {"type": "auth_result", "success": True, "message": f"authenticated as {ALICE}"}
        ]

    def test_a_bad_proof_is_answered_with_the_reason(self, talk: Talk) -> None:
        assert talk.say(AUTH, REFUSED) == [
            {"type": "auth_result", "success": False, "message": "INVALID_TOKEN: no"}
        ]
        assert talk.say(SUBSCRIBE)[0]["code"] == "AUTH_REQUIRED"

    def test_a_bad_proof_changes_nothing_of_a_session(self, subscribed: Talk) -> None:
        subscribed.say(AUTH, REFUSED)
        assert subscribed.hear(6) == ["6"]

    def test_a_proof_that_expires_on_the_way_is_none(self, talk: Talk) -> None:
        (answer,) = talk.auth(Session(ALICE, int(NOW_S)))
        assert answer["success"] is False

    def test_the_same_user_again_keeps_the_subscription_for_longer(self, subscribed: Talk) -> None:
        assert len(subscribed.auth(Session(ALICE, 3000))) == 1
        subscribed.now_s = 2500
        assert subscribed.hear(6) == ["6"]

    def test_another_user_does_not_inherit_subscriptions(self, subscribed: Talk) -> None:
        answer, dropped = subscribed.auth(BOBS)
        assert (answer["success"], dropped) == (True, UNSUBSCRIBED)
        assert subscribed.hear(6) == subscribed.hear(7, user=BOB) == []
        assert subscribed.conversation.audience is None

    def test_a_ledger_that_fails_is_a_refusal_that_says_so(self, talk: Talk) -> None:
        (answer,) = talk.say(AUTH, Evidence(available=False))
        assert answer["success"] is False
        assert answer["message"].startswith("UNAVAILABLE")


class TestSubscribing:
    def test_it_needs_a_session(self, talk: Talk) -> None:
        (answer,) = talk.say(SUBSCRIBE)
        assert (answer["type"], answer["code"]) == ("error", "AUTH_REQUIRED")
        assert talk.conversation.audience is None

    def test_there_is_no_snapshot(self, subscribed: Talk) -> None:
        assert subscribed.say(Ping()) == [{"type": "pong"}]

    def test_a_token_in_the_frame_authenticates_on_the_way(self, talk: Talk) -> None:
        assert talk.say(Subscribe(CHANNEL, "t"), Evidence(ALICES, newest_seq=5)) == [SUBSCRIBED]
        assert talk.hear(6) == ["6"]
        assert talk.conversation.audience == ALICE

    def test_a_token_of_another_user_moves_the_subscription(self, subscribed: Talk) -> None:
        answers = subscribed.say(Subscribe(CHANNEL, "t"), Evidence(BOBS, newest_seq=7))
        assert answers == [UNSUBSCRIBED, SUBSCRIBED]
        assert subscribed.hear(8) == []
        assert subscribed.hear(7, 8, user=BOB) == ["8"]

    def test_a_bad_token_is_refused_beside_a_good_session(self, subscribed: Talk) -> None:
        (answer,) = subscribed.say(Subscribe(CHANNEL, "t"), REFUSED)
        assert (answer["code"], answer["message"]) == ("AUTH_REQUIRED", "INVALID_TOKEN: no")
        assert subscribed.hear(6) == ["6"]

    def test_a_ledger_that_fails_is_unavailable_and_no_subscription(self, talk: Talk) -> None:
        talk.auth()
        (answer,) = talk.say(SUBSCRIBE, Evidence(available=False))
        assert answer["code"] == "UNAVAILABLE"
        assert talk.conversation.audience is None

    def test_a_change_from_before_is_not_told(self, subscribed: Talk) -> None:
        assert subscribed.hear(4, 5, 6) == ["6"]

    def test_twice_does_not_skip_what_is_committed_and_not_yet_told(self, subscribed: Talk) -> None:
        assert subscribed.say(SUBSCRIBE, Evidence(newest_seq=7)) == [SUBSCRIBED]
        assert subscribed.hear(6, 7, 8) == ["6", "7", "8"]

    def test_after_an_end_it_begins_anew(self, subscribed: Talk) -> None:
        assert subscribed.say(Unsubscribe(CHANNEL)) == [UNSUBSCRIBED]
        assert subscribed.hear(6) == []
        assert subscribed.say(SUBSCRIBE, Evidence(newest_seq=7)) == [SUBSCRIBED]
        assert subscribed.hear(7, 8) == ["8"]

    def test_ending_what_is_not_there_is_no_error(self, talk: Talk) -> None:
        assert talk.say(Unsubscribe(CHANNEL)) == [UNSUBSCRIBED]


class TestDelivery:
    def test_a_change_is_told_with_the_time_of_its_entry(self, subscribed: Talk) -> None:
        (text,) = subscribed.conversation.deliver(change(6), NOW_S)
        assert json.loads(text) == {
            "type": "spot_user_balance",
            "channel": CHANNEL,
            "data": {"token": "DF", "available": "6", "frozen": "0", "ts": 906},
        }

    def test_nobody_hears_of_another_user(self, subscribed: Talk) -> None:
        assert subscribed.hear(6, user=BOB) == []

    def test_a_session_without_a_subscription_hears_nothing(self, talk: Talk) -> None:
        talk.auth()
        assert talk.hear(6) == []


class TestExpiry:
    def test_it_ends_the_subscription_and_says_so_once(self, subscribed: Talk) -> None:
        assert subscribed.conversation.expire(1999.9) == []
        dropped, error = map(json.loads, subscribed.conversation.expire(2000.0))
        assert (dropped, error["code"]) == (UNSUBSCRIBED, "AUTH_REQUIRED")
        assert subscribed.conversation.expire(2001.0) == []

    def test_the_change_at_that_second_is_not_told(self, subscribed: Talk) -> None:
        subscribed.now_s = 2000.0
        assert subscribed.hear(6, 7) == ["unsubscribed", "error"]

    def test_a_frame_after_it_is_answered_after_the_news(self, subscribed: Talk) -> None:
        subscribed.now_s = 2000.0
        answers = subscribed.say(SUBSCRIBE, Evidence(newest_seq=9))
        assert [a.get("code", a["type"]) for a in answers] == [
            "unsubscribed",
            "AUTH_REQUIRED",
            "AUTH_REQUIRED",
        ]

    def test_without_a_subscription_there_is_nothing_to_say(self, talk: Talk) -> None:
        talk.auth()
        assert talk.conversation.expire(2000.0) == []
        talk.now_s = 2000.0
        assert talk.say(SUBSCRIBE)[0]["code"] == "AUTH_REQUIRED"


class TestErrors:
    def test_a_refused_frame_is_an_error_and_changes_nothing(self, subscribed: Talk) -> None:
        assert subscribed.say(Refused("INVALID_MESSAGE", "m")) == [
            {"type": "error", "code": "INVALID_MESSAGE", "message": "m"}
        ]
        assert subscribed.hear(6) == ["6"]


MEMBERS = {
    "auth_result": {"type": str, "success": bool, "message": str},
    "subscribed": {"type": str, "channel": str},
    "unsubscribed": {"type": str, "channel": str},
    "pong": {"type": str},
    "error": {"type": str, "code": str, "message": str},
    "spot_user_balance": {"type": str, "channel": str, "data": dict},
}
CODES = {"INVALID_MESSAGE", "INVALID_CHANNEL", "AUTH_REQUIRED", "UNAVAILABLE"}

WORDS = st.sampled_from(["auth", "auth_token", "subscribe", "unsubscribe", "ping", CHANNEL, "t"])
VALUES = st.one_of(WORDS, st.none(), st.integers(), st.floats(), st.text(), st.lists(st.text()))
NAMES = st.sampled_from(["type", "channel", "token", "address", "signature", "timestamp"])
TEXTS = st.one_of(
    st.text(),
    st.dictionaries(NAMES, VALUES).map(json.dumps),
    st.builds(
        lambda kind, token: json.dumps({"type": kind, "channel": CHANNEL, "token": token}),
        WORDS,
        st.sampled_from(["t", None]),
    ),
)
EVIDENCE = st.builds(
    Evidence,
    st.sampled_from([None, ALICES, BOBS, Session(ALICE, 1001)]),
    st.just("no"),
    st.integers(0, 9),
    st.booleans(),
)
STEPS = st.one_of(
    st.tuples(TEXTS, EVIDENCE),
    st.builds(change, st.integers(0, 9), st.sampled_from([ALICE, BOB])),
)


@given(st.lists(st.tuples(STEPS, st.sampled_from([0.0, 0.5, 500.0]))))
def test_whatever_comes_only_documented_frames_go_out_and_pushes_only_within_a_subscription(
    steps: list[tuple[Any, float]],
) -> None:
    conversation, now_s, subscribed = Conversation(), NOW_S, False
    for step, later_s in steps:
        now_s += later_s
        if isinstance(step, BalanceChange):
            texts = conversation.deliver(step, now_s)
        else:
            text, evidence = step
            texts = conversation.answer(read_frame(text), evidence, now_s)
            assert texts
        for frame in map(json.loads, texts):
            assert {name: type(value) for name, value in frame.items()} == MEMBERS[frame["type"]]
            assert frame.get("code", "AUTH_REQUIRED") in CODES
            if frame["type"] == "spot_user_balance":
                assert subscribed
                assert conversation.audience == step.user_address
            elif frame["type"] in ("subscribed", "unsubscribed"):
                subscribed = frame["type"] == "subscribed"
        assert subscribed == (conversation.audience is not None)
