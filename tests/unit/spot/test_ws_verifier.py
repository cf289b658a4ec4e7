"""The verifier: what the ledger and the secret say of a frame."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from ztdx_spot.auth.tokens import issue_token
from ztdx_spot.ledger.database import Database
from ztdx_spot.ws.conversation import NO_EVIDENCE, Evidence, Session
from ztdx_spot.ws.frames import Ping, Refused, Subscribe, TokenAuth, Unsubscribe, WalletAuth
from ztdx_spot.ws.verifier import INVALID_TOKEN, asks_the_ledger

from .push_world import CHANNEL, SETTINGS, credit, token, verifier
from .world import ALICE, BOB, FakeClock


def test_a_token_proves_its_user_until_it_expires(database: Database, clock: FakeClock) -> None:
    frame, expires_at_s = TokenAuth(token(clock, lasts_s=60)), int(clock.now_s()) + 60
    asked = verifier(database, clock)
    assert asked.evidence(frame) == Evidence(Session(ALICE, expires_at_s))
    clock.time_s = expires_at_s
    assert asked.evidence(frame) == Evidence(refusal=INVALID_TOKEN)


@pytest.mark.parametrize("bad", ["", "a.b.c", "ä", "x" * 60_000])
def test_a_text_that_is_no_token_proves_nothing(
    database: Database, clock: FakeClock, bad: str
) -> None:
    assert verifier(database, clock).evidence(TokenAuth(bad)).session is None


def test_a_token_of_another_secret_proves_nothing(database: Database, clock: FakeClock) -> None:
    foreign = issue_token(ALICE, "another secret of thirty-two bytes", int(clock.now_s()), 60)
    assert verifier(database, clock).evidence(TokenAuth(foreign)).session is None


def test_a_wallet_has_a_session_as_long_as_a_token(database: Database, clock: FakeClock) -> None:
    evidence = verifier(database, clock).evidence(WalletAuth(BOB, "0xb0b", 1))
    assert evidence == Evidence(Session(BOB, int(clock.now_s()) + SETTINGS.jwt_expiry_s))


def test_a_refused_login_says_why_by_its_code(database: Database, clock: FakeClock) -> None:
    evidence = verifier(database, clock).evidence(WalletAuth(ALICE, "0x", 1))
    assert evidence == Evidence(refusal="SIGNATURE_INVALID: not Bob's")


def test_a_subscription_begins_at_the_newest_entry(database: Database, clock: FakeClock) -> None:
    asked = verifier(database, clock)
    assert asked.evidence(Subscribe(CHANNEL)) == Evidence(newest_seq=0)
    credit(database, ALICE, BOB)
    assert asked.evidence(Subscribe(CHANNEL)) == Evidence(newest_seq=2)
    evidence = asked.evidence(Subscribe(CHANNEL, token(clock)))
    assert evidence == Evidence(Session(ALICE, int(clock.now_s()) + 3600), newest_seq=2)


@pytest.mark.parametrize("frame", [Ping(), Unsubscribe(CHANNEL), Refused("INVALID_MESSAGE", "")])
def test_the_other_frames_ask_nothing(database: Database, clock: FakeClock, frame: Any) -> None:
    assert not asks_the_ledger(frame)
    assert verifier(database, clock).evidence(frame) == NO_EVIDENCE


def test_a_database_that_fails_is_evidence_and_no_secret_is_logged(
    database: Database, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    proof = token(clock)
    asked = verifier(database, clock)
    database.connection.close()
    assert asked.evidence(Subscribe(CHANNEL, proof)) == Evidence(available=False)
    (record,) = caplog.records
    assert "Subscribe frame could not be checked" in record.getMessage()
    assert proof not in caplog.text
