"""Faults between the API's clients and the API: a gateway that delays, refuses or loses."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar, Literal, get_args

from ztdx_devnet.faults.fault import Fault

ApiFaultKind = Literal["latency", "error", "dropped", "dropped_before"]
API_FAULT_KINDS: tuple[ApiFaultKind, ...] = get_args(ApiFaultKind)
DEFAULT_STATUS = 500


@dataclass(slots=True)
class ApiFault(Fault):
    """Touches requests by `method` (None: any) whose path begins with `path`.

    `latency` delays the request by `delay_us`; `error` answers with `status`, and the API never
    hears of it; `dropped_before` breaks the connection before the API hears of it, `dropped` after
    it has done what was asked: the client gets no answer.
    """

    excuses_listener: ClassVar[bool] = False

    kind: ApiFaultKind = "error"
    path: str = ""
    method: str | None = None
    delay_us: int = 0
    status: int = DEFAULT_STATUS

    def concerns(self, method: str, path: str) -> bool:
        return self.method in (method, None) and path.startswith(self.path)


def gateway_page(status: int) -> bytes:
    """What a gateway sends with an error of its own: a page for people, not the API's JSON."""
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Error"
    title = f"{status} {reason}"
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n<hr><center>gateway</center>\r\n"
        "</body>\r\n</html>\r\n"
    ).encode()


GATEWAY_CONTENT_TYPE = "text/html"
