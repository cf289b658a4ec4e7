"""`devnet chain --profile`: its clients meet a provider's node, its control methods do not."""

from __future__ import annotations

import json
import urllib.request
from http.client import HTTPException
from typing import Any

import pytest
from click.testing import CliRunner

from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.devnet import Devnet
from ztdx_devnet.chain.mining import Mining
from ztdx_devnet.cli.chain import chain
from ztdx_devnet.faults.profiles import profiled_node

from .chain_thread import served_node


def ask(url: str, method: str, *params: Any) -> Any:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        told = json.load(answer)
    return told["result"] if "result" in told else told["error"]["code"]


def devnet() -> Devnet:
    blocks = Chain()
    blocks.mine_empty(30)
    return Devnet(blocks, Mining(blocks, automine=False, interval_s=None))


def test_a_filter_vanishes_and_mining_goes_on() -> None:
    with served_node(profiled_node(devnet(), "vanishing-filter")) as served:
        number = ask(served.url, "eth_newBlockFilter")
        for _ in range(3):
            ask(served.url, "evm_mine")
            assert len(ask(served.url, "eth_getFilterChanges", number)) == 1
        assert ask(served.url, "eth_getFilterChanges", number) == -32602
        assert ask(served.url, "eth_blockNumber") == hex(33)


def test_a_balancer_sends_each_request_to_the_next_node_and_controls_to_none() -> None:
    with served_node(profiled_node(devnet(), "load-balanced")) as served:
        heads = []
        for _ in range(4):
            heads.append(int(ask(served.url, "eth_blockNumber"), 16))
            ask(served.url, "evm_mine")
        assert heads == [30, 30, 7, 33]


def test_a_control_method_is_never_refused() -> None:
    with served_node(profiled_node(devnet(), "infura")) as served:
        asked = [ask(served.url, "eth_chainId") for _ in range(50)]
        assert asked[-2:] == [hex(97), -32005]
        assert ask(served.url, "evm_mine") == "0x0"
        assert ask(served.url, "eth_blockNumber") == hex(31)


def test_each_25th_request_is_reset() -> None:
    with served_node(profiled_node(devnet(), "dropped-socket")) as served:
        for _ in range(24):
            ask(served.url, "eth_chainId")
        ask(served.url, "evm_mine")
        with pytest.raises((OSError, HTTPException)):
            ask(served.url, "eth_chainId")
        assert ask(served.url, "eth_chainId") == hex(97)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--profile", "alchemy"], "--profile alchemy: expected one of alchemy-free, "),
        (["--profile", "infura", "--log-limits", "geth"], "exclude one another"),
    ],
)
def test_a_profile_that_can_not_be_is_said_in_a_line(flags: list[str], told: str) -> None:
    ran = CliRunner().invoke(chain, ["--port", "0", *flags])
    assert ran.exit_code != 0
    assert told in ran.output
