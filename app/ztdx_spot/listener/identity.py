"""Which chain it is: its id, and the hash of its block 0. Another one is no reorg but a mistake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ztdx_spot.errors import ListenerHalted
from ztdx_spot.listener.pages import block_call, known_block
from ztdx_spot.node.client import Answer, Call, result_of
from ztdx_spot.node.shapes import quantity


@dataclass(frozen=True, slots=True)
class ChainIdentity:
    """The chain that the listener is configured for."""

    chain_id: int

    def calls(self) -> list[Call]:
        """What to ask, in this order, to tell chains apart."""
        return [chain_id_call(), block_call(0)]

    def check(self, answers: Sequence[Answer], genesis_hash: str | None) -> str:
        """The hash of block 0. Raises ListenerHalted when it is another chain's, or the id is.

        `genesis_hash` is that of the chain the ledger was filled from, None when it is empty.
        """
        chain_id, genesis = answers
        self.check_id(chain_id)
        found = known_block(genesis, 0).block_hash
        refuse_other_genesis(found, genesis_hash)
        return found

    def check_id(self, answer: Answer) -> None:
        found = quantity(result_of(answer), "eth_chainId")
        if found != self.chain_id:
            raise ListenerHalted(
                f"the node serves chain {found}, expected SPOT_BSC_CHAIN_ID={self.chain_id}: "
                "correct SPOT_BSC_RPC_URL or the chain id"
            )


def refuse_other_genesis(found: str, expected: str | None) -> None:
    """Raises ListenerHalted unless block 0 is what the ledger was filled from (None: unknown)."""
    if expected not in (None, found):
        raise ListenerHalted(
            f"block 0 of the node is {found}, but the ledger was filled from a chain whose "
            f"block 0 is {expected}: the chain was reset or is another one; use a new "
            "DATABASE_URL for it, or correct SPOT_BSC_RPC_URL"
        )


def chain_id_call() -> Call:
    return Call("eth_chainId")
