"""WSGI: a request's exact bytes as an environ, and an application run to its end."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

OF_ONE_CONNECTION = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
"""Headers about the transport, which ends here: a body that came in chunks has a length by now."""

ExcInfo: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WireRequest:
    """An HTTP request as it was sent. `size_bytes` is what the body has or claims."""

    method: str
    target: bytes
    version: str
    headers: Sequence[tuple[bytes, bytes]]
    peer: str
    body: bytes
    size_bytes: int


def environ_of(request: WireRequest) -> WSGIEnvironment:
    """PEP 3333: text is bytes spelled as Latin-1; the query string is exactly what was sent."""
    target = request.target
    if not target.startswith(b"/"):
        # Absolute form, as proxies send it: http://host/path. Anything else is a path nobody has.
        scheme, found, rest = target.partition(b"://")
        target = b"/" + (rest.partition(b"/")[2] if found else scheme)
    path, _, query = target.partition(b"?")
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "0",
        "SERVER_PROTOCOL": request.version,
        "REMOTE_ADDR": request.peer,
        "CONTENT_LENGTH": str(request.size_bytes),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in request.headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        # X_API_Key would become the same variable as X-API-Key: only one spelling is a header.
        if "_" in name or name.lower() in ("content-length", *OF_ONE_CONNECTION):
            continue
        key = name.upper().replace("-", "_")
        key = key if key == "CONTENT_TYPE" else f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ


def call(
    application: WSGIApplication, environ: WSGIEnvironment
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Run the application to its end: status, headers, body."""
    status = 500
    headers: list[tuple[str, str]] = []

    def start_response(
        status_line: str, header_list: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], object]:
        nonlocal status, headers
        status, headers = int(status_line.split(" ", 1)[0]), header_list
        return _refuse_write

    parts: Iterable[bytes] = application(environ, start_response)
    try:
        content = b"".join(parts)
    finally:
        close: Any = getattr(parts, "close", None)
        if close is not None:
            close()
    return status, headers, content


def _refuse_write(data: bytes) -> object:
    raise NotImplementedError("the application returns its body, it does not write it")
