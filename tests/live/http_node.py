"""A chain behind a real socket: the method table on loopback, in a thread of the test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.rpc import endpoint
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.view import View


@contextmanager
def serve(chain: Chain) -> Iterator[str]:
    """Answers JSON-RPC over HTTP until the block is left; gives the URL."""
    node = Node(View(chain))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = endpoint.answer(node, body)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.timeout = 0.1
    stopping = threading.Event()

    def answer_connections() -> None:
        while not stopping.is_set():
            server.handle_request()

    # One connection at a time, and a killed client's is closed by its death.
    thread = threading.Thread(target=answer_connections)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        stopping.set()
        thread.join()
        server.server_close()
