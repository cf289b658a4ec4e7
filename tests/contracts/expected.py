"""What a contract answers, in bytes: errors, reverts and logs, encoded apart from the compiler."""

from ast import literal_eval
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import artifacts
import pytest
from ape.exceptions import ContractLogicError
from eth_abi import encode
from eth_utils import keccak, to_bytes
from web3.exceptions import ContractPanicError

NATIVE = "0x0000000000000000000000000000000000000000"
ANSWERED_TRUE = encode(["bool"], [True])
ANSWERED_FALSE = encode(["bool"], [False])
# What Solidity reverts with when a sum or a difference does not fit.
ARITHMETIC_PANIC = keccak(text="Panic(uint256)")[:4] + encode(["uint256"], [0x11])
SPOT_DEPOSIT_TOPIC = "0x2a567932661c755b8fdbf4932cdfa2600eca2314a0093c83b57e78b3362f9c6d"


def error(name: str, *arguments: Any) -> bytes:
    """Revert data of an error of the list in contracts/artifacts.py."""
    types = [kind for kind, _ in artifacts.ERRORS[name]]
    return selector(name) + encode(types, [plain(argument) for argument in arguments])


def selector(name: str) -> bytes:
    types = ",".join(kind for kind, _ in artifacts.ERRORS[name])
    return keccak(text=f"{name}({types})")[:4]


def domain_separator(chain_id: int, vault: str) -> bytes:
    """EIP-712 domain hash of the vault's documented domain."""
    kind = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    hashes = [keccak(text=text) for text in (kind, "ZTDX Spot Vault", "1")]
    types = ["bytes32", "bytes32", "bytes32", "uint256", "address"]
    return keccak(encode(types, [*hashes, chain_id, vault]))


@contextmanager
def reverts(name: str, *arguments: Any) -> Iterator[None]:
    with reverts_with(error(name, *arguments)):
        yield


@contextmanager
def reverts_with(data: bytes) -> Iterator[None]:
    with pytest.raises(ContractLogicError) as caught:
        yield
    assert revert_data(caught.value).hex() == data.hex()


def revert_data(failure: ContractLogicError) -> bytes:
    """eth-tester hands revert data on as the repr of bytes, except an Error(string), which it
    decodes, and a Panic(uint256), which web3 explains."""
    if isinstance(failure.base_err, ContractPanicError):
        return to_bytes(hexstr=failure.base_err.data)
    text = str(failure.base_err).removeprefix("execution reverted: ")
    if text.startswith(("b'", 'b"')):
        return bytes(literal_eval(text))
    return keccak(text="Error(string)")[:4] + encode(["string"], [text])


def code_of(bytecode: Any) -> bytes:
    """Bytes of a contract type's deployment or runtime bytecode."""
    return to_bytes(hexstr=str(bytecode.bytecode))


def logs_of(receipt: Any, contract: Any) -> list[tuple[list[str], str]]:
    """(topics, data) of each log that `contract` wrote, in order."""
    return [
        (["0x" + bytes(topic).hex() for topic in log["topics"]], "0x" + bytes(log["data"]).hex())
        for log in receipt.logs
        if log["address"].lower() == plain(contract).lower()
    ]


def log(signature: str, *indexed: Any, data: str = "0x") -> tuple[list[str], str]:
    topics = ["0x" + keccak(text=signature).hex(), *(word(value) for value in indexed)]
    return topics, data


def spot_deposit(account: Any, token: Any, amount_wei: int) -> tuple[list[str], str]:
    return [SPOT_DEPOSIT_TOPIC, word(account), word(token)], word(amount_wei)


def spot_withdrawal(account: Any, token: Any, amount_wei: int, nonce: int) -> tuple[list[str], str]:
    signature = "SpotWithdrawal(address,address,uint256,uint256)"
    return log(signature, account, token, data=word(amount_wei) + word(nonce)[2:])


def word(value: Any) -> str:
    """32 bytes, as an argument of an event is written."""
    number = value if isinstance(value, int) else int(plain(value), 16)
    return "0x" + number.to_bytes(32, "big").hex()


def plain(value: Any) -> Any:
    """The address of an account or a contract; anything else as it is."""
    return str(getattr(value, "address", value)) if not isinstance(value, int | bytes) else value
