"""What public nodes refuse to eth_getLogs: too many blocks, or too many results, in their words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogLimits:
    """The caps of one node; None is no cap.

    `range_blocks` bounds to − from + 1. The messages may use {limit}, {limit_grouped} (10,000),
    {range}, {from_hex}, {to_hex} (what was asked) and {last_hex} (what would have been fine).
    With `refuses_beyond_head`, a `toBlock` above the head is an error rather than cut off.
    """

    range_blocks: int | None = None
    results: int | None = None
    range_code: int = -32602
    range_message: str = "block range {range} exceeds limit of {limit}"
    results_code: int = -32005
    results_message: str = "query returned more than {limit} results"
    refuses_beyond_head: bool = False

    def range_refusal(self, from_number: int, to_number: int) -> str | None:
        """The error message for that range, or None when it is allowed."""
        wanted = to_number - from_number + 1
        if self.range_blocks is None or wanted <= self.range_blocks:
            return None
        return self.range_message.format(
            limit=self.range_blocks,
            limit_grouped=f"{self.range_blocks:,}",
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

# Codes and words as their users have reported them: BobTheBuidler/dank_mids#772,
# OffchainLabs/arbitrum-sdk#609, INFURA/infura#237, bnb-chain/bsc#1215, base/base#2421,
# ethereum/execution-apis#875.
PROVIDERS = {
    "alchemy-free": LogLimits(
        range_blocks=10,
        range_code=-32600,
        range_message="You can make eth_getLogs requests with up to a {limit} block range. "
        "Based on your parameters, this block range should work: [{from_hex}, {last_hex}]",
    ),
    "quicknode-free": LogLimits(
        range_blocks=5, range_code=-32614, range_message="eth_getLogs is limited to a {limit} range"
    ),
    "quicknode": LogLimits(
        range_blocks=10_000,
        range_code=-32614,
        range_message="eth_getLogs is limited to a {limit_grouped} range",
    ),
    "infura": LogLimits(
        range_blocks=10_000,
        results=10_000,
        range_message="range {range} exceeds limit of {limit}",
    ),
    "bsc-public": LogLimits(range_blocks=0, range_code=-32005, range_message="limit exceeded"),
    "reth": LogLimits(
        range_blocks=100_000,
        results=20_000,
        range_message="query exceeds max block range {limit}",
        results_code=-32602,
        results_message="query exceeds max results {limit}",
        refuses_beyond_head=True,
    ),
    "geth": LogLimits(refuses_beyond_head=True),
}
