"""A chain of the test behind the real server, in a thread: the test may still move the chain."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.view import View
from ztdx_devnet.live.chain_server import ChainServer

START_S = 10

Result = TypeVar("Result")


@dataclass(frozen=True)
class ServedChain:
    """`url` answers JSON-RPC; `act` runs a function between two requests and waits for it."""

    url: str
    loop: asyncio.AbstractEventLoop

    def act(self, function: Callable[[], Result]) -> Result:
        done: Future[Result] = Future()

        def run() -> None:
            try:
                done.set_result(function())
            except BaseException as error:
                done.set_exception(error)

        self.loop.call_soon_threadsafe(run)
        return done.result(START_S)


@contextmanager
def serve(chain: Chain) -> Iterator[str]:
    """Answers JSON-RPC until the block is left; gives the URL."""
    with served(chain) as chain_thread:
        yield chain_thread.url


@contextmanager
def served(chain: Chain) -> Iterator[ServedChain]:
    """Answers JSON-RPC until the block is left, while the test acts on the chain."""
    with served_node(Node(View(chain))) as chain_thread:
        yield chain_thread


@contextmanager
def served_node(node: Node) -> Iterator[ServedChain]:
    """As `served`, for a node of the test's own."""
    server = ChainServer(node, log=print)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        starting = asyncio.run_coroutine_threadsafe(server.start("127.0.0.1", 0), loop)
        yield ServedChain(f"http://127.0.0.1:{starting.result(START_S)}", loop)
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(START_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
