"""A JSON-RPC client of a running chain, for the commands that one types by hand.

Of its URL, which may hold keys, messages show scheme, host and port only.
"""

from __future__ import annotations

import base64
import http.client
import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

TIMEOUT_S = 60  # a week of blocks takes two


class NoAnswer(Exception):
    """The chain can't be reached, or what answers is none: one line that says what to do."""


class Refused(Exception):
    """The chain answered with an error. `data` is the revert data, if any."""

    def __init__(self, message: str, data: Any) -> None:
        super().__init__(message)
        self.data = data


class RpcClient:
    """Asks one URL, a request at a time. `place` is what may be shown of the URL."""

    def __init__(self, url: str) -> None:
        """Raises NoAnswer when the URL is none."""
        self.url = url
        self._headers = {"Content-Type": "application/json"}
        try:
            parts = urlsplit(url)
            readable = url.isascii() and url.isprintable() and " " not in url
            if parts.scheme not in ("http", "https") or not parts.hostname or not readable:
                raise ValueError("not an HTTP URL")
            port = "" if parts.port is None else f":{parts.port}"
        except ValueError:
            raise NoAnswer(
                "--rpc-url is not a URL such as http://127.0.0.1:8545 (its value may hold a key "
                "and is not shown)"
            ) from None
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        self.place = f"{parts.scheme}://{host}{port}"
        user, at, _ = parts.netloc.rpartition("@")
        if at:  # urllib takes it for a part of the host
            token = base64.b64encode(unquote_to_bytes(user)).decode()
            self._headers["Authorization"] = f"Basic {token}"
        self._asked = parts._replace(netloc=f"{host}{port}", fragment="").geturl()

    def ask(self, method: str, *params: Any) -> Any:
        """The result. Raises NoAnswer or Refused."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        try:
            request = urllib.request.Request(  # noqa: S310 - the user's own URL, http or https
                self._asked, json.dumps(body).encode(), self._headers
            )
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
                answer = json.load(response)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise NoAnswer(
                f"no chain answers at {self.place} ({_why(error)}): start one with `devnet chain`, "
                "or name another with --rpc-url"
            ) from error
        if isinstance(answer, dict) and isinstance(answer.get("error"), dict):
            refusal = answer["error"]
            raise Refused(str(refusal.get("message")), refusal.get("data"))
        if not isinstance(answer, dict) or "result" not in answer:
            raise NoAnswer(f"what answers at {self.place} speaks no JSON-RPC")
        return answer["result"]


def _why(error: Exception) -> str:
    """In words that can't repeat a part of the URL, as the texts of some of these do."""
    if isinstance(error, urllib.error.HTTPError):
        with error:
            return f"HTTP {error.code}"
    reason = getattr(error, "reason", error)
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    if isinstance(reason, TimeoutError):
        return f"nothing within {TIMEOUT_S} s"
    return "no JSON" if isinstance(reason, ValueError) else type(reason).__name__
