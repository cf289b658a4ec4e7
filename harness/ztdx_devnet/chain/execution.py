"""The one module that lets py-evm execute: transactions into blocks, calls against a state.

py-evm gets a header and transactions and gives back receipts and a state root. It never sees the
tree, the pool or fork choice; the ancestors that BLOCKHASH asks for come from `ancestor_hashes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from eth_utils import ValidationError

from ztdx_devnet.chain.blocks import Log, Receipt
from ztdx_devnet.chain.headers import Header
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
from ztdx_devnet.chain.state import State
from ztdx_devnet.chain.transactions import Transaction

COINBASE = bytes.fromhex("00000000000000000000000000000000000c0ffe")
MIX_HASH = b"\0" * 32  # PREVRANDAO: constant, else headers of empty runs could not be spliced

AncestorHashes = Callable[[], Iterable[bytes]]


class _DevnetVM(PragueVM):
    """PragueVM whose ancestor hashes come from our tree."""

    consensus_class = NoProofConsensus
    ancestor_hashes: AncestorHashes

    @property
    def previous_hashes(self) -> Any:
        return self.ancestor_hashes()


@dataclass(frozen=True, slots=True)
class CallResult:
    """The outcome of a call. `output` is the return data, or the revert data when it failed."""

    succeeded: bool
    output: bytes
    gas_used: int
    failure: str | None


class Execution:
    """py-evm over one database of trie nodes and code, which keeps the state of every block."""

    def __init__(self, chain_id: int, nodes: Mapping[bytes, bytes] | None = None) -> None:
        self.chain_id = chain_id
        self._nodes = dict(nodes or {})
        self._chaindb = ChainDB(AtomicDB(MemoryDB(self._nodes)))
        self._context = ChainContext(chain_id)

    def copy(self) -> Execution:
        """An independent execution that starts from the same states."""
        return Execution(self.chain_id, self._nodes)

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
        return BlockExecution(self._vm(header, ancestor_hashes), header, self._chaindb)

    def state(self, header: Header) -> State:
        """The state after the block of `header`."""
        return State(self._vm(header, lambda: ()).state)

    def call(
        self,
        header: Header,
        ancestor_hashes: AncestorHashes,
        *,
        sender: bytes,
        to: bytes,
        data: bytes,
        value_wei: int,
        gas: int,
        gas_price_wei: int = 0,
    ) -> CallResult:
        """Execute a message on the state of `header` and throw its effects away.

        The call sees the number, time and base fee of `header`. `gas` is what the message itself
        may use, without the intrinsic gas of a transaction.
        """
        state = State(self._vm(header, ancestor_hashes).state)
        if value_wei > state.balance_wei(sender):
            return CallResult(False, b"", 0, "insufficient funds for transfer")
        outcome = state.apply_message(
            sender=sender,
            to=to,
            data=data,
            gas=gas,
            value_wei=value_wei,
            gas_price_wei=gas_price_wei,
        )
        return CallResult(
            outcome.failure is None, outcome.output, outcome.gas_used, outcome.failure
        )

    def _vm(self, header: Any, ancestor_hashes: AncestorHashes) -> _DevnetVM:
        consensus: Any = None  # no seal is ever checked here
        vm = _DevnetVM(header, self._chaindb, self._context, consensus)
        vm.ancestor_hashes = ancestor_hashes
        return vm


class BlockExecution:
    """A block that is being filled, transaction by transaction."""

    def __init__(self, vm: _DevnetVM, header: Header, chaindb: ChainDB) -> None:
        self._vm: Any = vm
        self._header: Any = header
        self._chaindb = chaindb
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
        vm.validate_transaction_against_header(header, transaction.signed)
        # The snapshot comes after lock_changes, which forgets all earlier ones: to revert to one of
        # those raises half-way, with storage and the account cache as they were.
        vm.state.lock_changes()
        snapshot = vm.state.snapshot()
        try:
            computation = vm.state.apply_transaction(transaction.signed)
        except (ValidationError, VMError):
            vm.state.revert(snapshot)
            raise
        encodable = vm.make_receipt(header, transaction.signed, computation, vm.state)
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
        transaction_root, nodes = make_trie_root_and_nodes(
            tuple(receipt.transaction.signed for receipt in self._receipts)
        )
        self._chaindb.persist_trie_data_dict(nodes)
        receipt_root, nodes = make_trie_root_and_nodes(tuple(self._encodable))
        self._chaindb.persist_trie_data_dict(nodes)
        header: Header = self._header.copy(
            transaction_root=transaction_root,
            receipt_root=receipt_root,
            state_root=self.state.persist(),
        )
        return header
