"""A devnet: a chain that runs by itself, with accounts that it signs for and a miner."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from eth_keys.datatypes import PrivateKey

from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.errors import UnknownAccount
from ztdx_devnet.chain.mining import Mining
from ztdx_devnet.chain.origin.accounts import OWNER, USERS, WITHDRAW_SIGNER, Account
from ztdx_devnet.chain.origin.deployment import TESTNET, Deployment
from ztdx_devnet.chain.signing import Unsigned, impersonate, sign
from ztdx_devnet.chain.transactions import Transaction

ACCOUNTS = (*USERS.values(), OWNER, WITHDRAW_SIGNER)


class FaultControl(Protocol):
    """Makes answers wrong on request. Whoever serves the devnet has one; the chain knows no faults.

    `arm` takes a step of a scenario and gives the fault's name; `listed` tells of all that were
    armed; `clear` ends and forgets them, and tells of them for the last time. Each may raise
    RpcError.
    """

    def arm(self, step: Any) -> str: ...

    def listed(self) -> list[dict[str, Any]]: ...

    def clear(self) -> list[dict[str, Any]]: ...


class Devnet:
    """One chain, its miner, and the accounts that it can send from.

    `impersonated` are addresses that it sends from without a key; with `impersonates_all`, any.
    `faults` is None where nobody could make an answer wrong.
    """

    def __init__(
        self,
        chain: Chain | None = None,
        mining: Mining | None = None,
        accounts: Iterable[Account] = ACCOUNTS,
        deployment: Deployment = TESTNET,
    ) -> None:
        chain = chain or Chain()
        self.chain = chain
        self.deployment = deployment
        self.mining = mining or Mining(chain)
        self.accounts = {account.address: account for account in accounts}
        self.impersonated: set[bytes] = set()
        self.impersonates_all = False
        self.logs_requests = False
        self.faults: FaultControl | None = None

    def key(self, address: bytes) -> PrivateKey:
        """The key of one of its accounts. Raises UnknownAccount."""
        account = self.accounts.get(address)
        if account is None:
            raise UnknownAccount(f"unknown account 0x{address.hex()}")
        return account.key

    def can_send_from(self, address: bytes) -> bool:
        """Whether it has the key of that account, or impersonates it."""
        return self.impersonates_all or address in self.impersonated or address in self.accounts

    def authorize(self, unsigned: Unsigned, sender: bytes) -> Transaction:
        """Sign for one of its accounts, or impersonate. Raises UnknownAccount."""
        if sender in self.impersonated or (self.impersonates_all and sender not in self.accounts):
            return impersonate(unsigned, sender)
        return sign(unsigned, self.key(sender))

    def submit(self, transaction: Transaction) -> None:
        """Put a transaction into the pool and, if that is the mode, into a block.

        Raises TransactionRefused.
        """
        self.chain.add(transaction)
        self.mining.transaction_added()
