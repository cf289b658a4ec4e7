"""Reading receipts: what transactions really emitted, of whole blocks or one by one.

A balancer may send each request to another node, so one that is busy or behind, or has thrown the
receipts of a block away, is asked again.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ztdx_spot.errors import NodeBehindError, NodeError, NodeOverloadedError
from ztdx_spot.node import bloom, shapes
from ztdx_spot.node.client import Answer, Call, NodeClient, result_of
from ztdx_spot.node.patience import Patience
from ztdx_spot.node.refusal import Refusal
from ztdx_spot.node.shapes import Header, Receipt

RECEIPTS_PER_BATCH = 100


class ReceiptReader:
    """Asks for whole blocks at once, as long as the node knows how.

    Of a block whose bloom has all of `bits` some log must set them.
    """

    def __init__(self, node: NodeClient, patience: Patience, bits: int) -> None:
        self._node = node
        self._patience = patience
        self._bits = bits
        self._has_block_receipts = True

    def of_blocks(self, headers: Sequence[Header]) -> list[list[Receipt]]:
        """All receipts of each block, in the order of its transactions. Raises NodeError."""
        if not headers:
            return []
        if self._has_block_receipts:
            found = self._patience.ask(lambda: self._whole_blocks(headers))
            if found is not None:
                return found
        hashes = [tx_hash for header in headers for tx_hash in header.transaction_hashes]
        receipts = self.of_transactions(hashes)
        return [
            self._checked(header, [receipts[tx_hash] for tx_hash in header.transaction_hashes])
            for header in headers
        ]

    def of_transactions(self, tx_hashes: Sequence[str]) -> dict[str, Receipt]:
        """The receipt of each transaction, in this order. Raises NodeError."""
        found: dict[str, Receipt] = {}
        left, batch_calls = tuple(tx_hashes), RECEIPTS_PER_BATCH
        while left:
            asked = left[:batch_calls]
            try:
                found |= self._patience.ask(partial(self._one_by_one, asked))
            except NodeOverloadedError:
                if len(asked) == 1:
                    raise
                batch_calls = len(asked) // 2
            else:
                left = left[len(asked) :]
        return found

    def _whole_blocks(self, headers: Sequence[Header]) -> list[list[Receipt]] | None:
        """None: the node does not know the method, or will not answer it now."""
        answers = self._node.ask(
            [Call("eth_getBlockReceipts", (header.block_hash,)) for header in headers]
        )
        refusals = [answer for answer in answers if isinstance(answer, Refusal)]
        if any(refusal.is_of_method for refusal in refusals):
            self._has_block_receipts = False
            return None
        if any(type(refusal.error()) is NodeError for refusal in refusals):
            return None
        return [
            self._checked(header, _receipts_of(header, answer))
            for header, answer in zip(headers, answers, strict=True)
        ]

    def _checked(self, header: Header, receipts: list[Receipt]) -> list[Receipt]:
        """Raises NodeBehindError for what a node with pruned history answers, and NodeError."""
        where = f"the receipts of block {header.number}"
        if header.transaction_hashes and not receipts:
            raise NodeBehindError(f"the node does not have {where}")
        if tuple(receipt.transaction_hash for receipt in receipts) != header.transaction_hashes:
            raise NodeError(f"{where} are not of its transactions")
        if any(receipt.block_hash != header.block_hash for receipt in receipts):
            raise NodeError(f"{where} are of another block")
        if bloom.may_hold(header.bloom, self._bits):
            found = 0
            for log in (log for receipt in receipts for log in receipt.logs):
                found |= bloom.bits_of(log.address, *log.topics)
            if not bloom.may_hold(found, self._bits):
                raise NodeBehindError(f"{where} lack logs that its bloom shows")
        return receipts

    def _one_by_one(self, tx_hashes: Sequence[str]) -> dict[str, Receipt]:
        answers = self._node.ask(
            [Call("eth_getTransactionReceipt", (tx_hash,)) for tx_hash in tx_hashes]
        )
        return {
            tx_hash: _receipt_of(tx_hash, answer)
            for tx_hash, answer in zip(tx_hashes, answers, strict=True)
        }


def _receipt_of(tx_hash: str, answer: Answer) -> Receipt:
    where = f"the receipt of {tx_hash}"
    result = result_of(answer)
    if result is None:
        raise NodeBehindError(f"the node does not know {where}")
    receipt = shapes.receipt(result, where)
    if receipt.transaction_hash != tx_hash:
        raise NodeError(f"{where} is of another transaction")
    return receipt


def _receipts_of(header: Header, answer: Answer) -> list[Receipt]:
    where = f"the receipts of block {header.number}"
    result = result_of(answer)
    if result is None:
        raise NodeBehindError(f"the node does not know {where}")
    return shapes.receipts(result, where)
