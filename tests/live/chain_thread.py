"""A chain of the test behind the real server, in a thread: the test may still move the chain."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.view import View
from ztdx_devnet.live.chain_server import ChainServer

START_S = 10


@contextmanager
def serve(chain: Chain) -> Iterator[str]:
    """Answers JSON-RPC until the block is left; gives the URL."""
    server = ChainServer(Node(View(chain)), log=print)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        starting = asyncio.run_coroutine_threadsafe(server.start("127.0.0.1", 0), loop)
        yield f"http://127.0.0.1:{starting.result(START_S)}"
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(START_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
