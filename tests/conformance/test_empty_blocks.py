"""A block inside a run of empty ones is told as if its whole header had been built."""

from __future__ import annotations

import rlp

from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.rpc import shapes
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.view import View


def test_every_field_is_that_of_the_whole_header() -> None:
    chain = Chain()
    chain.mine_empty(66_000)  # numbers of one, two and three bytes, base fees from 1 gwei down to 7
    node = Node(View(chain))
    for number in (*range(1, 300), *range(65_500, 65_600)):
        told = node.call("eth_getBlockByNumber", [hex(number), False])
        place = chain.tree.at(number)
        assert place is not None
        whole = shapes.head(place)
        assert {name: told[name] for name in whole} == whole
        assert told["size"] == hex(len(rlp.encode([place.header, [], [], []])))
        assert (told["transactions"], told["uncles"], told["withdrawals"]) == ([], [], [])
        assert told.keys() == node.call("eth_getBlockByNumber", ["0x0", False]).keys()
