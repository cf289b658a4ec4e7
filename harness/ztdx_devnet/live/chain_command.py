"""A chain server from start to stop: banner, ready file, signals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ztdx_devnet.chain.devnet import Devnet
from ztdx_devnet.chain.log_limits import NO_LIMITS, PROVIDERS
from ztdx_devnet.chain.rpc.node import node_of
from ztdx_devnet.faults.profiles import PROFILES, profiled_node
from ztdx_devnet.live.chain_server import ChainServer
from ztdx_devnet.live.chain_source import ChainSource, open_chain
from ztdx_devnet.live.description import banner, description
from ztdx_devnet.live.ready_file import ReadyFile
from ztdx_devnet.live.serving import CannotServe, announce, run_until_stopped, why_not_listening
from ztdx_devnet.live.stop_signals import StopSignals

__all__ = ["CannotServe", "ChainSettings", "serve"]


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
    profile: str | None = None


def serve(settings: ChainSettings, stop: StopSignals, say: Callable[[str], None]) -> int:
    """Serve until a signal comes; the exit code. `say` may raise OSError. Raises CannotServe."""
    ready_file = ReadyFile(settings.ready_file)
    if settings.log_limits is not None and settings.log_limits not in PROVIDERS:
        raise CannotServe(
            f"--log-limits {settings.log_limits}: expected one of {', '.join(sorted(PROVIDERS))}"
        )
    if settings.profile is not None and settings.profile not in PROFILES:
        raise CannotServe(
            f"--profile {settings.profile}: expected one of {', '.join(sorted(PROFILES))}"
        )
    with closing(open_chain(settings.source)) as opened:
        devnet = opened.devnet(automine=settings.automine, interval_s=settings.interval_s)
        devnet.logs_requests = settings.logs_requests
        return run_until_stopped(
            lambda: _serve(devnet, settings, ready_file, opened.users_have_tokens, say), stop
        )


async def _serve(
    devnet: Devnet,
    settings: ChainSettings,
    ready_file: ReadyFile,
    users_have_tokens: bool,
    say: Callable[[str], None],
) -> int:
    limits = PROVIDERS[settings.log_limits] if settings.log_limits else NO_LIMITS
    profile = settings.profile
    node = node_of(devnet, limits) if profile is None else profiled_node(devnet, profile)
    server = ChainServer(node, say)
    try:
        try:
            port = await server.start(settings.host, settings.port)
        except OSError as error:
            told = why_not_listening(error, settings.host, settings.port, "--host", "--port")
            raise CannotServe(told) from error
        shown_host = f"[{settings.host}]" if ":" in settings.host else settings.host
        content = description(devnet, f"http://{shown_host}:{port}")
        told = banner(content, settings.automine, settings.interval_s, users_have_tokens)
        announce(say, told)
        ready_file.write(content)
        await asyncio.Event().wait()  # for a signal, which cancels this
        return 0
    finally:
        ready_file.remove()
        await server.stop()
