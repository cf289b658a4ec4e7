"""The user's routes: credentials, lists, errors and cross-origin access."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from ztdx_spot.ledger.database import Database, open_connection

from .api_client import ADMIN_KEY, Api
from .world import ALICE, BOB, FakeClock

USER_PATHS = ["/spot/deposits", "/spot/balances"]


def assert_unauthorized(answer: TestResponse) -> None:
    assert (answer.status_code, answer.data) == (401, b"")
    assert "Content-Type" not in answer.headers


class TestCredentials:
    @pytest.mark.parametrize("path", USER_PATHS)
    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Authorization": ""},
            {"Authorization": "Bearer"},
            {"Authorization": "Bearer "},
            {"Authorization": "Bearer x.y.z"},
            {"Authorization": "Basic YTpi"},
            {"X-MBX-APIKEY": ""},
            {"X-API-Key": ADMIN_KEY},
        ],
    )
    def test_without_a_valid_credential_the_answer_is_401_and_empty(
        self, api: Api, path: str, headers: dict[str, str]
    ) -> None:
        assert_unauthorized(api.get(path, headers))

    @pytest.mark.parametrize("path", USER_PATHS)
    def test_a_token_names_the_user(self, api: Api, path: str) -> None:
        assert api.get_as(ALICE, path).status_code == 200

    def test_the_scheme_may_be_written_in_any_case(self, api: Api) -> None:
        headers = {"Authorization": f"bearer {api.token()}"}
        assert api.get("/spot/balances", headers).status_code == 200

    def test_a_token_expires_by_the_port_clock(self, api: Api, clock: FakeClock) -> None:
        headers = {"Authorization": f"Bearer {api.token()}"}
        clock.time_s += 86400
        assert_unauthorized(api.get("/spot/balances", headers))

    @pytest.mark.parametrize("header", ["X-MBX-APIKEY", "X-API-Key", "x-mbx-apikey"])
    @pytest.mark.parametrize("query", ["", "limit=20", "b=%41+&limit=20&a"])
    def test_a_signed_request_names_the_user_of_the_key(
        self, api: Api, header: str, query: str
    ) -> None:
        api.add_deposit(1, 5, 0, "a")
        api.add_deposit(1, 5, 1, "b", user_address=BOB)
        key = api.api_key(BOB)
        answer = api.get(f"/spot/deposits?{api.signed(query, key)}", {header: key.api_key})
        assert [row["id"] for row in answer.get_json()] == ["b"]

    def test_a_changed_query_is_refused(self, api: Api) -> None:
        key = api.api_key()
        signed = api.signed("limit=20", key)
        for changed in (
            signed.replace("limit=20", "limit=21"),
            signed.replace("limit=20&", ""),
            signed + "&limit=200",
            "limit=%32%30" + signed.removeprefix("limit=20"),
        ):
            assert_unauthorized(api.get(f"/spot/deposits?{changed}", {"X-MBX-APIKEY": key.api_key}))

    def test_the_body_is_part_of_what_is_signed(self, api: Api) -> None:
        key = api.api_key()
        path = f"/api/v1/spot/balances?{api.signed('', key)}"
        headers = {"X-MBX-APIKEY": key.api_key}
        assert api.client().get(path, headers=headers).status_code == 200
        assert_unauthorized(api.client().get(path, headers=headers, data=b"x"))

    @pytest.mark.parametrize(("offset_s", "status"), [(5, 200), (-5, 200), (5.001, 401), (-6, 401)])
    def test_a_signature_is_old_after_five_seconds(
        self, api: Api, clock: FakeClock, offset_s: float, status: int
    ) -> None:
        key = api.api_key()
        path = f"/spot/balances?{api.signed('', key)}"
        clock.time_s += offset_s
        assert api.get(path, {"X-MBX-APIKEY": key.api_key}).status_code == status

    @pytest.mark.parametrize("header", ["X-MBX-APIKEY", "X-API-Key"])
    def test_a_bad_key_is_not_rescued_by_a_good_token(self, api: Api, header: str) -> None:
        headers = {header: "unknown", "Authorization": f"Bearer {api.token()}"}
        assert_unauthorized(api.get("/spot/balances", headers))

    def test_a_key_of_another_user_or_a_disabled_one_is_refused(self, api: Api) -> None:
        mine, other = api.api_key(), api.api_key(BOB)
        path = f"/spot/balances?{api.signed('', mine)}"
        assert_unauthorized(api.get(path, {"X-MBX-APIKEY": other.api_key}))
        with api.database.write() as transaction:
            transaction.execute("UPDATE api_keys SET status = 'disabled'")
        assert_unauthorized(api.get(path, {"X-MBX-APIKEY": mine.api_key}))


class TestSnapshots:
    @pytest.mark.parametrize("path", [*USER_PATHS, "/api-keys"])
    def test_a_signed_request_reads_key_and_answer_from_one_state(
        self, api: Api, database_path: Path, clock: FakeClock, path: str
    ) -> None:
        key = api.api_key()
        begun: list[str] = []

        class Recording(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                if sql.startswith("BEGIN"):
                    begun.append(sql)
                return super().execute(sql, *parameters)

        connection = open_connection(database_path, factory=Recording, synchronous="OFF")
        recorded = replace(api, database=Database(connection, clock))
        answer = recorded.get(f"{path}?{api.signed('', key)}", {"X-MBX-APIKEY": key.api_key})
        connection.close()
        assert (answer.status_code, begun) == (200, ["BEGIN"])


class TestDeposits:
    def test_the_keys_stand_in_documented_order(self, api: Api) -> None:
        api.add_deposit(1778315530, 106384180, 0, "a", amount="100")
        answer = api.get_as(ALICE, "/spot/deposits")
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.get_data(as_text=True).strip() == (
            '[{"id":"a","token":"DF","amount":"100","chain_id":97,"tx_hash":"0x'
            + f"{10:064x}"
            + '","block_number":106384180,"status":"confirmed","created_at":1778315530,'
            '"confirmed_at":1778315530}]'
        )

    @pytest.mark.parametrize("indexed", [True, False])
    def test_the_newest_come_first_in_a_total_order(self, api: Api, indexed: bool) -> None:
        if not indexed:
            # An index may hide an order that the query does not ask for.
            api.database.connection.execute("DROP INDEX spot_deposits_of_user")
        for row_id, now_s, block, log_index in (
            ("d", 1, 5, 1),
            ("a", 2, 4, 0),
            ("e", 1, 5, 0),
            ("b", 1, 6, 0),
            ("c", 1, 5, 2),
            ("f", 1, 5, 0),
        ):
            api.add_deposit(now_s, block, log_index, row_id)
        found = [row["id"] for row in api.get_as(ALICE, "/spot/deposits").get_json()]
        assert found == ["a", "b", "c", "d", "f", "e"]

    def test_other_users_and_unconfirmed_rows_are_not_shown(self, api: Api) -> None:
        api.add_deposit(1, 5, 0, "a")
        api.add_deposit(1, 5, 1, "b", user_address=BOB)
        api.add_deposit(1, 5, 2, "c")
        with api.database.write() as transaction:
            transaction.execute("UPDATE spot_deposits SET status = 'orphaned' WHERE id = 'c'")
        assert [row["id"] for row in api.get_as(ALICE, "/spot/deposits").get_json()] == ["a"]

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ("", 50),
            ("?limit=1", 1),
            ("?limit=0", 1),
            ("?limit=-0", 1),
            ("?limit=-7", 1),
            ("?limit=-" + "9" * 5000, 1),
            ("?limit=007", 7),
            ("?limit=200", 200),
            ("?limit=201", 200),
            ("?limit=99999999999999999999", 200),
            ("?limit=" + "9" * 5000, 200),
            ("?limit=" + "0" * 5000 + "3", 3),
            ("?other=x", 50),
        ],
    )
    def test_the_limit_is_clamped(self, api: Api, query: str, count: int) -> None:
        with api.database.write() as transaction:
            transaction.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 210)"
                " INSERT INTO spot_deposits SELECT 'id-' || i, ?, 'DF', '1', 97,"
                " '0x' || printf('%064d', i), i, 0, 'confirmed', 1, 1, 0, NULL FROM n",
                (ALICE,),
            )
        assert len(api.get_as(ALICE, f"/spot/deposits{query}").get_json()) == count

    @pytest.mark.parametrize(
        "value",
        [
            *("", "abc", "+5", "%2B5", "1e3", "1.0", "%205", "5%20", "%D9%A3", "0x10", "--1", "-"),
            *("%FF", "5%00", "null", "1&limit=2", "1&limit=1"),
        ],
    )
    def test_a_limit_that_is_no_integer_is_refused(self, api: Api, value: str) -> None:
        answer = api.get_as(ALICE, f"/spot/deposits?limit={value}")
        assert (answer.status_code, answer.get_json()) == (400, {"error": "INVALID_LIMIT"})

    def test_the_credential_is_judged_before_the_limit(self, api: Api) -> None:
        assert_unauthorized(api.get("/spot/deposits?limit=abc"))


class TestBalances:
    def test_tokens_ever_held_are_listed_by_name(self, api: Api) -> None:
        api.credit(token="USDT", amount="2.50")
        api.credit(token="DF")
        answer = api.get_as(ALICE, "/spot/balances")
        assert answer.get_data(as_text=True).strip() == (
            '{"balances":[{"token":"DF","available":"1000","frozen":"0"},'
            '{"token":"USDT","available":"2.5","frozen":"0"}]}'
        )

    def test_a_user_who_never_held_anything_has_an_empty_list(self, api: Api) -> None:
        assert api.get_as(BOB, "/spot/balances").get_json() == {"balances": []}


class TestErrors:
    @pytest.mark.parametrize("path", ["/", "/api/v1/nothing", "/api/v1//spot/deposits"])
    def test_an_unknown_path_is_a_json_404(self, api: Api, path: str) -> None:
        answer = api.client().get(path)
        assert (answer.status_code, answer.get_json()) == (404, {"error": "NOT_FOUND"})

    def test_a_wrong_method_is_a_json_405_that_names_the_right_ones(self, api: Api) -> None:
        answer = api.client().delete("/api/v1/spot/deposits")
        assert (answer.status_code, answer.get_json()) == (405, {"error": "METHOD_NOT_ALLOWED"})
        assert "GET" in answer.headers["Allow"]

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", "/auth/login"),
            ("POST", "/api-keys"),
            ("PUT", "/api-keys/x"),
            ("POST", "/admin/spot/balances/credit"),
        ],
    )
    def test_a_body_of_more_than_64_kib_is_refused(self, api: Api, method: str, path: str) -> None:
        headers = {"Authorization": f"Bearer {api.token()}"}
        if path.startswith("/admin"):
            headers["X-API-Key"] = ADMIN_KEY
        for size, expected in ((64 * 1024, {400}), (64 * 1024 + 1, {413})):
            answer = api.client().open(
                f"/api/v1{path}", method=method, headers=headers, data=b" " * size
            )
            assert {answer.status_code} == expected

    @pytest.mark.parametrize("path", USER_PATHS)
    def test_a_signed_request_with_such_a_body_too(self, api: Api, path: str) -> None:
        key = api.api_key()
        url = f"/api/v1{path}?{api.signed('', key)}"
        headers = {"X-MBX-APIKEY": key.api_key}
        answer = api.client().get(url, headers=headers, data=b" " * (64 * 1024 + 1))
        assert answer.get_json() == {"error": "BODY_TOO_LARGE"}

    @pytest.mark.parametrize("path", USER_PATHS)
    def test_a_database_error_while_reading_is_internal(
        self, api: Api, database_path: Path, clock: FakeClock, path: str
    ) -> None:
        connection = open_connection(database_path, factory=BrokenSelect, synchronous="OFF")
        broken = replace(api, database=Database(connection, clock))
        answer = broken.get_as(ALICE, path)
        connection.close()
        assert (answer.status_code, answer.get_json()) == (500, {"error": "internal"})

    def test_a_database_error_while_looking_up_a_key_is_internal(
        self, api: Api, database_path: Path, clock: FakeClock
    ) -> None:
        key = api.api_key()
        connection = open_connection(database_path, factory=BrokenSelect, synchronous="OFF")
        broken = replace(api, database=Database(connection, clock))
        path = f"/spot/balances?{api.signed('', key)}"
        assert broken.get(path, {"X-MBX-APIKEY": key.api_key}).status_code == 500
        connection.close()


class BrokenSelect(sqlite3.Connection):
    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if sql.startswith("SELECT"):
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(sql, *parameters)


class TestCrossOrigin:
    PREFLIGHT = {  # noqa: RUF012
        "Origin": "http://localhost:3000",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-api-key,content-type",
    }

    def test_a_preflight_is_answered_for_any_origin_without_credentials(self, api: Api) -> None:
        answer = api.client().options("/api/v1/spot/deposits", headers=self.PREFLIGHT)
        assert (answer.status_code, answer.data) == (204, b"")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]
        allowed = answer.headers["Access-Control-Allow-Headers"]
        for header in ("Authorization", "Content-Type", "X-MBX-APIKEY", "X-API-Key"):
            assert header in allowed

    def test_errors_can_be_read_by_pages_too(self, api: Api) -> None:
        headers = {"Origin": "http://localhost:3000"}
        for answer in (api.get("/spot/deposits", headers), api.get("/nothing", headers)):
            assert answer.headers["Access-Control-Allow-Origin"] == "*"

    def test_a_list_of_origins_restricts_it(self, api: Api) -> None:
        allowed = "https://app.example"
        api.settings = replace(api.settings, cors_allowed_origins=(allowed, "https://b.example"))
        for origin, expected in ((allowed, allowed), ("https://evil.example", None)):
            answer = api.get("/spot/deposits", {"Origin": origin})
            assert answer.headers.get("Access-Control-Allow-Origin") == expected
            assert answer.headers["Vary"] == "Origin"
