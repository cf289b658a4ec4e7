"""Limits: what one client of `/ws`, and all of them, may make the server keep or do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketLimits:
    """`unproven_max` counts the sockets that have shown no credential, or one that has expired."""

    sockets_max: int = 4096
    unproven_max: int = 1024
    message_bytes_max: int = 64 * 1024
    outbox_frames_max: int = 2048
    outbox_bytes_max: int = 512 * 1024
    burst_frames: int = 100
    frames_per_s: float = 50.0
    heartbeat_s: float = 30.0
