"""All that a chain is, apart from snapshots: what a store keeps and a dump carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ztdx_devnet.chain.blocktree.blocks import Place, Segment
from ztdx_devnet.chain.blocktree.finality import Finality
from ztdx_devnet.chain.blocktree.patches import Patch
from ztdx_devnet.chain.building.pool import Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainImage:
    """Segments in the order of building, genesis first, each parent before its children.

    `nodes` are trie nodes and code by hash, the `first_nodes` ones of genesis first; `tips` the
    last block of each named branch.
    """

    segments: Sequence[Segment]
    nodes: Mapping[bytes, bytes]
    first_nodes: int
    head: Place
    current_branch: str
    tips: Mapping[str, Place]
    opened_branches: int = 0
    patches: Mapping[bytes, Patch] = field(default_factory=dict)
    waiting: Sequence[Waiting] = ()
    finality: Finality = field(default_factory=Finality)
    min_gas_price_wei: int = 0
