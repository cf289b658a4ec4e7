"""A JSON-RPC client of a running chain, for the commands that one types by hand."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

TIMEOUT_S = 60  # a week of blocks takes two


class NoAnswer(Exception):
    """The chain can't be reached, or what answers is none: one line that says what to do."""


class Refused(Exception):
    """The chain answered with an error. `data` is the revert data, if any."""

    def __init__(self, message: str, data: Any) -> None:
        super().__init__(message)
        self.data = data


class RpcClient:
    """Asks one URL, a request at a time."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, method: str, *params: Any) -> Any:
        """The result. Raises NoAnswer or Refused."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        try:
            request = urllib.request.Request(  # noqa: S310 - the user's own URL
                self.url, json.dumps(body).encode(), {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
                answer = json.load(response)
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise NoAnswer(
                f"no chain answers at {self.url} ({reason}): start one with `devnet chain`, or "
                "name another with --rpc-url"
            ) from error
        if isinstance(answer, dict) and isinstance(answer.get("error"), dict):
            refusal = answer["error"]
            raise Refused(str(refusal.get("message")), refusal.get("data"))
        if not isinstance(answer, dict) or "result" not in answer:
            raise NoAnswer(f"what answers at {self.url} speaks no JSON-RPC")
        return answer["result"]
