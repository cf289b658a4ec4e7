"""The users' wallets: named accounts that sign and send what a user of the vault would send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.evm.gas import TIP_WEI
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS, Account
from ztdx_devnet.chain.signing import sign_call, sign_set_code
from ztdx_devnet.chain.transactions import Transaction

_GAS = 300_000
_GAS_PER_DEPOSIT = 250_000
_MAX_FEE_WEI = 10 * TIP_WEI


@dataclass(frozen=True, slots=True)
class SentDeposit:
    """A deposit that a user sent: what it says, and the transactions that carry it.

    `ordinal` is its position among the vault's SpotDeposit events of `transaction_hash`.
    """

    account: str
    token: bytes
    amount_wei: int
    transaction_hash: bytes
    ordinal: int
    carried_by: tuple[bytes, ...]


class Wallets:
    """Signs with the named users' keys and puts the transactions into the chain's pool."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._sent = 0

    def deposit(self, user: str, amount_wei: int, token: bytes = contracts.DF_TOKEN) -> SentDeposit:
        """Approve, then deposit: two transactions, as a wallet sends them."""
        account = USERS[user]
        approval = self._send(account, token, contracts.approve(contracts.VAULT, amount_wei))
        deposit = self._send(account, contracts.VAULT, contracts.deposit(token, amount_wei))
        return SentDeposit(
            account.address_hex,
            token,
            amount_wei,
            deposit.hash,
            0,
            (approval.hash, deposit.hash),
        )

    def deposit_together(self, parts: Sequence[tuple[str, int]]) -> tuple[SentDeposit, ...]:
        """Several deposits (user, wei) in one transaction, sent by the first user (EIP-7702).

        Each user's account runs DepositBatch as its own code, so each is the depositor.
        """
        token = contracts.DF_TOKEN
        sender = USERS[parts[0][0]]
        nonce = self._chain.next_nonce(sender.address)
        delegations = []
        for user in dict.fromkeys(user for user, _ in parts):
            account = USERS[user]
            own = account is sender
            authority_nonce = nonce + 1 if own else self._chain.next_nonce(account.address)
            delegations.append((account.key, contracts.DEPOSIT_BATCH, authority_nonce))
        if len(delegations) == 1:
            amounts_wei = [amount_wei for _, amount_wei in parts]
            to = sender.address
            data = contracts.deposit_many(contracts.VAULT, token, amounts_wei)
        else:
            to = contracts.DEPOSIT_BATCH
            accounts = [USERS[user].address for user, _ in parts]
            data = contracts.relay(contracts.VAULT, token, accounts, [wei for _, wei in parts])
        transaction = sign_set_code(
            sender.key,
            chain_id=self._chain.chain_id,
            nonce=nonce,
            to=to,
            data=data,
            gas=_GAS_PER_DEPOSIT * len(parts) + self._gas(),
            max_fee_wei=_MAX_FEE_WEI,
            tip_wei=TIP_WEI,
            delegations=delegations,
        )
        self._chain.add(transaction)
        return tuple(
            SentDeposit(
                USERS[user].address_hex, token, wei, transaction.hash, i, (transaction.hash,)
            )
            for i, (user, wei) in enumerate(parts)
        )

    def transfer_to_vault(self, user: str, amount_wei: int) -> Transaction:
        """A plain ERC-20 transfer: tokens that arrive without a deposit."""
        return self._send(
            USERS[user], contracts.DF_TOKEN, contracts.transfer(contracts.VAULT, amount_wei)
        )

    def _send(self, account: Account, to: bytes, data: bytes) -> Transaction:
        transaction = sign_call(
            account.key,
            chain_id=self._chain.chain_id,
            nonce=self._chain.next_nonce(account.address),
            to=to,
            data=data,
            gas=self._gas(),
            max_fee_wei=_MAX_FEE_WEI,
            tip_wei=TIP_WEI,
        )
        self._chain.add(transaction)
        return transaction

    def _gas(self) -> int:
        """A gas limit that no other transaction has: what is sent again after a reorg is another
        transaction, even with equal nonce and amount."""
        self._sent += 1
        return _GAS + self._sent
