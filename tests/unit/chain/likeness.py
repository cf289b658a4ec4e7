"""All that a chain shows of itself, so that two chains can be told apart or held to be the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from ztdx_devnet.chain.blocktree.blocks import ExecutedBlock, Place
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.devnet import Devnet
from ztdx_devnet.chain.rpc.node import node_of
from ztdx_devnet.chain.store.records import encode_patch


def standing(chain: Chain) -> dict[str, Any]:
    """Where a chain stands: quick, whatever its length."""
    return {
        "head": (chain.height, chain.head.hash.hex()),
        "state_root": chain.patches.header(chain.head).state_root.hex(),
        "pool": [(w.transaction.hash.hex(), w.not_before_number) for w in chain.pool],
        "branches": [(each.name, each.tip.hash.hex()) for each in chain.branches],
        "current_branch": chain.branches.current,
        "opened_branches": chain.builder.branches,
        "patches": {h.hex(): encode_patch(p) for h, p in chain.patches.items().items()},
        "finality": asdict(chain.finality),
        "min_gas_price_wei": chain.min_gas_price_wei,
        "segments": [segment.count for segment in chain.tree.segments],
        "nodes": len(chain.execution.nodes.kv_store),
    }


def picture(chain: Chain) -> dict[str, Any]:
    """Where it stands, and every block, receipt and log of it, on all branches."""
    node = node_of(Devnet(chain))

    def shown(segment: ExecutedBlock) -> Any:
        block_hash = "0x" + segment.block_hash.hex()
        return (
            node.call("eth_getBlockByHash", [block_hash, True]),
            node.call("eth_getBlockReceipts", [{"blockHash": block_hash}]),
            [(r.transaction.raw(), r.transaction.authorities) for r in segment.receipts],
        )

    segments = chain.tree.segments
    return {
        **standing(chain),
        "canonical": [at(chain, number).hash.hex() for number in range(chain.height + 1)],
        "hashes": [[s.hash_at(i).hex() for i in range(s.count)] for s in segments],
        "found": [found(chain, (s.hash_at(0), s.hash_at(s.count - 1))) for s in segments],
        "ends": [(s.header_at(0).hash, s.header_at(s.count - 1).hash) for s in segments],
        "blocks": [shown(s) for s in segments if isinstance(s, ExecutedBlock)],
        "logs": node.call("eth_getLogs", [{"fromBlock": "0x0", "toBlock": "latest"}]),
        "named": node.call("devnet_branches", []),
        "transactions": [
            node.call("devnet_transaction", ["0x" + receipt.transaction.hash.hex()])["blocks"]
            for segment in segments
            if isinstance(segment, ExecutedBlock)
            for receipt in segment.receipts
        ],
    }


def at(chain: Chain, number: int) -> Place:
    place = chain.tree.at(number)
    assert place is not None
    return place


def found(chain: Chain, hashes: Iterable[bytes]) -> list[tuple[int, int, bool]]:
    """Number, time and standing of the blocks with these hashes."""
    places = [chain.tree.by_hash(each) for each in hashes]
    return [(p.number, p.timestamp_s, chain.tree.is_canonical(p)) for p in places if p is not None]
