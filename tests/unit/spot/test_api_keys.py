"""API keys by their owners: made, listed, changed and deleted, and never seen by anybody else."""

from __future__ import annotations

import logging
import re
from contextlib import closing
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from ztdx_spot.auth.signatures import sign
from ztdx_spot.ledger.api_keys import KEYS_PER_USER_MAX
from ztdx_spot.ledger.database import Database, open_connection

from .api_client import Api
from .world import ALICE, BOB, FakeClock


def made(api: Api, label: str = "", user: str = ALICE) -> dict[str, object]:
    answer = api.send("POST", "/api-keys", {"label": label}, user=user)
    assert answer.status_code == 200, answer.data
    return dict(answer.get_json())


def listed(api: Api, user: str = ALICE) -> list[dict[str, object]]:
    return list(api.send("GET", "/api-keys", user=user).get_json()["api_keys"])


def error_of(answer: TestResponse) -> tuple[int, dict[str, str]]:
    return answer.status_code, answer.get_json()


def signed_get(api: Api, key: dict[str, object]) -> int:
    payload = f"timestamp={int(api.clock.time_s * 1000)}"
    query = f"{payload}&signature={sign(str(key['secret_key']), payload.encode())}"
    return api.get(f"/spot/balances?{query}", {"X-MBX-APIKEY": str(key["api_key"])}).status_code


class TestCreate:
    def test_key_and_secret_are_shown_once(self, api: Api, clock: FakeClock) -> None:
        key = made(api, "my bot")
        assert list(key) == ["id", "label", "api_key", "status", "created_at", "secret_key"]
        for name in ("api_key", "secret_key"):
            assert re.fullmatch("[0-9a-f]{64}", str(key[name]))
        assert (key["label"], key["status"]) == ("my bot", "active")
        assert key["created_at"] == int(clock.time_s)
        secret = key.pop("secret_key")
        assert listed(api) == [key]
        assert str(secret) not in str(listed(api))

    def test_it_signs_at_once(self, api: Api) -> None:
        assert signed_get(api, made(api)) == 200

    def test_a_label_may_be_left_out(self, api: Api) -> None:
        assert api.send("POST", "/api-keys", {}).get_json()["label"] == ""

    @pytest.mark.parametrize("label", ["x" * 50, "\U0001f600" * 50, "ä b\n"])
    def test_a_label_has_at_most_50_characters(self, api: Api, label: str) -> None:
        assert made(api, label)["label"] == label
        answer = api.send("POST", "/api-keys", {"label": "x" * 51})
        assert error_of(answer) == (400, {"error": "INVALID_FIELD", "field": "label"})

    @pytest.mark.parametrize("label", [5, None, [], True, "a\0b", "\ud800"])
    def test_a_label_is_a_storable_text(self, api: Api, label: object) -> None:
        answer = api.send("POST", "/api-keys", {"label": label})
        assert error_of(answer) == (400, {"error": "INVALID_FIELD", "field": "label"})

    def test_a_user_has_at_most_30_keys_disabled_ones_included(self, api: Api) -> None:
        keys = [made(api) for _ in range(KEYS_PER_USER_MAX)]
        api.send("PUT", f"/api-keys/{keys[0]['id']}", {"status": "disabled"})
        answer = api.send("POST", "/api-keys", {})
        assert error_of(answer) == (400, {"error": "API_KEY_LIMIT"})
        assert made(api, user=BOB)
        api.send("DELETE", f"/api-keys/{keys[0]['id']}")
        assert made(api)

    @pytest.mark.parametrize("body", ["", "[]", "{", '{"label":"a","label":"b"}'])
    def test_the_body_is_one_json_object(self, api: Api, body: str) -> None:
        headers = {"Authorization": f"Bearer {api.token()}"}
        answer = api.client().post("/api/v1/api-keys", data=body, headers=headers)
        assert error_of(answer) == (400, {"error": "INVALID_JSON"})


class TestChange:
    def test_label_and_status_change_together_or_alone(self, api: Api) -> None:
        key = made(api, "old")
        path = f"/api-keys/{key['id']}"
        for change, expected in (
            ({"label": "new"}, ("new", "active")),
            ({"status": "disabled"}, ("new", "disabled")),
            ({"label": "", "status": "active"}, ("", "active")),
            ({}, ("", "active")),
            ({"label": None, "status": None}, ("", "active")),
        ):
            answer = api.send("PUT", path, change).get_json()
            assert (answer["label"], answer["status"]) == expected
            assert listed(api) == [answer]

    def test_a_disabled_key_signs_nothing_until_it_is_active_again(self, api: Api) -> None:
        key = made(api)
        path = f"/api-keys/{key['id']}"
        statuses = []
        for status in ("disabled", "active"):
            api.send("PUT", path, {"status": status})
            statuses.append(signed_get(api, key))
        assert statuses == [401, 200]

    @pytest.mark.parametrize(
        ("member", "value"),
        [("status", "ACTIVE"), ("status", 1), ("status", ""), ("label", "x" * 51), ("label", 5)],
    )
    def test_a_wrong_member_is_named_and_nothing_changes(
        self, api: Api, member: str, value: object
    ) -> None:
        key = made(api, "old")
        wrong = {"label": "new", "status": "disabled", member: value}
        answer = api.send("PUT", f"/api-keys/{key['id']}", wrong)
        assert error_of(answer) == (400, {"error": "INVALID_FIELD", "field": member})
        assert (listed(api)[0]["label"], listed(api)[0]["status"]) == ("old", "active")


class TestDelete:
    def test_a_deleted_key_is_gone(self, api: Api) -> None:
        key, other = made(api), made(api)
        answer = api.send("DELETE", f"/api-keys/{key['id']}")
        assert error_of(answer) == (200, {"ok": True})
        assert [entry["id"] for entry in listed(api)] == [other["id"]]
        assert signed_get(api, key) == 401
        again = api.send("DELETE", f"/api-keys/{key['id']}")
        assert error_of(again) == (404, {"error": "API_KEY_NOT_FOUND"})

    def test_a_key_can_delete_itself(self, api: Api) -> None:
        key = made(api)
        payload = f"timestamp={int(api.clock.time_s * 1000)}"
        query = f"{payload}&signature={sign(str(key['secret_key']), payload.encode())}"
        answer = api.client().delete(
            f"/api/v1/api-keys/{key['id']}?{query}", headers={"X-MBX-APIKEY": str(key["api_key"])}
        )
        assert error_of(answer) == (200, {"ok": True})


class TestOwners:
    def test_they_see_their_own_keys_oldest_first(self, api: Api, clock: FakeClock) -> None:
        labels = ["c", "a", "b"]
        for label in labels:
            made(api, label)
            clock.time_s += 1
        made(api, "bob's", BOB)
        assert [key["label"] for key in listed(api)] == labels

    @pytest.mark.parametrize("key_id", [None, "nothing", "%00", "a%2Fb"])
    @pytest.mark.parametrize(("method", "body"), [("PUT", {"label": "mine"}), ("DELETE", None)])
    def test_another_users_key_is_not_there(
        self, api: Api, method: str, body: object, key_id: str | None
    ) -> None:
        bobs = made(api, "bob's", BOB)
        answer = api.send(method, f"/api-keys/{key_id or bobs['id']}", body)
        assert answer.status_code == 404
        assert listed(api, BOB)[0]["label"] == "bob's"

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", "/api-keys"),
            ("GET", "/api-keys"),
            ("PUT", "/api-keys/x"),
            ("DELETE", "/api-keys/x"),
        ],
    )
    def test_without_a_credential_the_answer_is_401_and_empty(
        self, api: Api, method: str, path: str
    ) -> None:
        for headers in ({}, {"X-MBX-APIKEY": "unknown", "Authorization": f"Bearer {api.token()}"}):
            answer = api.client().open(f"/api/v1{path}", method=method, headers=headers, data="{")
            assert (answer.status_code, answer.data) == (401, b"")

    @pytest.mark.parametrize(
        ("method", "path"),
        [("POST", "/api-keys"), ("PUT", "/api-keys/x"), ("DELETE", "/api-keys/x")],
    )
    def test_a_key_of_nobody_does_not_wait_for_the_write_lock(
        self, api: Api, clock: FakeClock, database_path: Path, method: str, path: str
    ) -> None:
        key = api.api_key()
        with (
            closing(open_connection(database_path)) as connection,
            Database(connection, clock).write(),
        ):
            forged = f"/api/v1{path}?{api.signed('', key)}"
            for name in ("unknown", key.api_key):
                answer = api.client().open(
                    forged if name == "unknown" else forged[:-1] + "g",
                    method=method,
                    headers={"X-MBX-APIKEY": name},
                )
                assert (answer.status_code, answer.data) == (401, b"")
        assert clock.sleeps_s == []

    def test_a_signed_request_with_a_body_signs_the_body_too(self, api: Api) -> None:
        key = made(api)
        payload = f"timestamp={int(api.clock.time_s * 1000)}"
        body = '{"label":"by hmac"}'
        signature = sign(str(key["secret_key"]), (payload + body).encode())
        for sent, status in ((body, 200), (body + " ", 401)):
            answer = api.client().post(
                f"/api/v1/api-keys?{payload}&signature={signature}",
                data=sent,
                headers={"X-MBX-APIKEY": str(key["api_key"])},
            )
            assert answer.status_code == status

    def test_no_secret_is_logged(self, api: Api, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        key = made(api)
        signed_get(api, key)
        api.send("PUT", f"/api-keys/{key['id']}", {"status": "wrong"})
        assert str(key["secret_key"]) not in caplog.text
