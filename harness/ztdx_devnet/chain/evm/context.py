"""Where a call runs: the state after a block, and the block that the call believes to be in.

Nothing that happens here stays: every call starts from the same state again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ztdx_devnet.chain.blocktree.headers import Header
from ztdx_devnet.chain.evm.execution import AncestorHashes, Execution
from ztdx_devnet.chain.evm.state import AccessList, State

Edit = Callable[[State], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a call does. `to` is 20 bytes; empty creates a contract from `data`.

    `gas` is what the message itself may use, without a transaction's intrinsic gas.
    """

    sender: bytes
    to: bytes
    data: bytes = b""
    value_wei: int = 0
    gas: int
    gas_price_wei: int = 0
    access_list: AccessList = ()


@dataclass(frozen=True, slots=True)
class CallResult:
    """The outcome of a call. `output` is the return data, or the revert data when it failed.

    `gas_refund` is what a transaction gets back of `gas_used`, before the cap of EIP-3529.
    """

    succeeded: bool
    output: bytes
    gas_used: int
    failure: str | None
    gas_refund: int = 0


@dataclass(frozen=True, slots=True)
class BlockContext:
    """The block whose number, time and base fee a call sees, and the state after it.

    `header.state_root` is the state that calls start from; `edits` change it first.
    """

    execution: Execution
    header: Header
    ancestor_hashes: AncestorHashes
    edits: tuple[Edit, ...] = ()

    def edited(self, edits: Sequence[Edit], **header_fields: int) -> BlockContext:
        """The same with other state or another number, timestamp or base fee."""
        header = self.header.copy(**header_fields) if header_fields else self.header
        return replace(self, header=header, edits=(*self.edits, *edits))

    def state(self) -> State:
        state = self.execution.state(self.header, self.ancestor_hashes)
        for edit in self.edits:
            edit(state)
        return state

    def call(self, message: Message) -> CallResult:
        """Execute a message and throw its effects away."""
        return _apply(self.state(), message)

    def trace(self, message: Message) -> tuple[CallResult, AccessList]:
        """As `call`; also the accounts and slots that the message touched, sorted."""
        state = self.state()
        return _apply(state, message), state.accessed()


def _apply(state: State, message: Message) -> CallResult:
    if message.value_wei > state.balance_wei(message.sender):
        return CallResult(False, b"", 0, "insufficient funds for transfer")
    outcome = state.apply_message(
        sender=message.sender,
        to=message.to,
        data=message.data,
        gas=message.gas,
        value_wei=message.value_wei,
        gas_price_wei=message.gas_price_wei,
        access_list=message.access_list,
    )
    return CallResult(
        outcome.failure is None,
        outcome.output,
        outcome.gas_used,
        outcome.failure,
        outcome.gas_refund,
    )
