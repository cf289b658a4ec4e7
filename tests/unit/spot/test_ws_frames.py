"""Frames: what is read, what is refused and how, and what the texts look like."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ztdx_spot.ledger.entries import BalanceChange
from ztdx_spot.ws import frames
from ztdx_spot.ws.frames import (
    FRAME_BYTES_MAX,
    Ping,
    Refused,
    Subscribe,
    TokenAuth,
    Unsubscribe,
    WalletAuth,
    read_frame,
)

from .push_world import CHANNEL
from .world import ALICE

WALLET = {"type": "auth", "address": ALICE, "signature": "0x12", "timestamp": 7}


def read(**members: Any) -> frames.ClientFrame:
    return read_frame(json.dumps(members))


class TestReading:
    @pytest.mark.parametrize(
        ("members", "frame"),
        [
            ({"type": "ping"}, Ping()),
            ({"type": "ping", "more": [1]}, Ping()),
            ({"type": "auth", "token": "t"}, TokenAuth("t")),
            ({"type": "auth", "token": "t", "address": None}, TokenAuth("t")),
            ({"type": "auth_token", "token": "t"}, TokenAuth("t")),
            (WALLET, WalletAuth(ALICE, "0x12", 7)),
            ({**WALLET, "token": None}, WalletAuth(ALICE, "0x12", 7)),
            ({"type": "subscribe", "channel": CHANNEL}, Subscribe(CHANNEL)),
            ({"type": "subscribe", "channel": CHANNEL, "token": None}, Subscribe(CHANNEL)),
            ({"type": "subscribe", "channel": CHANNEL, "token": "t"}, Subscribe(CHANNEL, "t")),
            ({"type": "unsubscribe", "channel": CHANNEL}, Unsubscribe(CHANNEL)),
        ],
    )
    def test_a_well_formed_frame_is_read(self, members: Any, frame: frames.ClientFrame) -> None:
        assert read(**members) == frame

    @pytest.mark.parametrize(
        ("data", "named"),
        [
            ("", "not JSON"),
            ("ping", "not JSON"),
            ('{"type":"ping"', "not JSON"),
            ("[" * 16_000, "not JSON"),
            ("9" * 5_000, "not a JSON object"),
            ('{"type":"ping","type":"ping"}', "says a member twice"),
            ('{"type":"ping","more":[{"a":1,"a":2}]}', "says a member twice"),
            ('{"type":"ping","more":NaN}', "not JSON"),
            ('{"type":"ping","more":-Infinity}', "not JSON"),
            ("[]", "not a JSON object"),
            ('"ping"', "not a JSON object"),
            ("null", "not a JSON object"),
            ("{}", "`type` is missing"),
            ('{"type":7}', "`type` is 7"),
            ('{"type":1.5}', "`type` is of JSON type array or number"),
            ('{"type":{}}', "`type` is of JSON type object"),
            ('{"type":"PING"}', "`type` is 'PING': expected one of auth, auth_token, subscribe"),
            ('{"type":"pong"}', "`type` is 'pong'"),
            ('{"type":"auth"}', "needs `token`, or `address`"),
            ('{"type":"auth","token":5}', "`token` is not text"),
            ('{"type":"auth","token":"\\ud800"}', "`token` holds half a character"),
            ('{"type":"auth_token"}', "`token` is missing"),
            ('{"type":"auth","address":"a"}', "`signature` is missing"),
            ('{"type":"auth","signature":"a"}', "`address` is missing"),
            ('{"type":"subscribe"}', "`channel` is missing"),
            ('{"type":"unsubscribe","channel":[]}', "`channel` is not text"),
            (b'{"type":"ping"}', "binary"),
        ],
    )
    def test_a_malformed_frame_is_invalid_message_and_named(
        self, data: str | bytes, named: str
    ) -> None:
        refused = read_frame(data)
        assert isinstance(refused, Refused)
        assert refused.code == "INVALID_MESSAGE"
        assert named in refused.message
        assert len(refused.message) < 200

    @pytest.mark.parametrize("timestamp", [None, "7", 7.0, True, -1, 2**53, [7]])
    def test_a_timestamp_is_whole_seconds(self, timestamp: Any) -> None:
        refused = read(**{**WALLET, "timestamp": timestamp})
        assert isinstance(refused, Refused)
        assert "`timestamp`" in refused.message

    def test_two_proofs_at_once_are_none(self) -> None:
        refused = read(**WALLET, token="t")
        assert isinstance(refused, Refused)
        assert "`token` beside `address`" in refused.message

    @pytest.mark.parametrize("kind", ["subscribe", "unsubscribe"])
    @pytest.mark.parametrize("channel", ["", "spot:user:balance", "SPOT:USER:BALANCES", "x" * 9999])
    def test_an_unknown_channel_is_invalid_channel(self, kind: str, channel: str) -> None:
        refused = read(type=kind, channel=channel, token="t")
        assert isinstance(refused, Refused)
        assert refused.code == "INVALID_CHANNEL"
        assert len(refused.message) < 200

    @pytest.mark.parametrize("filler", ["x", "ä", "\ud800"])
    def test_a_frame_is_measured_in_bytes(self, filler: str) -> None:
        frame = '{"type":"ping","filler":"'
        size = len(filler.encode("utf-8", "replace"))
        largest = frame + filler * ((FRAME_BYTES_MAX - len(frame) - 2) // size) + '"}'
        assert read_frame(largest) == Ping()
        refused = read_frame(largest.replace('":"', '":"  ', 1) + " " * size)
        assert isinstance(refused, Refused)
        assert "larger than 16384 bytes" in refused.message

    @given(st.one_of(st.text(), st.binary()))
    def test_anything_is_a_frame_or_refused(self, data: str | bytes) -> None:
        assert isinstance(read_frame(data), Refused | Ping)


class TestWriting:
    def test_frames_of_the_server_are_the_documented_texts(self) -> None:
        change = BalanceChange(9, ALICE, "DF", "-1.5", "0", 1234)
        assert [
            frames.auth_result(success=True, message="m"),
            frames.subscribed(CHANNEL),
            frames.unsubscribed(CHANNEL),
            frames.pong(),
            frames.error("INVALID_MESSAGE", "ä"),
            frames.balance_push(change),
        ] == [
            '{"type":"auth_result","success":true,"message":"m"}',
            '{"type":"subscribed","channel":"spot:user:balances"}',
            '{"type":"unsubscribed","channel":"spot:user:balances"}',
            '{"type":"pong"}',
            '{"type":"error","code":"INVALID_MESSAGE","message":"\\u00e4"}',
            '{"type":"spot_user_balance","channel":"spot:user:balances",'
            '"data":{"token":"DF","available":"-1.5","frozen":"0","ts":1234}}',
        ]
