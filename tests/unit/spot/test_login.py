"""Login: what a wallet signs, what is refused with which code, and a nonce that is spent once."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_hash.auto import keccak
from eth_keys.datatypes import PrivateKey
from werkzeug.test import TestResponse

from ztdx_spot.auth.login import LoginDomain, LoginRefused, log_in, typed_data
from ztdx_spot.ledger import users
from ztdx_spot.ledger.database import Database, open_connection

from .api_client import JWT_SECRET, Api
from .world import FakeClock

KEY = bytes(31) + b"\x07"
WALLET = Account.from_key(KEY)
ADDRESS = str(WALLET.address).lower()
OTHER = Account.from_key(bytes(31) + b"\x08")
VAULT = "0x4fe0b354c5865ee9deb979a99030d757ae47664a"
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def nonce_of(api: Api, address: str = ADDRESS) -> dict[str, Any]:
    answer = api.get(f"/auth/nonce/{address}")
    assert answer.status_code == 200, answer.data
    return dict(answer.get_json())


def sign(data: dict[str, Any], wallet: Any = WALLET) -> str:
    """What a wallet makes of the typed data, used as it came."""
    return "0x" + bytes(wallet.sign_message(encode_typed_data(full_message=data)).signature).hex()


def post(api: Api, **members: object) -> TestResponse:
    return api.client().post("/api/v1/auth/login", json=members)


def log_in_with(api: Api, data: dict[str, Any], **changes: object) -> TestResponse:
    if "signature" not in changes:
        changes["signature"] = sign(data)
    members = {"address": ADDRESS, "timestamp": data["message"]["timestamp"], **changes}
    return post(api, **members)


def error_of(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["error"]


class TestNonce:
    def test_the_typed_data_is_complete(self, api: Api, clock: FakeClock) -> None:
        assert nonce_of(api, str(WALLET.address)) == {
            "nonce": 0,
            "typed_data": {
                "types": {
                    "EIP712Domain": [
                        {"name": "name", "type": "string"},
                        {"name": "version", "type": "string"},
                        {"name": "chainId", "type": "uint256"},
                    ],
                    "Login": [
                        {"name": "wallet", "type": "address"},
                        {"name": "nonce", "type": "uint256"},
                        {"name": "timestamp", "type": "uint256"},
                    ],
                },
                "primaryType": "Login",
                "domain": {"name": "ZTDX Vault", "version": "1", "chainId": 97},
                "message": {"wallet": ADDRESS, "nonce": 0, "timestamp": int(clock.time_s)},
            },
        }

    def test_chain_and_vault_of_the_domain_are_settings(self, api: Api) -> None:
        api.settings = replace(api.settings, login_chain_id=421614, login_vault_address=VAULT)
        data = nonce_of(api)["typed_data"]
        assert data["domain"] == {
            "name": "ZTDX Vault",
            "version": "1",
            "chainId": 421614,
            "verifyingContract": VAULT,
        }
        assert data["types"]["EIP712Domain"][3] == {"name": "verifyingContract", "type": "address"}
        assert log_in_with(api, data).status_code == 200

    def test_asking_makes_a_user_and_spends_nothing(self, api: Api) -> None:
        assert [nonce_of(api)["nonce"] for _ in range(3)] == [0, 0, 0]
        with api.database.read() as transaction:
            assert users.login_nonce(transaction, ADDRESS) == 0

    @pytest.mark.parametrize(
        "address",
        ["x", "0x", ADDRESS[2:], ADDRESS + "0", "0x" + "g" * 40, "%00", "%F0%9F%98%80"],
    )
    def test_what_is_no_address_is_refused(self, api: Api, address: str) -> None:
        assert error_of(api.get(f"/auth/nonce/{address}")) == (400, "INVALID_ADDRESS")

    def test_a_mistyped_checksum_is_refused(self, api: Api) -> None:
        mistyped = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD"
        assert error_of(api.get(f"/auth/nonce/{mistyped}")) == (400, "INVALID_ADDRESS")


class TestLogin:
    def test_a_signature_over_the_typed_data_gives_a_token(
        self, api: Api, clock: FakeClock
    ) -> None:
        answer = log_in_with(api, nonce_of(api)["typed_data"])
        assert answer.status_code == 200
        token, expires_at = answer.get_json()["token"], answer.get_json()["expires_at"]
        now_s = int(clock.time_s)
        assert expires_at == now_s + 86400
        assert jwt.decode(
            token, JWT_SECRET, ["HS256"], {"verify_exp": False, "verify_iat": False}
        ) == {
            "sub": ADDRESS,
            "iat": now_s,
            "exp": expires_at,
        }
        read = api.get("/spot/balances", {"Authorization": f"Bearer {token}"})
        assert read.status_code == 200

    def test_the_digest_is_that_of_the_standard(self, api: Api, clock: FakeClock) -> None:
        """EIP-712 worked out by hand: two users of one library would agree on its mistake."""
        now_s = int(clock.time_s)
        nonce_of(api)
        domain_type = b"EIP712Domain(string name,string version,uint256 chainId)"
        login_type = b"Login(address wallet,uint256 nonce,uint256 timestamp)"
        domain = keccak(
            keccak(domain_type) + keccak(b"ZTDX Vault") + keccak(b"1") + (97).to_bytes(32, "big")
        )
        message = keccak(
            keccak(login_type)
            + bytes.fromhex(ADDRESS[2:]).rjust(32, b"\0")
            + (0).to_bytes(32, "big")
            + now_s.to_bytes(32, "big")
        )
        digest = keccak(b"\x19\x01" + domain + message)
        signature = "0x" + PrivateKey(KEY).sign_msg_hash(digest).to_bytes().hex()
        answer = post(api, address=ADDRESS, signature=signature, timestamp=now_s)
        assert answer.status_code == 200

    def test_viem_and_ethers_sign_the_same(self) -> None:
        """The signature that viem 2 and ethers 6 make of this typed data with the key of 32 × 7."""
        wallet = Account.from_key(b"\7" * 32)
        domain = LoginDomain(97, "0x" + "4f" * 20)
        data = typed_data(domain, str(wallet.address).lower(), 3, 1778315530)
        assert sign(data, wallet) == (
            "0xe892ed054644a94a353d66d3ca58a741127efe126b8bce1442e94923635ab730"
            "68295cbf608bc8d617843a4dfc4d9f3981ebf589609f055e8c4a3dd2b13fdcf61c"
        )

    @pytest.mark.parametrize("spelling", [str.lower, str.upper, str])
    def test_the_address_may_be_spelled_in_any_valid_case(self, api: Api, spelling: Any) -> None:
        data = nonce_of(api)["typed_data"]
        address = "0x" + spelling(str(WALLET.address)[2:])
        assert log_in_with(api, data, address=address).status_code == 200

    @pytest.mark.parametrize("shift", [0, -27])
    def test_v_may_be_written_as_wallets_and_as_libraries_do(self, api: Api, shift: int) -> None:
        data = nonce_of(api)["typed_data"]
        signature = sign(data)
        v = int(signature[-2:], 16) + shift
        answer = log_in_with(api, data, signature=f"{signature[:-2]}{v:02x}")
        assert answer.status_code == 200

    def test_a_login_spends_the_nonce(self, api: Api) -> None:
        data = nonce_of(api)["typed_data"]
        assert log_in_with(api, data).status_code == 200
        assert error_of(log_in_with(api, data)) == (401, "SIGNATURE_INVALID")
        assert nonce_of(api)["nonce"] == 1
        assert log_in_with(api, nonce_of(api)["typed_data"]).status_code == 200

    def test_a_refused_login_spends_nothing(self, api: Api) -> None:
        data = nonce_of(api)["typed_data"]
        assert log_in_with(api, data, signature=sign(data, OTHER)).status_code == 401
        assert log_in_with(api, data, timestamp=0).status_code == 401
        assert nonce_of(api)["nonce"] == 0
        assert log_in_with(api, data).status_code == 200

    def test_whoever_was_credited_is_a_user_already(self, api: Api, clock: FakeClock) -> None:
        api.credit(user_address=ADDRESS)
        data = typed_data(LoginDomain(97), ADDRESS, 0, int(clock.time_s))
        assert log_in_with(api, data).status_code == 200


class TestRefusals:
    def test_a_wallet_that_never_asked_is_unknown(self, api: Api, clock: FakeClock) -> None:
        data = typed_data(LoginDomain(97), ADDRESS, 0, int(clock.time_s))
        assert error_of(log_in_with(api, data)) == (404, "USER_NOT_FOUND")

    @pytest.mark.parametrize(
        ("offset_s", "status"), [(300, 200), (-300, 200), (301, 401), (-301, 401)]
    )
    def test_a_timestamp_counts_for_300_seconds_either_way(
        self, api: Api, clock: FakeClock, offset_s: int, status: int
    ) -> None:
        nonce_of(api)
        data = typed_data(LoginDomain(97), ADDRESS, 0, int(clock.time_s))
        data["message"]["timestamp"] += offset_s
        answer = log_in_with(api, data)
        assert answer.status_code == status
        assert status == 200 or answer.get_json() == {"error": "TIMESTAMP_EXPIRED"}

    def test_a_time_before_1970_is_expired_whatever_the_clock(
        self, api: Api, clock: FakeClock
    ) -> None:
        nonce_of(api)
        clock.time_s = 1
        answer = post(api, address=ADDRESS, signature="0x" + "11" * 64 + "1b", timestamp=-1)
        assert error_of(answer) == (401, "TIMESTAMP_EXPIRED")

    @pytest.mark.parametrize(
        "signature",
        [
            "",
            "0x",
            "0x" + "11" * 64,
            "0x" + "11" * 66,
            "11" * 65,
            "0x" + "zz" * 65,
            "0x" + "11" * 64 + "1b ",
            "0x" + "00" * 32 + "11" * 32 + "1b",
            "0x" + "11" * 32 + "00" * 32 + "1b",
            f"0x{CURVE_ORDER:064x}" + "11" * 32 + "1b",
            "0x" + "11" * 32 + f"{CURVE_ORDER // 2 + 1:064x}" + "1b",
            *("0x" + "11" * 64 + v for v in ("02", "1a", "1d", "ff")),
        ],
    )
    def test_a_malformed_signature_is_refused(self, api: Api, signature: str) -> None:
        data = nonce_of(api)["typed_data"]
        answer = log_in_with(api, data, signature=signature)
        assert error_of(answer) == (400, "INVALID_SIGNATURE_FORMAT")

    def test_the_mirrored_signature_is_refused(self, api: Api) -> None:
        data = nonce_of(api)["typed_data"]
        signature = bytes.fromhex(sign(data)[2:])
        s = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
        mirrored = signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
        answer = log_in_with(api, data, signature="0x" + mirrored.hex())
        assert error_of(answer) == (400, "INVALID_SIGNATURE_FORMAT")
        assert log_in_with(api, data).status_code == 200

    @pytest.mark.parametrize(
        ("place", "name", "value"),
        [
            ("domain", "name", "ZTDX Spot Vault"),
            ("domain", "version", "2"),
            ("domain", "chainId", 421614),
            ("message", "nonce", 1),
            ("message", "wallet", str(OTHER.address)),
        ],
    )
    def test_a_signature_over_anything_else_proves_nothing(
        self, api: Api, place: str, name: str, value: object
    ) -> None:
        data = nonce_of(api)["typed_data"]
        data[place] = {**data[place], name: value}
        assert error_of(log_in_with(api, data)) == (401, "SIGNATURE_INVALID")

    def test_another_time_than_the_signed_one_proves_nothing(
        self, api: Api, clock: FakeClock
    ) -> None:
        data = nonce_of(api)["typed_data"]
        answer = log_in_with(api, data, timestamp=int(clock.time_s) + 1)
        assert error_of(answer) == (401, "SIGNATURE_INVALID")

    def test_bytes_that_no_key_can_have_signed_prove_nothing(self, api: Api) -> None:
        # r = 5 is the x of no point on the curve.
        signature = "0x" + "05".rjust(64, "0") + "11" * 32 + "1b"
        answer = log_in_with(api, nonce_of(api)["typed_data"], signature=signature)
        assert error_of(answer) == (401, "SIGNATURE_INVALID")

    @pytest.mark.parametrize("name", ["address", "signature", "timestamp"])
    @pytest.mark.parametrize("value", [..., None, True, [], {}, 1.5, 10**30])
    def test_a_field_of_another_kind_is_named(self, api: Api, name: str, value: object) -> None:
        members: dict[str, object] = {"address": ADDRESS, "signature": "0x", "timestamp": 1}
        members[name] = value
        members = {key: value for key, value in members.items() if value is not ...}
        answer = post(api, **members)
        expected = {"error": "INVALID_FIELD", "field": name}
        assert (answer.status_code, answer.get_json()) == (400, expected)

    def test_the_checks_stand_in_documented_order(self, api: Api, clock: FakeClock) -> None:
        now_s = int(clock.time_s)
        wrong = {"address": "x", "signature": "x", "timestamp": 1}
        codes = []
        for repair in ({}, {"address": ADDRESS}, {"timestamp": now_s}):
            wrong |= repair
            codes.append(post(api, **wrong).get_json()["error"])
        nonce_of(api)
        codes.append(post(api, **wrong).get_json()["error"])
        wrong["signature"] = "0x" + "11" * 64 + "1b"
        codes.append(post(api, **wrong).get_json()["error"])
        assert codes == [
            "INVALID_ADDRESS",
            "TIMESTAMP_EXPIRED",
            "USER_NOT_FOUND",
            "INVALID_SIGNATURE_FORMAT",
            "SIGNATURE_INVALID",
        ]

    def test_neither_signature_nor_token_is_logged(
        self, api: Api, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        data = nonce_of(api)["typed_data"]
        log_in_with(api, data, signature=sign(data, OTHER))
        token = log_in_with(api, data).get_json()["token"]
        assert sign(data) not in caplog.text
        assert token not in caplog.text


class TestTwoAtOnce:
    @pytest.fixture
    def rival(self, database_path: Path, clock: FakeClock) -> Iterator[Database]:
        with closing(open_connection(database_path, synchronous="OFF")) as connection:
            yield Database(connection, clock)

    def test_of_two_logins_with_one_signature_one_succeeds(
        self, api: Api, database_path: Path, clock: FakeClock, rival: Database
    ) -> None:
        """The rival comes between the check of the signature and the spending of the nonce."""
        data = nonce_of(api)["typed_data"]
        arguments = (ADDRESS, sign(data), data["message"]["timestamp"])

        class Overtaken(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                if sql == "BEGIN IMMEDIATE":
                    assert log_in(rival, clock, LoginDomain(97), *arguments) == ADDRESS
                return super().execute(sql, *parameters)

        connection = open_connection(database_path, factory=Overtaken, synchronous="OFF")
        with (
            closing(connection),
            pytest.raises(LoginRefused) as caught,
        ):
            log_in(Database(connection, clock), clock, LoginDomain(97), *arguments)
        assert caught.value.code == "SIGNATURE_INVALID"
        assert nonce_of(api)["nonce"] == 1
