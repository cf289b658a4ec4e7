"""Answers of the API that passed by since they were last looked at."""

from __future__ import annotations

import json
from typing import Any

from ztdx_devnet.sim.processes import ApiAnswer, ApiRequest

DEPOSITS_PATH = "/api/v1/spot/deposits"


class ApiAnswers:
    """Keeps the deposits that answers listed, until they are taken."""

    def __init__(self) -> None:
        self._listed: list[dict[str, Any]] = []

    def answered(self, request: ApiRequest, answer: ApiAnswer | None) -> None:
        path = request.target.partition("?")[0]
        if answer is None or answer.status != 200 or path != DEPOSITS_PATH:
            return
        try:
            listed = json.loads(answer.body)
        except ValueError:
            return
        if isinstance(listed, list):
            self._listed += [entry for entry in listed if isinstance(entry, dict)]

    def take(self) -> list[dict[str, Any]]:
        """The deposits that were listed, once."""
        taken, self._listed = self._listed, []
        return taken
