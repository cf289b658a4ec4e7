"""The EVM without transactions: any sender, any address, nothing to pay and nothing kept."""

from typing import Any

from eth.constants import CREATE_CONTRACT_ADDRESS
from eth.vm.message import Message
from eth_abi import encode
from eth_utils import keccak, to_canonical_address


class BareState:
    """The latest state of ape's chain; what happens here is not written back."""

    def __init__(self, chain: Any) -> None:
        self.state = chain.provider.evm_backend.chain.get_vm().state

    def construct(self, address: str, creation_code: bytes, *arguments: str) -> Any:
        """Runs a constructor that takes addresses, at `address`."""
        return self._apply(
            "apply_create_message",
            to=CREATE_CONTRACT_ADDRESS,
            sender=b"\x01" * 20,
            data=b"",
            code=creation_code + encode(["address"] * len(arguments), arguments),
            create_address=to_canonical_address(address),
        )

    def call(self, sender: str, to: str, signature: str, *arguments: Any) -> Any:
        types = [kind for kind in signature[signature.index("(") + 1 : -1].split(",") if kind]
        return self._apply(
            "apply_message",
            to=to_canonical_address(to),
            sender=to_canonical_address(sender),
            data=keccak(text=signature)[:4] + encode(types, arguments),
            code=self.code(to),
        )

    def code(self, address: str) -> bytes:
        return bytes(self.state.get_code(to_canonical_address(address)))

    def give_bnb(self, address: str, amount_wei: int) -> None:
        """As a block's fees or a dying contract do, without a call."""
        self.state.set_balance(to_canonical_address(address), amount_wei)

    def bnb(self, address: str) -> int:
        return int(self.state.get_balance(to_canonical_address(address)))

    def replace_in_storage(self, address: str, old: str, new: str) -> None:
        """Writes one address over another, in the one of the first slots that holds it."""
        account = to_canonical_address(address)
        (slot,) = (at for at in range(32) if self.state.get_storage(account, at) == int(old, 16))
        self.state.set_storage(account, slot, int(new, 16))

    @property
    def timestamp_s(self) -> int:
        return int(self.state.timestamp)

    @property
    def chain_id(self) -> int:
        return int(self.state.execution_context.chain_id)

    def _apply(self, how: str, **message: Any) -> Any:
        context = self.state.get_transaction_context_class()(gas_price=0, origin=message["sender"])
        apply = getattr(self.state.computation_class, how)
        return apply(self.state, Message(gas=10_000_000, value=0, **message), context)
