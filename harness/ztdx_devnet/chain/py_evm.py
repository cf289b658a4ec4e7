"""The only imports of py-evm, and the undoing of what they do to the process.

py-evm's import of py_ecc sets the recursion limit to 100,000, at which deeply nested JSON overflows
the C stack and kills the process instead of raising RecursionError. 12,288 is what py-evm itself
asks for, enough for 1,024 nested calls.
"""

from __future__ import annotations

import sys

from ztdx_devnet.chain import keccak  # noqa: F401 - first: it chooses eth_hash's backend

# ruff: isort: split
from eth import EVM_RECURSION_LIMIT
from eth.abc import SignedTransactionAPI
from eth.consensus import NoProofConsensus
from eth.constants import CREATE_CONTRACT_ADDRESS, SECPK1_N
from eth.db.atomic import AtomicDB
from eth.db.backends.memory import MemoryDB
from eth.db.chain import ChainDB
from eth.db.trie import make_trie_root_and_nodes
from eth.exceptions import Revert, VMError
from eth.vm.chain_context import ChainContext
from eth.vm.forks.berlin.transactions import UnsignedAccessListTransaction
from eth.vm.forks.london.transactions import UnsignedDynamicFeeTransaction
from eth.vm.forks.prague import PragueVM
from eth.vm.forks.prague.blocks import PragueBlockHeader
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.forks.prague.state import PragueState
from eth.vm.forks.prague.transactions import (
    Authorization,
    PragueTransactionBuilder,
    PragueUnsignedLegacyTransaction,
    UnsignedSetCodeTransaction,
)
from eth.vm.message import Message

__all__ = [
    "CREATE_CONTRACT_ADDRESS",
    "SECPK1_N",
    "AtomicDB",
    "Authorization",
    "ChainContext",
    "ChainDB",
    "MemoryDB",
    "Message",
    "NoProofConsensus",
    "PragueBlockHeader",
    "PragueComputation",
    "PragueState",
    "PragueTransactionBuilder",
    "PragueUnsignedLegacyTransaction",
    "PragueVM",
    "Revert",
    "SignedTransactionAPI",
    "UnsignedAccessListTransaction",
    "UnsignedDynamicFeeTransaction",
    "UnsignedSetCodeTransaction",
    "VMError",
    "make_trie_root_and_nodes",
]

sys.setrecursionlimit(EVM_RECURSION_LIMIT)


def _let_selfdestruct_be_silent() -> None:
    """Take off the wrapper that raises a DeprecationWarning each time a contract destroys itself.

    Under warnings-as-errors it would end the building of a block.
    """
    opcodes = PragueComputation.opcodes
    opcodes[_SELFDESTRUCT] = getattr(opcodes[_SELFDESTRUCT], "__wrapped__", opcodes[_SELFDESTRUCT])


_SELFDESTRUCT = 0xFF
_let_selfdestruct_be_silent()
