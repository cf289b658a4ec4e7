"""What public nodes refuse to eth_getLogs: too many blocks, or too many results, in their words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogLimits:
    """The caps of one node; None is no cap.

    `range_blocks` bounds to − from + 1. The messages may use {limit}, {range}, {from_hex},
    {to_hex} (the range that was asked) and {last_hex} (the last block that would have been fine).
    """

    range_blocks: int | None = None
    results: int | None = None
    range_code: int = -32602
    range_message: str = "block range {range} exceeds limit of {limit}"
    results_code: int = -32005
    results_message: str = "query returned more than {limit} results"

    def range_refusal(self, from_number: int, to_number: int) -> str | None:
        """The error message for that range, or None when it is allowed."""
        wanted = to_number - from_number + 1
        if self.range_blocks is None or wanted <= self.range_blocks:
            return None
        return self.range_message.format(
            limit=self.range_blocks,
            range=wanted,
            from_hex=hex(from_number),
            to_hex=hex(to_number),
            last_hex=hex(from_number + self.range_blocks - 1),
        )

    def results_refusal(self, found: int) -> str | None:
        """The error message for that many results, or None when they are allowed."""
        if self.results is None or found <= self.results:
            return None
        return self.results_message.format(limit=self.results)


NO_LIMITS = LogLimits()
