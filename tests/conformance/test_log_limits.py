"""What providers refuse to eth_getLogs, with their codes and words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.node import Node
from tests.unit.chain.builders import add_deposit
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.log_limits import PROVIDERS, LogLimits


@pytest.fixture(scope="module")
def chain() -> Chain:
    chain = Chain()
    chain.mine_empty(100)
    for user in ("alice", "bob"):
        add_deposit(chain, user, 1)
    chain.mine()
    return chain


def asked(chain: Chain, limits: LogLimits, first: int, last: int) -> Any:
    node = Node(chain, log_limits=limits)
    return node.request("eth_getLogs", {"fromBlock": hex(first), "toBlock": hex(last)})


@pytest.mark.parametrize(
    ("provider", "first", "last", "code", "message"),
    [
        (
            *("alchemy-free", 1, 11, -32600),
            "You can make eth_getLogs requests with up to a 10 block range. Based on your "
            "parameters, this block range should work: [0x1, 0xa]",
        ),
        ("quicknode-free", 1, 6, -32614, "eth_getLogs is limited to a 5 range"),
        ("quicknode", 0, 10_000, -32614, "eth_getLogs is limited to a 10,000 range"),
        ("infura", 1, 10_001, -32602, "range 10001 exceeds limit of 10000"),
        ("bsc-public", 1, 1, -32005, "limit exceeded"),
        ("reth", 1, 100_001, -32602, "query exceeds max block range 100000"),
        ("reth", 1, 102, -32602, "block range extends beyond current head block"),
        ("geth", 1, 102, -32602, "block range extends beyond current head block"),
    ],
)
def test_a_provider_refuses_a_range_in_its_words(
    chain: Chain, provider: str, first: int, last: int, code: int, message: str
) -> None:
    limits = PROVIDERS[provider]
    assert asked(chain, limits, first, last)["error"] == {"code": code, "message": message}
    if limits.range_blocks != 0:
        assert "result" in asked(chain, limits, first, min(last - 1, chain.height))


def test_results_are_counted_and_one_too_many_is_refused(chain: Chain) -> None:
    found = asked(chain, LogLimits(), 0, 200)["result"]
    exactly, fewer = LogLimits(results=len(found)), LogLimits(results=len(found) - 1)
    assert asked(chain, exactly, 0, 200)["result"] == found
    assert asked(chain, fewer, 0, 200)["error"] == {
        "code": -32005,
        "message": f"query returned more than {len(found) - 1} results",
    }


def test_a_node_without_logs_refuses_a_block_by_hash_too(chain: Chain) -> None:
    node = Node(chain, log_limits=PROVIDERS["bsc-public"])
    wanted = {"blockHash": "0x" + chain.head.hash.hex()}
    assert node.fail("eth_getLogs", wanted) == (-32005, "limit exceeded")
