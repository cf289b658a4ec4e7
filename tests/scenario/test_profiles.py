"""Profiles: each behaves like its provider, in its codes and words, and reaches the product."""

from __future__ import annotations

import pytest

from ztdx_devnet.faults.profiles import ALCHEMY_BUSY, PROFILES
from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.verdict import Verdict
from ztdx_spot.ports import TransportError

from .node_bench import Bench

HEAD = "eth_blockNumber"
FILTERS = [name for name in PROFILES if name.startswith("vanishing-filter")]


@pytest.mark.parametrize(
    ("profile", "blocks", "code", "message"),
    [
        (
            "alchemy-free",
            10,
            -32600,
            "You can make eth_getLogs requests with up to a 10 block range. "
            "Based on your parameters, this block range should work: [0x1, 0xa]",
        ),
        ("quicknode-free", 5, -32614, "eth_getLogs is limited to a 5 range"),
        ("infura", 10_000, -32602, "range 10001 exceeds limit of 10000"),
    ],
)
def test_a_page_that_is_too_long_is_refused(
    profile: str, blocks: int, code: int, message: str
) -> None:
    bench = Bench()
    bench.show(*PROFILES[profile].shows)
    assert isinstance(bench.logs(1, blocks), list)
    assert bench.logs(1, blocks + 1) == code
    assert bench.journal[-1]["error"] == message


@pytest.mark.parametrize(
    ("profile", "code", "message"),
    [
        ("alchemy-free", 429, ALCHEMY_BUSY),
        ("infura", -32005, "project ID request rate exceeded"),
    ],
)
def test_each_fiftieth_request_is_refused(profile: str, code: int, message: str) -> None:
    bench = Bench()
    bench.show(*PROFILES[profile].shows)
    assert [bench.ask(HEAD) for _ in range(100)] == 2 * [*49 * [hex(32)], code]
    assert bench.journal[-1]["error"] == message


def test_a_stale_backend_knows_no_new_logs_and_says_nothing() -> None:
    bench = Bench()
    bench.show(*PROFILES["stale-backend"].shows)
    assert bench.post((HEAD, [])) == [hex(32)]
    assert bench.logs() == []
    bench.chain.mine_empty(24)
    assert len(bench.logs()) == 1


def test_heights_go_back_and_forth_behind_a_balancer() -> None:
    bench = Bench()
    bench.show(*PROFILES["load-balanced"].shows)
    assert [int(bench.ask(HEAD), 16) for _ in range(4)] == [32, 31, 7, 32]


def test_a_filter_is_unknown_to_the_other_nodes_of_a_balancer() -> None:
    bench = Bench()
    bench.show(*PROFILES["load-balanced"].shows)
    number = bench.ask("eth_newFilter", {})
    asked = [bench.ask("eth_getFilterChanges", number) for _ in range(3)]
    assert asked == [-32000, -32000, []]


@pytest.mark.parametrize(
    ("profile", "gone"), [*zip(FILTERS, [-32602, -32600, []], strict=True)], ids=FILTERS
)
def test_a_filter_vanishes_after_three_polls(profile: str, gone: object) -> None:
    bench = Bench()
    view = bench.show(*PROFILES[profile].shows)
    number = bench.ask("eth_newFilter", {})
    for _ in range(3):
        bench.chain.mine_empty(1)
        assert bench.ask("eth_getFilterChanges", number) == []
    assert bench.ask("eth_getFilterChanges", number) == gone
    assert view.hits == 1


def test_a_socket_is_dropped() -> None:
    bench = Bench()
    bench.show(*PROFILES["dropped-socket"].shows)
    for _ in range(24):
        assert bench.ask(HEAD) == hex(32)
    with pytest.raises(TransportError):
        bench.ask(HEAD)
    assert bench.ask(HEAD) == hex(32)


STEPS = """
title: a profile
given: {listener: stopped}
steps:
  - deposit_series: {as: d, users: [alice, bob], amount: "1", count: 3, every_blocks: 3}
  - mine: 40
  - node_view: {as: odd, profile: NAME}
  - pool: {as: gateway, nodes: [odd]}
  - start_listener
  - deposit: {as: late, user: carol, amount: "1"}
  - mine: 80
check:
  eventually:
    - credited: [d-1, d-2, d-3, late]
"""


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_reaches_the_product_which_credits_all_the_same(name: str) -> None:
    text = STEPS.replace("NAME", name)
    if name == "infura":  # 50 polls
        text = text.replace("mine: 80", "mine: 120")
    run = runner.play(loader.parse(text, "profile.yaml"))
    if name in FILTERS:  # the product has no filters: nothing is shown by that
        assert run.outcome.verdict is Verdict.INCONCLUSIVE
        return
    assert run.outcome.verdict is Verdict.HELD, run.outcome.failure
    assert all(fault.hits for fault in run.outcome.faults)
    assert any("odd" in entry.payload.get("faults", ()) for entry in run.journal)
