"""The log index against a walk over every canonical block, and the log filter."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.chain.builders import add_deposit, transfer
from ztdx_devnet.chain.blocktree.blocks import ExecutedBlock, Log
from ztdx_devnet.chain.blocktree.logs import LogFilter, logs_of
from ztdx_devnet.chain.building.reorgs import Reorg
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS

A, B, C = (bytes([n]) * 20 for n in (1, 2, 3))
T, U, V = (bytes([n]) * 32 for n in (4, 5, 6))
LOG = Log(A, (T, U), b"", 0)

Step = tuple[str, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["deposit", "transfer", "run", "reorg", "switch"]), st.integers(1, 6)
    ),
    max_size=12,
)


def walk(chain: Chain, steps: list[Step]) -> None:
    heads = [chain.head.hash]
    for index, (verb, size) in enumerate(steps):
        user = sorted(USERS)[index % len(USERS)]
        if verb == "deposit":
            add_deposit(chain, user, size)
            chain.mine()
        elif verb == "transfer":
            chain.add(transfer(chain, user, "judy", size))
            chain.mine()
        elif verb == "run":
            chain.mine_empty(size)
        elif verb == "reorg" and chain.height:
            chain.reorg(Reorg(depth=min(size, chain.height), length=size, delay_blocks=size % 3))
        elif verb == "switch":
            chain.switch(heads[size % len(heads)])
        heads.append(chain.head.hash)


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(steps=STEPS, ends=st.tuples(st.integers(-1, 12), st.integers(-1, 12)))
def test_the_index_finds_exactly_the_canonical_blocks_with_logs(
    steps: list[Step], ends: tuple[int, int]
) -> None:
    chain = Chain()
    walk(chain, steps)
    first, last = ends
    expected = []
    for number in range(max(first, 0), min(last, chain.height) + 1):
        segment = chain.tree.at(number).segment
        if isinstance(segment, ExecutedBlock) and any(r.logs for r in segment.receipts):
            expected.append(segment)
    assert list(chain.logs.between(first, last)) == expected


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        (LogFilter(), True),
        (LogFilter(frozenset({A})), True),
        (LogFilter(frozenset({B, A})), True),
        (LogFilter(frozenset({B, C})), False),
        (LogFilter(topics=(frozenset({T}),)), True),
        (LogFilter(topics=(frozenset({U}),)), False),
        (LogFilter(topics=(frozenset({V, T}), frozenset({U}))), True),
        (LogFilter(topics=(frozenset(), frozenset({U}))), True),
        (LogFilter(topics=(frozenset(), frozenset({T}))), False),
        (LogFilter(topics=(frozenset(), frozenset())), True),
        (LogFilter(topics=(frozenset(), frozenset(), frozenset())), False),
        (LogFilter(frozenset({B}), (frozenset({T}),)), False),
        (LogFilter(frozenset({A}), (frozenset({T}), frozenset({V}))), False),
    ],
)
def test_a_filter_matches_by_address_and_by_topic_position(
    wanted: LogFilter, matches: bool
) -> None:
    assert wanted.matches(LOG) is matches


def test_the_logs_of_a_block_come_in_their_order_each_with_its_receipt() -> None:
    chain = Chain()
    for user in ("alice", "bob"):
        add_deposit(chain, user, 5)
    chain.mine()
    block = chain.tree.at(1).segment
    assert isinstance(block, ExecutedBlock)
    placed = list(logs_of(block, LogFilter()))
    assert [entry.log.log_index for entry in placed] == [0, 1, 2, 3, 4, 5]
    assert [entry.receipt.transaction_index for entry in placed] == [0, 1, 1, 2, 3, 3]
    assert all(entry.block is block for entry in placed)
    only_vault = list(logs_of(block, LogFilter(frozenset({contracts.VAULT}))))
    assert [entry.log.log_index for entry in only_vault] == [2, 5]
    assert only_vault[0].log.topics == (
        contracts.SPOT_DEPOSIT_TOPIC,
        bytes(12) + USERS["alice"].address,
        bytes(12) + contracts.DF_TOKEN,
    )
    assert int.from_bytes(only_vault[0].log.data, "big") == 5
