"""Pace: how fast one client's frames are answered; a token bucket that never refuses."""

from __future__ import annotations


class Pace:
    """`burst` frames at once, `per_second` of them in the long run."""

    __slots__ = ("_burst", "_frames", "_per_second", "_seen_at_s")

    def __init__(self, burst: int, per_second: float, now_s: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._frames = float(burst)
        self._seen_at_s = now_s

    def wait_s(self, now_s: float) -> float:
        """Take one frame; how long to wait before the next is read."""
        earned = max(0.0, now_s - self._seen_at_s) * self._per_second
        self._frames = min(self._burst, self._frames + earned) - 1
        self._seen_at_s = now_s
        return max(0.0, -self._frames / self._per_second)
