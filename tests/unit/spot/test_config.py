"""Settings: defaults, every problem in one line, and no secret in any of them."""

from __future__ import annotations

import pytest

from ztdx_spot.config import (
    DEVELOPMENT_ADMIN_API_KEY,
    DEVELOPMENT_JWT_SECRET,
    ApiSettings,
    ListenerSettings,
    WatchedListener,
    read_api_settings,
    read_listener_settings,
    read_settings,
)
from ztdx_spot.errors import SettingError

from .world import DF, VAULT

REQUIRED = {
    "SPOT_BSC_RPC_URL": "http://127.0.0.1:8545",
    "SPOT_BSC_VAULT_ADDRESS": "0x4Fe0b354c5865ee9deb979a99030d757ae47664a",
    "SPOT_DF_TOKEN_ADDRESS": "0x8063a43ed88397c1B10DA23dcC60ba1E7A0Bf555",
    "JWT_SECRET": "s3cret",
}


def problems(**changes: str) -> list[str]:
    with pytest.raises(SettingError) as caught:
        read_settings({**REQUIRED, **changes})
    assert str(caught.value).splitlines() == list(caught.value.problems)
    return list(caught.value.problems)


def test_the_documented_defaults() -> None:
    settings = read_settings(REQUIRED)
    assert (settings.database_path, settings.host, settings.port) == ("spot.db", "127.0.0.1", 8080)
    assert settings.listener == ListenerSettings(
        rpc_url="http://127.0.0.1:8545",
        vault_address=VAULT,
        df_token_address=DF,
        chain_id=97,
        df_token_decimals=18,
        confirmation_depth_blocks=20,
        poll_interval_ms=2000,
        start_block=None,
    )
    assert settings.api == ApiSettings(
        jwt_secret="s3cret",
        jwt_expiry_s=86400,
        admin_api_key=None,
        cors_allowed_origins=(),
        login_chain_id=97,
        login_vault_address=None,
        df_token_address=DF,
        df_token_decimals=18,
        listener=WatchedListener(
            chain_id=97, confirmation_depth_blocks=20, poll_interval_ms=2000, expected=True
        ),
    )


def test_every_variable_is_read() -> None:
    settings = read_settings(
        {
            **REQUIRED,
            "SPOT_BSC_CHAIN_ID": "56",
            "SPOT_DF_TOKEN_DECIMALS": "6",
            "SPOT_BSC_CONFIRMATION_DEPTH": "15",
            "SPOT_BSC_POLL_INTERVAL_MS": "500",
            "SPOT_BSC_START_BLOCK": "0",
            "DATABASE_URL": "sqlite:////var/lib/spot.db",
            "HOST": "0.0.0.0",
            "PORT": "0",
            "JWT_EXPIRY_SECONDS": "60",
            "ADMIN_API_KEY": "admin",
            "CORS_ALLOWED_ORIGINS": "http://localhost:3000, https://app.example",
            "CHAIN_ID": "421614",
            "VAULT_ADDRESS": "0x4Fe0b354c5865ee9deb979a99030d757ae47664a",
        }
    )
    assert settings.listener is not None
    assert settings.api is not None
    assert settings.listener.start_block == 0
    assert settings.listener.chain_id == 56
    assert settings.listener.df_token_decimals == 6
    assert settings.listener.confirmation_depth_blocks == 15
    assert settings.listener.poll_interval_ms == 500
    assert settings.database_path == "/var/lib/spot.db"
    assert (settings.host, settings.port) == ("0.0.0.0", 0)
    assert settings.api.jwt_expiry_s == 60
    assert settings.api.admin_api_key == "admin"
    assert settings.api.cors_allowed_origins == ("http://localhost:3000", "https://app.example")
    assert settings.api.login_chain_id == 421614
    assert settings.api.login_vault_address == VAULT
    assert settings.api.df_token_decimals == 6
    assert settings.api.listener == WatchedListener(
        chain_id=56, confirmation_depth_blocks=15, poll_interval_ms=500, expected=True
    )


def test_all_problems_are_told_at_once_one_line_each() -> None:
    with pytest.raises(SettingError) as caught:
        read_settings({"PORT": "http", "SPOT_BSC_CHAIN_ID": "0x61"})
    assert [problem.split()[0] for problem in caught.value.problems] == [
        "PORT",
        "SPOT_BSC_RPC_URL",
        "SPOT_BSC_CHAIN_ID",
        "SPOT_BSC_VAULT_ADDRESS",
        "SPOT_DF_TOKEN_ADDRESS",
        "JWT_SECRET",
    ]


@pytest.mark.parametrize("value", ["twenty", "-1", "+5", "1e3", "1.0", " 20", "٢٠", "9" * 20])
def test_a_number_is_ascii_digits_in_range(value: str) -> None:
    (problem,) = problems(SPOT_BSC_CONFIRMATION_DEPTH=value)
    assert problem.startswith(f"SPOT_BSC_CONFIRMATION_DEPTH is {value!r}: expected a whole number")


@pytest.mark.parametrize("name", ["SPOT_BSC_VAULT_ADDRESS", "SPOT_DF_TOKEN_ADDRESS"])
@pytest.mark.parametrize("value", ["0x" + "0" * 40, VAULT[:-1], VAULT[2:], VAULT + "0", "vault"])
def test_an_address_is_20_bytes_and_not_zero(name: str, value: str) -> None:
    (problem,) = problems(**{name: value})
    assert problem == f"{name} is {value!r}: expected 0x and 40 hex digits, not all zero"


def test_an_empty_variable_is_an_unset_one() -> None:
    assert read_settings({**REQUIRED, "SPOT_BSC_START_BLOCK": "", "PORT": ""}).port == 8080
    assert problems(JWT_SECRET="") == ["JWT_SECRET is not set: expected a secret text"]


@pytest.mark.parametrize(
    "value",
    [
        "ftp://node/key-4711",
        "127.0.0.1:8545/key-4711",
        "http://",
        "http:///key-4711",
        "http://node:port/key-4711",
        "http://node/key-4711\n",
    ],
)
def test_a_malformed_node_url_is_refused_without_showing_it(value: str) -> None:
    (problem,) = problems(SPOT_BSC_RPC_URL=value)
    assert problem.startswith("SPOT_BSC_RPC_URL is not an http:// or https:// URL")
    assert "4711" not in problem


@pytest.mark.parametrize("value", ["postgres://u:pa55@db/spot", "spot.db", "sqlite://spot.db"])
def test_another_database_is_refused_without_showing_its_url(value: str) -> None:
    (problem,) = problems(DATABASE_URL=value)
    assert problem.startswith("DATABASE_URL is not sqlite:///")
    assert "pa55" not in problem


@pytest.mark.parametrize("value", ["sqlite:///", "sqlite:///:memory:", "sqlite:///spot.db?mode=ro"])
def test_a_database_must_be_a_plain_file(value: str) -> None:
    (problem,) = problems(DATABASE_URL=value)
    assert problem.startswith(f"DATABASE_URL is {value!r}")


@pytest.mark.parametrize("value", ["http://localhost:3000/", "localhost:3000", "*, http://a"])
def test_an_origin_has_a_scheme_and_no_path(value: str) -> None:
    (problem,) = problems(CORS_ALLOWED_ORIGINS=value)
    assert problem.startswith("CORS_ALLOWED_ORIGINS is ")


def test_a_star_allows_any_origin() -> None:
    assert read_api_settings({**REQUIRED, "CORS_ALLOWED_ORIGINS": "*"}).cors_allowed_origins == ()


def test_a_part_that_does_not_run_needs_no_settings() -> None:
    assert read_settings({"JWT_SECRET": "s"}, listener=False).listener is None
    listener_only = {name: value for name, value in REQUIRED.items() if name != "JWT_SECRET"}
    assert read_settings(listener_only, api=False).api is None
    assert read_listener_settings(listener_only).chain_id == 97


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:8545"])
def test_an_api_alone_expects_the_listener_that_its_environment_describes(url: str) -> None:
    environment = {"JWT_SECRET": "s", "SPOT_BSC_RPC_URL": url}
    settings = read_settings(environment, listener=False)
    assert settings.api is not None
    assert settings.api.listener.expected is bool(url)


@pytest.mark.parametrize("value", ["0x" + "0" * 40, "vault"])
def test_a_vault_of_the_login_domain_may_be_left_out_but_not_be_wrong(value: str) -> None:
    assert problems(VAULT_ADDRESS=value) == [
        f"VAULT_ADDRESS is {value!r}: expected 0x and 40 hex digits, not all zero"
    ]


DEVELOPMENT = {"JWT_SECRET": DEVELOPMENT_JWT_SECRET, "ADMIN_API_KEY": DEVELOPMENT_ADMIN_API_KEY}


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.7", "example.org", "127.0.0.1.nip.io"]
)
def test_the_development_secrets_do_not_leave_the_machine(host: str) -> None:
    told = problems(HOST=host, **DEVELOPMENT)
    assert [problem.split()[0] for problem in told] == ["JWT_SECRET", "ADMIN_API_KEY"]
    for problem in told:
        assert f"HOST is {host!r}" in problem
        assert not any(secret in problem for secret in DEVELOPMENT.values())
    assert len(problems(HOST=host, ADMIN_API_KEY=DEVELOPMENT_ADMIN_API_KEY)) == 1


@pytest.mark.parametrize("host", ["", "127.0.0.1", "127.8.8.8", "::1", "localhost", "LocalHost"])
def test_on_the_machine_itself_they_serve(host: str) -> None:
    assert read_settings({**REQUIRED, **DEVELOPMENT, "HOST": host}).api is not None


def test_secrets_of_ones_own_may_go_anywhere() -> None:
    assert read_settings({**REQUIRED, "HOST": "0.0.0.0", "ADMIN_API_KEY": "own"}).api is not None


@pytest.mark.parametrize("value", [" ", "\t\n", "\udcff\udcfeabc"])
@pytest.mark.parametrize("name", ["JWT_SECRET", "ADMIN_API_KEY"])
def test_a_secret_that_nobody_could_send_is_refused_without_showing_it(
    name: str, value: str
) -> None:
    with pytest.raises(SettingError) as caught:
        read_settings({"JWT_SECRET": "a secret", name: value}, listener=False)
    assert caught.value.problems == (
        f"{name} is blank or not UTF-8: expected a secret text (not shown)",
    )


def test_secrets_are_not_in_the_picture_of_settings() -> None:
    picture = repr(read_settings({**REQUIRED, "ADMIN_API_KEY": "adm1n"}))
    assert not any(secret in picture for secret in ("s3cret", "adm1n", "127.0.0.1:8545"))
