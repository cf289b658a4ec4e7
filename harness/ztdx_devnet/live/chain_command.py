"""A chain server from start to stop: banner, ready file, signals."""

from __future__ import annotations

import asyncio
import errno
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ztdx_devnet.chain.devnet import Devnet
from ztdx_devnet.chain.log_limits import NO_LIMITS, PROVIDERS
from ztdx_devnet.chain.mining import Mining
from ztdx_devnet.chain.rpc.node import node_of
from ztdx_devnet.live.chain_server import ChainServer
from ztdx_devnet.live.chain_source import ChainSource, NoChain, open_chain
from ztdx_devnet.live.description import banner, description, remove_ready_file, write_ready_file
from ztdx_devnet.live.wall_clock import unix_s


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainSettings:
    """What `devnet chain` was asked for. `interval_s` None: no block by time."""

    host: str
    port: int
    source: ChainSource
    automine: bool
    interval_s: int | None
    ready_file: Path | None
    logs_requests: bool
    log_limits: str | None = None


class CannotServe(Exception):
    """The chain can't be served as asked: one line that says what to change."""


def serve(settings: ChainSettings, say: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM. Raises CannotServe."""
    if settings.ready_file is not None and not settings.ready_file.parent.is_dir():
        raise CannotServe(f"--ready-file: no such directory: {settings.ready_file.parent}")
    if settings.ready_file is not None:
        remove_ready_file(settings.ready_file)  # of one that was killed
    if settings.log_limits is not None and settings.log_limits not in PROVIDERS:
        raise CannotServe(
            f"--log-limits {settings.log_limits}: expected one of {', '.join(sorted(PROVIDERS))}"
        )
    try:
        opened = open_chain(settings.source)
    except NoChain as error:
        raise CannotServe(str(error)) from error
    mining = Mining(
        opened.chain, automine=settings.automine, interval_s=settings.interval_s, wall_s=unix_s
    )
    devnet = Devnet(opened.chain, mining, deployment=opened.deployment)
    devnet.logs_requests = settings.logs_requests
    try:
        asyncio.run(_serve(devnet, settings, opened.users_have_tokens, say))
    finally:
        if opened.file is not None:
            opened.file.close()


async def _serve(
    devnet: Devnet, settings: ChainSettings, users_have_tokens: bool, say: Callable[[str], None]
) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stopping.set)
    limits = PROVIDERS[settings.log_limits] if settings.log_limits else NO_LIMITS
    server = ChainServer(node_of(devnet, limits), say)
    try:
        try:
            port = await server.start(settings.host, settings.port)
        except OSError as error:
            raise CannotServe(_why_not_listening(error, settings)) from error
        shown_host = f"[{settings.host}]" if ":" in settings.host else settings.host
        content = description(devnet, f"http://{shown_host}:{port}")
        say(banner(content, settings.automine, settings.interval_s, users_have_tokens))
        if settings.ready_file is not None:
            try:
                write_ready_file(settings.ready_file, content)
            except OSError as error:
                raise CannotServe(f"--ready-file: {error}") from error
        await stopping.wait()
    finally:
        if settings.ready_file is not None:
            remove_ready_file(settings.ready_file)
        await server.stop()


def _why_not_listening(error: OSError, settings: ChainSettings) -> str:
    place = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        return f"{place} is in use; choose another with --port, or --port 0 for any free one"
    if error.errno == errno.EACCES:
        return f"{place}: no permission to listen there; choose a --port above 1023"
    return f"{place}: {error.strerror or error}; check --host and --port"
