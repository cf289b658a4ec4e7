"""Upgrades: which requests for `/ws` become sockets, and what the others are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web

from ztdx_spot.api.cors import origin_headers
from ztdx_spot.api.errors import CODES, ErrorCode
from ztdx_spot.serving.refusals import refusal_of
from ztdx_spot.serving.sockets.client import CLOSE_S
from ztdx_spot.serving.sockets.limits import SocketLimits

WRITE_BUFFER_BYTES = 16 * 1024
VERSION = "13"

REFUSALS: Mapping[str, ErrorCode] = {
    **{code: CODES[code] for code in ("METHOD_NOT_ALLOWED", "BAD_REQUEST")},
    "UPGRADE_REQUIRED": ErrorCode(426, "The path speaks WebSocket only."),
    "ORIGIN_NOT_ALLOWED": ErrorCode(403, "A page of another origin than CORS_ALLOWED_ORIGINS."),
    "TOO_MANY_SOCKETS": ErrorCode(503, "The server holds as many as it may, or stops."),
}
"""Every code that a request for a socket may be refused with."""


class Upgrade:
    """One request for a socket: refused, or `prepare` makes it one."""

    def __init__(
        self, request: web.BaseRequest, limits: SocketLimits, allowed_origins: Sequence[str]
    ) -> None:
        self._request = request
        self._allowed_origins = allowed_origins
        self.response = web.WebSocketResponse(
            # Compression would hold a window of 300 KB for each client.
            compress=False,
            autoping=False,
            autoclose=False,
            timeout=CLOSE_S,
            # From this size on; a message may have it.
            max_msg_size=limits.message_bytes_max + 1,
            writer_limit=WRITE_BUFFER_BYTES,
        )

    def refusal(self, *, has_room: bool) -> web.Response | None:
        """Why this request gets no socket; None when it does."""
        headers = self._request.headers
        if self._request.method != "GET":
            return self._refused("METHOD_NOT_ALLOWED", Allow="GET")
        if "websocket" not in headers.get("Upgrade", "").lower():
            return self._refused("UPGRADE_REQUIRED", Upgrade="websocket", Connection="Upgrade")
        allowed = self._allowed_origins
        if allowed and any(origin not in allowed for origin in headers.getall("Origin", [])):
            return self._refused("ORIGIN_NOT_ALLOWED")
        # aiohttp would take 7 and 8 too.
        if headers.get("Sec-WebSocket-Version") != VERSION:
            return self._refused("BAD_REQUEST", **{"Sec-WebSocket-Version": VERSION})
        if not self.response.can_prepare(self._without_subprotocols()):
            return self._refused("BAD_REQUEST")
        if not has_room:
            return self._refused("TOO_MANY_SOCKETS", **{"Retry-After": "5"})
        return None

    async def prepare(self) -> web.Response | None:
        """Answer 101; what to answer instead when the client has gone."""
        try:
            await self.response.prepare(self._without_subprotocols())
        except (web.HTTPBadRequest, ConnectionError):
            return self._refused("BAD_REQUEST")
        return None

    def _without_subprotocols(self) -> web.BaseRequest:
        """None is spoken here, and aiohttp logs those offered: some clients send a token as one."""
        headers = self._request.headers.copy()
        headers.popall("Sec-WebSocket-Protocol", None)
        return self._request.clone(headers=headers)

    def _refused(self, code: str, **headers: str) -> web.Response:
        origin = self._request.headers.get("Origin")
        readable = origin_headers(self._allowed_origins, origin)
        return refusal_of(REFUSALS[code].status, code, {**readable, **headers})
