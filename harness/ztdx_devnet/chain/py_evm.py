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
from eth.vm.forks.london.transactions import UnsignedDynamicFeeTransaction
from eth.vm.forks.prague import PragueVM
from eth.vm.forks.prague.transactions import (
    Authorization,
    PragueTransactionBuilder,
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
    "PragueTransactionBuilder",
    "PragueVM",
    "Revert",
    "SignedTransactionAPI",
    "UnsignedDynamicFeeTransaction",
    "UnsignedSetCodeTransaction",
    "VMError",
    "make_trie_root_and_nodes",
]

sys.setrecursionlimit(EVM_RECURSION_LIMIT)
