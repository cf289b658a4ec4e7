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

    @property
    def chain_id(self) -> int:
        return int(self.state.execution_context.chain_id)

    def _apply(self, how: str, **message: Any) -> Any:
        context = self.state.get_transaction_context_class()(gas_price=0, origin=message["sender"])
        apply = getattr(self.state.computation_class, how)
        return apply(self.state, Message(gas=10_000_000, value=0, **message), context)
