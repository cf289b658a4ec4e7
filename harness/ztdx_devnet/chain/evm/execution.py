"""The one module that lets py-evm execute: transactions into blocks, messages against a state.

py-evm gets a header and transactions and gives back receipts and a state root. It never sees the
tree, the pool or fork choice; the ancestors that BLOCKHASH asks for come from `ancestor_hashes`.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any

import rlp
from eth_utils import ValidationError
from trie.hexary import HexaryTrie

from ztdx_devnet.chain.blocktree.blocks import Log, Receipt
from ztdx_devnet.chain.blocktree.headers import Header
from ztdx_devnet.chain.evm.computation import DevnetState
from ztdx_devnet.chain.evm.state import State
from ztdx_devnet.chain.keccak import keccak256
from ztdx_devnet.chain.py_evm import (
    AtomicDB,
    ChainContext,
    ChainDB,
    MemoryDB,
    NoProofConsensus,
    PragueVM,
    VMError,
    make_trie_root_and_nodes,
)
from ztdx_devnet.chain.transactions import Transaction

COINBASE = bytes.fromhex("00000000000000000000000000000000000c0ffe")
MIX_HASH = b"\0" * 32  # PREVRANDAO: constant, else headers of empty runs could not be spliced

AncestorHashes = Callable[[], Iterable[bytes]]


class _DevnetVM(PragueVM):
    """PragueVM whose ancestor hashes come from our tree."""

    consensus_class = NoProofConsensus
    _state_class = DevnetState
    ancestor_hashes: AncestorHashes

    @property
    def previous_hashes(self) -> Any:
        return self.ancestor_hashes()


class Nodes(MemoryDB):
    """Trie nodes and code by their hash, in the order in which they came."""

    def __init__(self, nodes: MutableMapping[bytes, bytes]) -> None:
        super().__init__(nodes)  # type: ignore[arg-type]  # any mapping will do
        self.added: list[bytes] = []

    def __setitem__(self, key: bytes, value: bytes) -> None:
        if key not in self.kv_store:
            self.added.append(key)
            self.kv_store[key] = value

    def forget_after(self, count: int) -> None:
        """Forget all but the first `count` that were added."""
        for key in self.added[count:]:
            del self.kv_store[key]
        del self.added[count:]


class Execution:
    """py-evm over one database of trie nodes and code, which keeps the state of every block."""

    def __init__(self, chain_id: int, nodes: MutableMapping[bytes, bytes] | None = None) -> None:
        self.chain_id = chain_id
        self.nodes = Nodes({} if nodes is None else nodes)
        self._chaindb = ChainDB(AtomicDB(self.nodes))
        self._context = ChainContext(chain_id)

    def copy(self) -> Execution:
        """An independent execution that starts from the same states."""
        return Execution(self.chain_id, dict(self.nodes.kv_store))

    def overlay(self) -> Execution:
        """An execution that reads these states and keeps what it writes to itself."""
        return Execution(self.chain_id, ChainMap({}, self.nodes.kv_store))

    def child_header(
        self, parent: Header, timestamp_s: int, extra_data: bytes | None = None
    ) -> Header:
        """The header of an empty block on `parent`, complete. `extra_data` is else the parent's."""
        header: Header = PragueVM.create_header_from_parent(
            parent,
            timestamp=timestamp_s,
            gas_limit=parent.gas_limit,
            coinbase=parent.coinbase,
            mix_hash=MIX_HASH,
            extra_data=parent.extra_data if extra_data is None else extra_data,
            state_root=parent.state_root,
        )
        return header

    def open_block(self, header: Header, ancestor_hashes: AncestorHashes) -> BlockExecution:
        """Start to fill a block. `ancestor_hashes` yields parent, grandparent and so on."""
        return BlockExecution(self._vm(header, ancestor_hashes), header)

    def state(self, header: Header, ancestor_hashes: AncestorHashes = lambda: ()) -> State:
        """The state after the block of `header`, for messages that see that block as theirs."""
        return State(self._vm(header, ancestor_hashes).state)

    def proof(self, root: bytes, key: bytes) -> tuple[bytes, ...]:
        """The nodes of the trie of that root on the way to `key`, which is hashed first."""
        trie = HexaryTrie(self.nodes.kv_store, root)
        nodes = trie.get_proof(keccak256(key))  # type: ignore[no-untyped-call]
        return tuple(rlp.encode(node) for node in nodes)

    def _vm(self, header: Any, ancestor_hashes: AncestorHashes) -> _DevnetVM:
        consensus: Any = None  # no seal is ever checked here
        vm = _DevnetVM(header, self._chaindb, self._context, consensus)
        vm.ancestor_hashes = ancestor_hashes
        return vm


class BlockExecution:
    """A block that is being filled, transaction by transaction."""

    def __init__(self, vm: _DevnetVM, header: Header) -> None:
        self._vm: Any = vm
        self._header: Any = header
        self._receipts: list[Receipt] = []
        self._encodable: list[Any] = []
        self._log_count = 0

    @property
    def state(self) -> State:
        return State(self._vm.state)

    @property
    def base_fee_wei(self) -> int:
        return int(self._header.base_fee_per_gas)

    @property
    def gas_left(self) -> int:
        return int(self._header.gas_limit - self._header.gas_used)

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        return tuple(self._receipts)

    def apply(self, transaction: Transaction) -> Receipt:
        """Execute one transaction and put it into the block.

        Raises ValidationError or VMError, with nothing changed, when it can't be in this block.
        """
        vm, header = self._vm, self._header
        executable = transaction.executable
        vm.validate_transaction_against_header(header, executable)
        # The snapshot comes after lock_changes, which forgets all earlier ones: to revert to one of
        # those raises half-way, with storage and the account cache as they were.
        vm.state.lock_changes()
        snapshot = vm.state.snapshot()
        try:
            computation = vm.state.apply_transaction(executable)
        except (ValidationError, VMError):
            vm.state.revert(snapshot)
            raise
        encodable = vm.make_receipt(header, executable, computation, vm.state)
        logs = tuple(
            Log(address, tuple(t.to_bytes(32, "big") for t in topics), data, self._log_count + i)
            for i, (address, topics, data) in enumerate(computation.get_log_entries())
        )
        message = computation.msg
        receipt = Receipt(
            transaction=transaction,
            transaction_index=len(self._receipts),
            succeeded=not computation.is_error,
            gas_used=int(encodable.gas_used - header.gas_used),
            cumulative_gas_used=int(encodable.gas_used),
            bloom=int(encodable.bloom),
            logs=logs,
            contract_address=bytes(message.storage_address) if message.is_create else None,
        )
        self._header = vm.add_receipt_to_header(header, encodable)
        self._log_count += len(logs)
        self._receipts.append(receipt)
        self._encodable.append(encodable)
        return receipt

    def seal(self) -> Header:
        """Write the state and return the finished header."""
        transaction_root, _ = make_trie_root_and_nodes(
            tuple(receipt.transaction.signed for receipt in self._receipts)
        )
        receipt_root, _ = make_trie_root_and_nodes(tuple(self._encodable))
        header: Header = self._header.copy(
            transaction_root=transaction_root,
            receipt_root=receipt_root,
            state_root=self.state.persist(),
        )
        return header
