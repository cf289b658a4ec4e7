"""The real API on a socket and a real database file, served by a thread of the test's process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ztdx_spot.api.app import create_app
from ztdx_spot.api.operation import BASE_PATH
from ztdx_spot.auth.tokens import issue_token
from ztdx_spot.config import ApiSettings
from ztdx_spot.edges import SystemEntropy, WallClock
from ztdx_spot.ledger import api_keys
from ztdx_spot.ledger.api_keys import NewKey
from ztdx_spot.ledger.database import Database, WriteTransaction, open_connection
from ztdx_spot.ledger.migrations import prepare_schema
from ztdx_spot.serving.server import ApiServer

STOP_S = 10


@dataclass(frozen=True)
class ServedApi:
    """Where it is, and what a test needs to be somebody there."""

    url: str
    settings: ApiSettings
    path: Path

    @property
    def base(self) -> str:
        return self.url + BASE_PATH

    def token(self, user_address: str) -> str:
        return issue_token(user_address, self.settings.jwt_secret, int(WallClock().now_s()), 3600)

    def api_key(self, user_address: str) -> NewKey:
        with self.writing() as transaction:
            return api_keys.create(transaction, user_address, "", SystemEntropy(), 1)

    @contextmanager
    def writing(self) -> Iterator[WriteTransaction]:
        """A write transaction beside the server's own."""
        with (
            closing(open_connection(self.path)) as connection,
            Database(connection, WallClock()).write() as transaction,
        ):
            yield transaction


@contextmanager
def serve_api(
    path: Path, settings: ApiSettings, environment: Mapping[str, str]
) -> Iterator[ServedApi]:
    """Serve on a free port until the block ends."""
    stop = threading.Event()
    started: Future[str] = Future()
    thread = threading.Thread(
        target=lambda: asyncio.run(_serve(path, settings, environment, started, stop))
    )
    thread.start()
    try:
        yield ServedApi(started.result(STOP_S), settings, path)
    finally:
        stop.set()
        thread.join(STOP_S)


async def _serve(
    path: Path,
    settings: ApiSettings,
    environment: Mapping[str, str],
    started: Future[str],
    stop: threading.Event,
) -> None:
    try:
        with closing(open_connection(path)) as connection:
            database = Database(connection, WallClock())
            prepare_schema(database)
            app = create_app(settings, environment, WallClock(), SystemEntropy(), database)
            server = ApiServer(app, "127.0.0.1", 0)
            await server.start()
            started.set_result(server.url)
            await asyncio.to_thread(stop.wait)
            await server.close()
    except BaseException as error:
        if not started.done():
            started.set_exception(error)
        raise
