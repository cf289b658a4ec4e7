"""Accounts, code and storage after a block, over py-evm's state."""

from __future__ import annotations

from typing import Any

import rlp
from eth_utils import ValidationError

from ztdx_devnet.chain.keccak import keccak256
from ztdx_devnet.chain.py_evm import CREATE_CONTRACT_ADDRESS, Message, Revert, VMError

# (20-byte address, its slots), … as in an EIP-2930 transaction.
AccessList = tuple[tuple[bytes, tuple[int, ...]], ...]


class MessageOutcome:
    """What a message did. `output` is the return data, or the revert data when it failed."""

    __slots__ = ("failure", "gas_refund", "gas_used", "output")

    def __init__(self, computation: Any) -> None:
        error = computation.error if computation.is_error else None
        self.output = bytes(computation.output)
        self.gas_used = int(computation.get_gas_used())
        self.gas_refund = int(computation.get_gas_refund())
        self.failure: str | None = None
        if isinstance(error, Revert):
            self.failure = "execution reverted"
        elif isinstance(error, VMError):
            self.failure = _told(error)

    @classmethod
    def refused(cls, error: Exception, gas: int) -> MessageOutcome:
        """A message that never ran and lost its gas."""
        outcome = cls.__new__(cls)
        outcome.output, outcome.gas_used, outcome.gas_refund = b"", gas, 0
        outcome.failure = _told(error)
        return outcome


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


class State:
    """The state of one block. Addresses are 20 bytes; changes are lost unless persisted."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def balance_wei(self, address: bytes) -> int:
        return int(self._inner.get_balance(address))

    def nonce(self, address: bytes) -> int:
        return int(self._inner.get_nonce(address))

    def code(self, address: bytes) -> bytes:
        return bytes(self._inner.get_code(address))

    def storage(self, address: bytes, slot: int) -> int:
        return int(self._inner.get_storage(address, slot))

    def storage_root(self, address: bytes) -> bytes:
        return bytes(self._inner._account_db._get_storage_root(address))

    def set_nonce(self, address: bytes, nonce: int) -> None:
        self._inner.set_nonce(address, nonce)

    def set_code(self, address: bytes, code: bytes) -> None:
        self._inner.set_code(address, code)

    def set_storage(self, address: bytes, slot: int, value: int) -> None:
        self._inner.set_storage(address, slot, value)

    def clear_storage(self, address: bytes) -> None:
        self._inner.delete_storage(address)

    def set_balance_wei(self, address: bytes, balance_wei: int) -> None:
        self._inner.set_balance(address, balance_wei)

    def persist(self) -> bytes:
        """Write the changes to the database; returns the new state root."""
        self._inner.persist()
        return bytes(self._inner.state_root)

    def apply_message(
        self,
        *,
        sender: bytes,
        to: bytes,
        data: bytes,
        gas: int,
        value_wei: int = 0,
        gas_price_wei: int = 0,
        create_at: bytes | None = None,
        access_list: AccessList = (),
    ) -> MessageOutcome:
        """Execute a message, as the body of a transaction does: no fee, no nonce.

        An empty `to` creates a contract from `data`, at `create_at` or where CREATE puts it. `gas`
        is what the message may use, without a transaction's intrinsic gas.
        """
        state = self._inner
        context = state.get_transaction_context_class()(gas_price=gas_price_wei, origin=sender)
        state.lock_changes()  # a new transaction begins: warm addresses are forgotten
        creates = to == CREATE_CONTRACT_ADDRESS
        delegated = False
        if creates:
            at = create_at or create_address(sender, self.nonce(sender))
            code, call_data = data, b""
        else:
            at, call_data = to, data
            code, delegation = state.get_transaction_executor().get_code_at_address(to)
            delegated = delegation is not None
        for address in (sender, at, state.coinbase):
            state.mark_address_warm(address)
        for address, slots in access_list:
            state.mark_address_warm(address)
            for slot in slots:
                state.mark_storage_warm(address, slot)
        message = Message(
            gas=gas,
            to=to,  # type: ignore[arg-type]  # py-evm's Address is bytes
            sender=sender,  # type: ignore[arg-type]
            value=value_wei,
            data=call_data,
            code=code,
            create_address=at if creates else None,  # type: ignore[arg-type]
            is_delegation=delegated,
        )
        apply = state.computation_class.apply_message
        if creates:
            apply = state.computation_class.apply_create_message
        try:
            return MessageOutcome(apply(state, message, context))
        except (VMError, ValidationError) as error:
            # Init code beyond EIP-3860's limit, or a balance beyond 256 bits.
            return MessageOutcome.refused(error, gas)

    def accessed(self) -> AccessList:
        """The accounts and slots that the last message touched, sorted."""
        slots_of: dict[bytes, list[int]] = {}
        # py-evm keeps an account as 20 bytes and a slot as those and its number in big-endian.
        for key in self._inner._account_db._journal_accessed_state.diff().pending_keys():
            slots = slots_of.setdefault(key[:20], [])
            if len(key) > 20:
                slots.append(int.from_bytes(key[20:], "big"))
        return tuple((address, tuple(sorted(slots_of[address]))) for address in sorted(slots_of))

    def run_constructor(
        self, *, creator: bytes, address: bytes, init_code: bytes, gas: int
    ) -> None:
        """Run `init_code` so that its contract stands at `address`, whatever CREATE would choose.

        Raises RuntimeError when the constructor fails.
        """
        outcome = self.apply_message(
            sender=creator, to=b"", data=init_code, gas=gas, create_at=address
        )
        if outcome.failure is not None:
            raise RuntimeError(f"constructor at 0x{address.hex()} failed: {outcome.failure}")

    def run_message(self, *, sender: bytes, to: bytes, data: bytes, gas: int) -> bytes:
        """Execute a message that must succeed; returns its output. Raises RuntimeError."""
        outcome = self.apply_message(sender=sender, to=to, data=data, gas=gas)
        if outcome.failure is not None:
            raise RuntimeError(f"message to 0x{to.hex()} failed: {outcome.failure}")
        return outcome.output


def create_address(sender: bytes, nonce: int) -> bytes:
    """Where CREATE puts the contract of an account's transaction with that nonce."""
    return keccak256(rlp.encode([sender, nonce]))[12:]
