"""The depositors: ten users with DF tokens who may deposit, on every server alike."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any, Protocol

import coincurve
import rlp
from eth_abi import encode

from chain.client import LIMIT_S, WrongAnswer, http_request
from chain.servers import CHAIN_ID
from ztdx_devnet.artifacts import load
from ztdx_devnet.chain.keccak import keccak256
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS, Account

SPOT_DEPOSIT_TOPIC = "0x" + contracts.SPOT_DEPOSIT_TOPIC.hex()
_AMOUNT_WEI = 10**15
_EACH_WEI = 10**24
_DEPOSIT_GAS = 300_000  # a user's first deposit writes every slot anew
_SETUP_GAS = 3_000_000
_MAX_FEE_WEI = 100 * 10**9
_TIP_WEI = 10**9
_ACCOUNTS = tuple(USERS.values())


class Caller(Protocol):
    """What answers JSON-RPC calls: a connection, or our method table in this process."""

    def call(self, method: str, *parameters: Any) -> Any: ...


class Depositors:
    """The users of one chain, where `deployed` are token and vault; else they are deployed here."""

    def __init__(self, rpc: Caller, deployed: tuple[bytes, bytes] | None) -> None:
        self.rpc = rpc
        self.token, self.vault = deployed or self._deploy()
        self._deposit_data = contracts.deposit(self.token, _AMOUNT_WEI)
        for user in _ACCOUNTS:
            self._act(user, self.token, contracts.approve(self.vault, 2**256 - 1))
        self._turns = cycle(_ACCOUNTS)

    @property
    def vault_hex(self) -> str:
        return "0x" + self.vault.hex()

    def deposit(self) -> None:
        """The next user's deposit, signed by the node, until its receipt is there."""
        sent = self._send(next(self._turns), self.vault, self._deposit_data, _DEPOSIT_GAS)
        self._receipt(sent)

    def node_signed(self, count: int) -> list[bytes]:
        """So many deposits as requests that the node signs."""
        return [
            http_request("eth_sendTransaction", self._call_of(user))
            for user in islice(cycle(_ACCOUNTS), count)
        ]

    def signed_here(self, count: int) -> list[bytes]:
        """So many deposits as requests that carry signed transactions."""
        return [
            http_request("eth_sendRawTransaction", "0x" + raw.hex())
            for raw in self.raw_deposits(count)
        ]

    def raw_deposits(self, count: int) -> Iterator[bytes]:
        nonces = {user.name: self._nonce(user) for user in _ACCOUNTS}
        for user in islice(cycle(_ACCOUNTS), count):
            yield sign(user, nonces[user.name], self.vault, self._deposit_data)
            nonces[user.name] += 1

    def log_filter(self, first_number: int, last_number: int, account: bytes = b"") -> Any:
        """A filter for the vault's deposits, of one account if it is given."""
        topics = [SPOT_DEPOSIT_TOPIC]
        if account:
            topics.append("0x" + account.rjust(32, b"\0").hex())
        return {
            "fromBlock": hex(first_number),
            "toBlock": hex(last_number),
            "address": self.vault_hex,
            "topics": topics,
        }

    def _deploy(self) -> tuple[bytes, bytes]:
        owner = _ACCOUNTS[0]
        address, pair = ["address"], (owner.address, owner.address)
        token = self._create(load("DFToken").creation + encode(address, pair[:1]))
        vault = self._create(load("ZtdxSpotVault").creation + encode(address * 2, pair))
        self._act(owner, vault, contracts.set_token_registered(token, True))
        for user in _ACCOUNTS:
            self._act(owner, token, contracts.mint(user.address, _EACH_WEI))
        return token, vault

    def _create(self, code: bytes) -> bytes:
        receipt = self._receipt(self._send(_ACCOUNTS[0], None, code, _SETUP_GAS))
        return _bytes(receipt["contractAddress"])

    def _act(self, user: Account, to: bytes, data: bytes) -> None:
        self._receipt(self._send(user, to, data, _SETUP_GAS))

    def _send(self, user: Account, to: bytes | None, data: bytes, gas: int) -> str:
        call = {"from": user.address_hex, "data": "0x" + data.hex(), "gas": hex(gas)}
        if to is not None:
            call["to"] = "0x" + to.hex()
        return str(self.rpc.call("eth_sendTransaction", call))

    def _call_of(self, user: Account) -> dict[str, str]:
        data, gas = "0x" + self._deposit_data.hex(), hex(_DEPOSIT_GAS)
        return {"from": user.address_hex, "to": self.vault_hex, "data": data, "gas": gas}

    def _receipt(self, transaction_hash: str) -> Any:
        """The receipt, asked for until it is there: anvil mines after it has answered."""
        deadline = time.perf_counter() + LIMIT_S
        while time.perf_counter() < deadline:
            receipt = self.rpc.call("eth_getTransactionReceipt", transaction_hash)
            if receipt is not None:
                if receipt["status"] != "0x1":
                    raise WrongAnswer(f"transaction {transaction_hash} failed")
                return receipt
        raise TimeoutError(f"no receipt in {LIMIT_S:.0f} s")

    def _nonce(self, user: Account) -> int:
        return int(self.rpc.call("eth_getTransactionCount", user.address_hex, "latest"), 16)


def sign(user: Account, nonce: int, to: bytes, data: bytes) -> bytes:
    """A signed dynamic-fee transaction of that user."""
    fields = [CHAIN_ID, nonce, _TIP_WEI, _MAX_FEE_WEI, _DEPOSIT_GAS, to, 0, data, []]
    key = coincurve.PrivateKey.from_hex(user.private_key[2:])
    signature = key.sign_recoverable(keccak256(b"\x02" + rlp.encode(fields)), hasher=None)
    r, s = (int.from_bytes(signature[at : at + 32], "big") for at in (0, 32))
    return b"\x02" + bytes(rlp.encode([*fields, signature[64], r, s]))


def _bytes(value: str) -> bytes:
    return bytes.fromhex(value[2:])
