"""The admin credit: the order of its checks, and money that moves once or not at all."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from ztdx_spot.ledger.database import Database, open_connection

from .api_client import ADMIN_KEY, CREDIT_PATH, Api
from .world import ALICE, BOB, FakeClock


def error_of(answer: TestResponse) -> tuple[int, dict[str, str]]:
    return answer.status_code, answer.get_json()


def available(api: Api, user: str = ALICE) -> str | None:
    held = api.get_as(user, "/spot/balances").get_json()["balances"]
    return held[0]["available"] if held else None


def audit(api: Api) -> list[tuple[object, ...]]:
    with api.database.read() as transaction:
        return transaction.execute(
            "SELECT user_address, token, amount, admin_actor, reason, created_at"
            " FROM spot_admin_credits ORDER BY rowid"
        ).fetchall()


class TestSuccess:
    def test_balance_and_audit_row_are_written(self, api: Api, clock: FakeClock) -> None:
        answer = api.credit(reason="testnet faucet grant")
        assert (answer.status_code, answer.data.strip()) == (200, b'{"ok":true}')
        assert answer.headers["Content-Type"] == "application/json"
        assert available(api) == "1000"
        now_s = int(clock.time_s)
        expected = (ALICE, "DF", "1000", "admin_api_key", "testnet faucet grant", now_s)
        assert audit(api) == [expected]

    @pytest.mark.parametrize("reason", [..., None])
    def test_the_reason_may_be_left_out(self, api: Api, reason: object) -> None:
        assert api.credit(reason=reason).status_code == 200
        assert audit(api)[0][4] is None

    def test_credits_add_up_exactly(self, api: Api) -> None:
        for amount in ("0.1", "0.2", "123456789.123456789012345678"):
            api.credit(amount=amount)
        assert available(api) == "123456789.423456789012345678"

    @pytest.mark.parametrize(
        "spelling",
        [
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
            "0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED",
        ],
    )
    def test_the_user_is_stored_in_lower_case(self, api: Api, spelling: str) -> None:
        assert api.credit(user_address=spelling).status_code == 200
        assert available(api, spelling.lower()) == "1000"

    @pytest.mark.parametrize(
        ("amount", "stored"),
        [
            ("1.50", "1.5"),
            ("007", "7"),
            ("1.000000000000000000000", "1"),
            ("0.000000000000000001", "0.000000000000000001"),
            (
                "115792089237316195423570985008687907853269984665640564039457.584007913129639935",
                "115792089237316195423570985008687907853269984665640564039457.584007913129639935",
            ),
        ],
    )
    def test_amounts_are_stored_canonical(self, api: Api, amount: str, stored: str) -> None:
        assert api.credit(amount=amount).status_code == 200
        assert (available(api), audit(api)[0][2]) == (stored, stored)

    def test_unknown_members_are_ignored(self, api: Api) -> None:
        assert api.credit(note="x").status_code == 200


class TestOrderOfChecks:
    @pytest.mark.parametrize("switch", [None, "", "True", "TRUE", "1", "true ", "yes", "false"])
    @pytest.mark.parametrize("key", [ADMIN_KEY, "wrong", None])
    @pytest.mark.parametrize("body", [b"{", b"{}", b"x" * 100_000])
    def test_unless_the_switch_is_exactly_true_every_request_gets_the_same_404(
        self, api: Api, switch: str | None, key: str | None, body: bytes
    ) -> None:
        api.environment = {} if switch is None else {"TESTNET_ONLY": switch}
        headers = {} if key is None else {"X-API-Key": key}
        answer = api.client().post(CREDIT_PATH, headers=headers, data=body)
        assert error_of(answer) == (404, {"error": "DISABLED"})

    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
    def test_no_method_tells_that_there_is_a_switch(self, api: Api, method: str) -> None:
        api.environment = {}
        assert api.client().open(CREDIT_PATH, method=method).status_code == 404
        api.environment = {"TESTNET_ONLY": "true"}
        answer = api.client().open(CREDIT_PATH, method=method)
        assert answer.status_code == 405

    def test_the_switch_is_read_on_each_request(self, api: Api) -> None:
        client = api.client()
        statuses = []
        for switch in ("true", "false", "true"):
            api.environment["TESTNET_ONLY"] = switch
            statuses.append(client.post(CREDIT_PATH).status_code)
        assert statuses == [401, 404, 401]

    @pytest.mark.parametrize("key", [None, "", "wrong", ADMIN_KEY + " x", ADMIN_KEY.upper(), "ä"])
    def test_the_key_comes_before_the_body(self, api: Api, key: str | None) -> None:
        headers = {} if key is None else {"X-API-Key": key}
        answer = api.client().post(CREDIT_PATH, headers=headers, data=b"{")
        assert (answer.status_code, answer.data) == (401, b"")

    @pytest.mark.parametrize("configured", [None, ""])
    def test_without_a_configured_key_nobody_is_admin(
        self, api: Api, configured: str | None
    ) -> None:
        api.settings = replace(api.settings, admin_api_key=configured)
        for key in ("", "None", ADMIN_KEY):
            assert api.credit(headers={"X-API-Key": key}).status_code == 401

    def test_user_credentials_do_not_make_an_admin(self, api: Api) -> None:
        headers = {"X-MBX-APIKEY": ADMIN_KEY, "Authorization": f"Bearer {api.token()}"}
        assert api.client().post(CREDIT_PATH, headers=headers).status_code == 401

    def test_the_form_of_all_fields_comes_before_the_sign_of_the_amount(self, api: Api) -> None:
        wrong: dict[str, Any] = {"amount": "-1", "token": "", "user_address": "0x1"}
        assert error_of(api.credit(**wrong))[1]["field"] == "user_address"
        assert error_of(api.credit(amount="-1", token=""))[1]["field"] == "token"
        assert error_of(api.credit(amount="-1", reason=5))[1]["field"] == "reason"


class TestRefusedBodies:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"null",
            b"[]",
            b'"text"',
            b"1",
            b"{}x",
            b"{'token': 'DF'}",
            b'{"amount": NaN}',
            b'{"amount": Infinity}',
            b'{"token": "\xff"}',
            '{"token": "DF"}'.encode("utf-16"),
            b'\xef\xbb\xbf{"token": "DF"}',
            b"[" * 60_000,
            b'{"a":' * 10_000,
            b'{"amount": "1", "amount": "1000"}',
        ],
    )
    def test_what_is_no_json_object_is_refused(self, api: Api, body: bytes) -> None:
        assert error_of(api.credit(body)) == (400, {"error": "INVALID_JSON"})

    def test_a_large_body_is_refused(self, api: Api) -> None:
        answer = api.credit(b" " * (64 * 1024) + b"{}")
        assert error_of(answer) == (413, {"error": "BODY_TOO_LARGE"})

    @pytest.mark.parametrize("name", ["user_address", "token", "amount"])
    @pytest.mark.parametrize("value", [..., None, True, 5, -5, 1.5, 0, [], {}, ["1"], 10**400])
    def test_a_field_that_is_no_text_is_refused(self, api: Api, name: str, value: object) -> None:
        fields: dict[str, Any] = {name: value}
        answer = api.credit(**fields)
        assert error_of(answer) == (400, {"error": "INVALID_FIELD", "field": name})

    def test_a_number_of_any_length_is_no_text(self, api: Api) -> None:
        body = f'{{"user_address":"{ALICE}","token":"DF","amount":{"9" * 5000}}}'
        assert error_of(api.credit(body)) == (400, {"error": "INVALID_FIELD", "field": "amount"})

    @pytest.mark.parametrize(
        "amount",
        [
            *("", " ", " 12 ", "12 ", "+1", "1e18", "1E3", "0x10", "NaN", "nan", "Infinity"),
            *("-inf", "1.", ".5", "1,5", "1_0", "-", "--1", "-1e5", "1\n", "1\0", "one"),
            *("\u0661\u0662", "\uff11", "0.0000000000000000001", str(10**78), "9" * 5000),
        ],
    )
    def test_an_amount_is_plain_digits_that_a_token_can_pay(self, api: Api, amount: str) -> None:
        answer = api.credit(amount=amount)
        assert error_of(answer) == (400, {"error": "INVALID_FIELD", "field": "amount"})

    @pytest.mark.parametrize("amount", ["0", "-0", "0.0", "-0.000", "-1", "-0.5", "-" + "9" * 100])
    def test_an_amount_must_be_positive(self, api: Api, amount: str) -> None:
        assert error_of(api.credit(amount=amount)) == (400, {"error": "AMOUNT_NON_POSITIVE"})
        assert available(api) is None

    @pytest.mark.parametrize(
        "token", ["", "df", "Df", "DF ", "D F", "DF\0", "A" * 17, "ДФ", "DF.e"]
    )
    def test_a_token_is_an_upper_case_symbol(self, api: Api, token: str) -> None:
        answer = api.credit(token=token)
        assert error_of(answer) == (400, {"error": "INVALID_FIELD", "field": "token"})

    @pytest.mark.parametrize(
        "address", ["", "0x", "alice", ALICE[2:], ALICE + "0", "0x" + "g" * 40]
    )
    def test_a_user_is_a_20_byte_address(self, api: Api, address: str) -> None:
        answer = api.credit(user_address=address)
        assert error_of(answer) == (400, {"error": "INVALID_FIELD", "field": "user_address"})

    def test_a_wrong_checksum_is_refused(self, api: Api) -> None:
        mistyped = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD"
        answer = api.credit(user_address=mistyped)
        assert error_of(answer) == (400, {"error": "INVALID_ADDRESS"})
        assert available(api, mistyped.lower()) is None

    @pytest.mark.parametrize("reason", [5, [], "a\0b", "x" * 1001])
    def test_a_reason_is_a_storable_text(self, api: Api, reason: object) -> None:
        answer = api.credit(reason=reason)
        assert error_of(answer) == (400, {"error": "INVALID_FIELD", "field": "reason"})

    def test_half_a_surrogate_pair_is_no_text(self, api: Api) -> None:
        body = f'{{"user_address":"{ALICE}","token":"DF","amount":"1","reason":"\\ud800"}}'
        assert error_of(api.credit(body))[1]["field"] == "reason"
        pair = body.replace("\\ud800", "\\ud83d\\ude00")
        assert api.credit(pair).status_code == 200
        assert audit(api)[0][4] == "😀"


class TestIdempotency:
    def test_a_repeated_key_replays_the_answer_and_moves_nothing(self, api: Api) -> None:
        answers = [api.credit(headers={"Idempotency-Key": "k1"}) for _ in range(3)]
        assert {(a.status_code, a.data, a.headers["Content-Type"]) for a in answers} == {
            (200, b'{"ok":true}\n', "application/json")
        }
        assert (available(api), len(audit(api))) == ("1000", 1)

    def test_the_same_key_with_another_body_is_a_conflict(self, api: Api) -> None:
        api.credit(headers={"Idempotency-Key": "k1"})
        answer = api.credit(amount="5", headers={"Idempotency-Key": "k1"})
        assert error_of(answer) == (409, {"error": "IDEMPOTENCY_KEY_REUSED"})
        assert (available(api), len(audit(api))) == ("1000", 1)

    def test_other_keys_and_no_key_credit_again(self, api: Api) -> None:
        for headers in ({"Idempotency-Key": "k1"}, {"Idempotency-Key": "k2"}, {}, {}):
            assert api.credit(headers=headers).status_code == 200
        assert available(api) == "4000"

    @pytest.mark.parametrize("key", ["", " ", "a b", "x" * 129, "ä", "a\tb"])
    def test_a_malformed_key_is_refused(self, api: Api, key: str) -> None:
        answer = api.credit(headers={"Idempotency-Key": key})
        assert error_of(answer) == (400, {"error": "INVALID_FIELD", "field": "Idempotency-Key"})
        assert available(api) is None

    def test_a_refused_request_does_not_use_up_its_key(self, api: Api) -> None:
        key = {"Idempotency-Key": "k1"}
        assert api.credit(amount="0", headers=key).status_code == 400
        assert api.credit(headers=key).status_code == 200


class TestDatabaseErrors:
    @pytest.mark.parametrize(
        "statement",
        [
            "BEGIN IMMEDIATE",
            "SELECT available",
            "INSERT INTO spot_balances",
            "INSERT INTO spot_admin_credits",
            "INSERT INTO spot_admin_credit_keys",
            "COMMIT",
        ],
    )
    def test_a_database_error_at_any_statement_writes_nothing(
        self, api: Api, database_path: Path, clock: FakeClock, statement: str
    ) -> None:
        class Failing(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                if sql.startswith(statement):
                    raise sqlite3.OperationalError("disk I/O error")
                return super().execute(sql, *parameters)

        key = {"Idempotency-Key": "k1"}
        connection = open_connection(database_path, factory=Failing, synchronous="OFF")
        broken = replace(api, database=Database(connection, clock))
        assert error_of(broken.credit(headers=key)) == (500, {"error": "DB_ERROR"})
        connection.close()
        assert (available(api), audit(api)) == (None, [])
        assert api.credit(headers=key).status_code == 200
        assert available(api) == "1000"

    def test_a_lock_that_is_never_released_is_a_database_error(
        self, api: Api, database_path: Path, clock: FakeClock
    ) -> None:
        connection = open_connection(database_path, synchronous="OFF")
        with Database(connection, clock).write():
            assert error_of(api.credit()) == (500, {"error": "DB_ERROR"})
        connection.close()
        assert api.credit(user_address=BOB).status_code == 200
