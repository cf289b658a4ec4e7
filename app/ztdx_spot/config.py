"""Settings: reads environment variables once, and says in one line each what is wrong with them.

No value of a secret, or of a URL that may carry one, is ever part of a message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from ztdx_spot.addresses import ZERO_ADDRESS, lower_case_address
from ztdx_spot.errors import AddressError, SettingError
from ztdx_spot.strict_json import is_whole_text

INTEGER_MAX = 2**63 - 1
"""What an INTEGER column of SQLite holds."""

JSON_INTEGER_MAX = 2**53 - 1
"""What every reader of JSON takes for the same number."""

DEVELOPMENT_JWT_SECRET = "devnet-jwt-secret-for-local-use-only"  # noqa: S105 - public, see below
DEVELOPMENT_ADMIN_API_KEY = "devnet-admin-key"
"""Known to everybody who has the source: the API refuses to leave the machine with them."""

DOCUMENTED_DF_TOKEN_ADDRESS = "0x8063a43ed88397c1b10da23dcc60ba1e7a0bf555"  # noqa: S105 - no secret


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerSettings:
    """What the listener watches. Addresses are lower case."""

    rpc_url: str = field(repr=False)
    vault_address: str
    df_token_address: str
    chain_id: int = 97
    df_token_decimals: int = 18
    confirmation_depth_blocks: int = 20
    poll_interval_ms: int = 2000
    start_block: int | None = None
    verify: Literal["full", "boundary"] = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedListener:
    """The listener whose health the API shows: in this process, in another, or nowhere.

    `expected` is whether one has to be there; one that has reported is judged in any case.
    """

    chain_id: int = 97
    confirmation_depth_blocks: int = 20
    poll_interval_ms: int = 2000
    expected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """How the API knows its callers, and what it tells of the system around it.

    `cors_allowed_origins` empty means any origin. `login_chain_id` and `login_vault_address` are
    the domain that wallets sign for. Addresses are lower case.
    """

    jwt_secret: str = field(repr=False)
    jwt_expiry_s: int = 86400
    admin_api_key: str | None = field(default=None, repr=False)
    cors_allowed_origins: tuple[str, ...] = ()
    login_chain_id: int = 97
    login_vault_address: str | None = None
    df_token_address: str = DOCUMENTED_DF_TOKEN_ADDRESS
    df_token_decimals: int = 18
    listener: WatchedListener = WatchedListener()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one process; a part that it does not run is None and was not checked."""

    database_path: str
    host: str
    port: int
    listener: ListenerSettings | None
    api: ApiSettings | None


def read_settings(
    environment: Mapping[str, str], *, listener: bool = True, api: bool = True
) -> Settings:
    """Settings of a process that runs the named parts. Raises SettingError with all problems."""
    reader = _Reader(environment)
    settings = Settings(
        database_path=reader.database_path("DATABASE_URL", "sqlite:///spot.db"),
        host=reader.text("HOST", "127.0.0.1") if api else "",
        port=reader.integer("PORT", 8080, 0, 65535) if api else 0,
        listener=_listener_settings(reader) if listener else None,
        api=_api_settings(reader, runs_listener=listener) if api else None,
    )
    if settings.api is not None and not _is_loopback(settings.host):
        reader.refuse_development_secrets(settings.host, settings.api)
    reader.refuse_problems()
    return settings


def read_listener_settings(environment: Mapping[str, str]) -> ListenerSettings:
    """The listener's own settings. Raises SettingError with all problems."""
    reader = _Reader(environment)
    settings = _listener_settings(reader)
    reader.refuse_problems()
    return settings


def read_api_settings(environment: Mapping[str, str]) -> ApiSettings:
    """The API's own settings. Raises SettingError with all problems."""
    reader = _Reader(environment)
    settings = _api_settings(reader, runs_listener=False)
    reader.refuse_problems()
    return settings


def _listener_settings(reader: _Reader) -> ListenerSettings:
    return ListenerSettings(
        rpc_url=reader.http_url("SPOT_BSC_RPC_URL"),
        chain_id=reader.integer("SPOT_BSC_CHAIN_ID", 97, 1, INTEGER_MAX),
        vault_address=reader.address("SPOT_BSC_VAULT_ADDRESS"),
        df_token_address=reader.address("SPOT_DF_TOKEN_ADDRESS"),
        df_token_decimals=reader.integer("SPOT_DF_TOKEN_DECIMALS", 18, 0, 77),
        confirmation_depth_blocks=reader.integer("SPOT_BSC_CONFIRMATION_DEPTH", 20, 0, 1_000_000),
        poll_interval_ms=reader.integer("SPOT_BSC_POLL_INTERVAL_MS", 2000, 1, 86_400_000),
        start_block=reader.optional_integer("SPOT_BSC_START_BLOCK", 0, INTEGER_MAX),
        verify=reader.verification("SPOT_BSC_VERIFY"),
    )


def _api_settings(reader: _Reader, *, runs_listener: bool) -> ApiSettings:
    return ApiSettings(
        jwt_secret=reader.secret("JWT_SECRET"),
        jwt_expiry_s=reader.integer("JWT_EXPIRY_SECONDS", 86400, 1, 10**9),
        admin_api_key=reader.optional_secret("ADMIN_API_KEY"),
        cors_allowed_origins=reader.origins("CORS_ALLOWED_ORIGINS"),
        login_chain_id=reader.integer("CHAIN_ID", 97, 1, JSON_INTEGER_MAX),
        login_vault_address=reader.optional_address("VAULT_ADDRESS"),
        df_token_address=(
            reader.optional_address("SPOT_DF_TOKEN_ADDRESS") or DOCUMENTED_DF_TOKEN_ADDRESS
        ),
        df_token_decimals=reader.integer("SPOT_DF_TOKEN_DECIMALS", 18, 0, 77),
        listener=WatchedListener(
            chain_id=reader.integer("SPOT_BSC_CHAIN_ID", 97, 1, INTEGER_MAX),
            confirmation_depth_blocks=reader.integer(
                "SPOT_BSC_CONFIRMATION_DEPTH", 20, 0, 1_000_000
            ),
            poll_interval_ms=reader.integer("SPOT_BSC_POLL_INTERVAL_MS", 2000, 1, 86_400_000),
            # Elsewhere, when this process only has its address: one .env serves both.
            expected=runs_listener or bool(reader.text("SPOT_BSC_RPC_URL", "")),
        ),
    )


class _Reader:
    """Reads variables one by one and remembers every problem. An empty variable counts as unset."""

    _INTEGER = re.compile(r"[0-9]{1,19}")
    _ADDRESS = "0x and 40 hex digits, not all zero"
    _ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s?#@]+")

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._problems: list[str] = []

    def refuse_problems(self) -> None:
        if self._problems:
            raise SettingError(*self._problems)

    def text(self, name: str, default: str) -> str:
        return self._environment.get(name, "") or default

    def secret(self, name: str) -> str:
        value = self.optional_secret(name)
        if value is None:
            self._missing(name, "a secret text")
        return value or ""

    def optional_secret(self, name: str) -> str | None:
        value = self._environment.get(name, "")
        if value and (value.isspace() or not is_whole_text(value)):
            self._hidden(name, "is blank or not UTF-8: expected a secret text (not shown)")
        return value or None

    def optional_integer(self, name: str, minimum: int, maximum: int) -> int | None:
        value = self._environment.get(name, "")
        if not value:
            return None
        if self._INTEGER.fullmatch(value) and minimum <= int(value) <= maximum:
            return int(value)
        self._malformed(name, value, f"a whole number from {minimum} to {maximum}")
        return None

    def integer(self, name: str, default: int, minimum: int, maximum: int) -> int:
        value = self.optional_integer(name, minimum, maximum)
        return default if value is None else value

    def verification(self, name: str) -> Literal["full", "boundary"]:
        value = self._environment.get(name, "")
        if value not in ("", "full", "boundary"):
            self._malformed(name, value, "full or boundary")
        return "boundary" if value == "boundary" else "full"

    def address(self, name: str) -> str:
        if not self._environment.get(name, ""):
            self._missing(name, self._ADDRESS)
        return self.optional_address(name) or ZERO_ADDRESS

    def optional_address(self, name: str) -> str | None:
        value = self._environment.get(name, "")
        if not value:
            return None
        try:
            address = lower_case_address(value)
        except AddressError:
            address = ZERO_ADDRESS
        if address == ZERO_ADDRESS:
            self._malformed(name, value, self._ADDRESS)
        return address

    def http_url(self, name: str) -> str:
        value = self._environment.get(name, "")
        expected = "an http:// or https:// URL"
        if not value:
            self._missing(name, expected)
        elif not _is_http_url(value):
            self._hidden(name, f"is not {expected} (its value may hold a key and is not shown)")
        return value

    def database_path(self, name: str, default: str) -> str:
        value = self._environment.get(name, "") or default
        scheme, separator, path = value.partition(":///")
        expected = "sqlite:///relative/path.db or sqlite:////absolute/path.db"
        if scheme != "sqlite" or not separator:
            self._hidden(name, f"is not {expected} (its value may hold a password, not shown)")
        elif not path or path == ":memory:" or "?" in path or "\0" in path:
            self._malformed(name, value, f"{expected}, a file that every part can open")
        return path

    def origins(self, name: str) -> tuple[str, ...]:
        value = self._environment.get(name, "")
        origins = tuple(origin for part in value.split(",") if (origin := part.strip()))
        if origins == ("*",):
            return ()
        for origin in origins:
            if self._ORIGIN.fullmatch(origin) is None:
                self._malformed(name, origin, "* or origins like http://localhost:3000, by commas")
        return origins

    def refuse_development_secrets(self, host: str, api: ApiSettings) -> None:
        built_in = {
            "JWT_SECRET": api.jwt_secret == DEVELOPMENT_JWT_SECRET,
            "ADMIN_API_KEY": api.admin_api_key == DEVELOPMENT_ADMIN_API_KEY,
        }
        for name in (name for name, is_built_in in built_in.items() if is_built_in):
            self._problems.append(
                f"{name} is the built-in development secret, which everybody knows, and HOST is"
                f" {host[:80]!r}: set a {name} of your own, or HOST=127.0.0.1"
            )

    def _missing(self, name: str, expected: str) -> None:
        self._add(f"{name} is not set: expected {expected}")

    def _malformed(self, name: str, value: str, expected: str) -> None:
        self._add(f"{name} is {value[:80]!r}: expected {expected}")

    def _hidden(self, name: str, problem: str) -> None:
        self._add(f"{name} {problem}")

    def _add(self, problem: str) -> None:
        """Once: listener and API read some variables both."""
        if problem not in self._problems:
            self._problems.append(problem)


def _is_loopback(host: str) -> bool:
    """Whether a server on this address can only be reached from the same machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _is_http_url(value: str) -> bool:
    try:
        url = urlsplit(value)
        url.port  # noqa: B018 - the property raises when the port is no number
    except ValueError:
        return False
    printable = value.isascii() and value.isprintable() and " " not in value
    return printable and url.scheme in ("http", "https") and bool(url.hostname)
