"""Every error that the chain raises on purpose."""

from __future__ import annotations


class ChainError(Exception):
    """Root of the chain's errors: a request that the chain can't carry out."""

    code = "CHAIN"


class TransactionRefused(ChainError):
    """The pool does not take this transaction; the message says why, in the words of geth."""

    code = "TRANSACTION_REFUSED"


class UnknownBlock(ChainError):
    """No such block in the tree."""

    code = "UNKNOWN_BLOCK"


class BlockImpossible(ChainError):
    """No such block can stand on the head: it would not be later, or there are none to build."""

    code = "BLOCK_IMPOSSIBLE"


class ReorgImpossible(ChainError):
    """The reorg names what is not there, or asks for what can't be."""

    code = "REORG_IMPOSSIBLE"


class ReorgTooDeep(ReorgImpossible):
    """The reorg would replace the genesis block."""

    code = "REORG_TOO_DEEP"


class UnknownAccount(ChainError):
    """The devnet has no key of this account and does not impersonate it."""

    code = "UNKNOWN_ACCOUNT"
