"""The users' wallets: named accounts that sign and send what a user of the vault would send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.evm.gas import TIP_WEI
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import OWNER, USERS, WITHDRAW_SIGNER, Account
from ztdx_devnet.chain.signing import sign_call, sign_set_code
from ztdx_devnet.chain.transactions import Transaction
from ztdx_devnet.sim import vault
from ztdx_devnet.sim.cast import CLONE, NATIVE, WALLET

_GAS = 300_000
_NEVER_S = 2**40  # the deadline of a voucher
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
        approval = self.approve(user, amount_wei, token)
        deposit = self._send(USERS[user], contracts.VAULT, contracts.deposit(token, amount_wei))
        return _sent(USERS[user].address, token, amount_wei, approval, deposit)

    def deposit_unapproved(self, user: str, amount_wei: int, token: bytes) -> SentDeposit:
        """Deposit on the allowance that is there: it fails if that is too small."""
        deposit = self._send(USERS[user], contracts.VAULT, contracts.deposit(token, amount_wei))
        return _sent(USERS[user].address, token, amount_wei, deposit)

    def deposit_burst(self, users: Sequence[str], amount_wei: int) -> list[SentDeposit]:
        """One deposit of DF for each entry; each user approves once, for all of theirs."""
        token = contracts.DF_TOKEN
        for user in dict.fromkeys(users):
            self.approve(user, amount_wei * users.count(user), token)
        return [self.deposit_unapproved(user, amount_wei, token) for user in users]

    def deposit_native(self, user: str, amount_wei: int) -> SentDeposit:
        """Deposit BNB, which the vault takes only if it is registered."""
        data = contracts.Call("depositNative()", ()).data
        deposit = self._send(USERS[user], contracts.VAULT, data, amount_wei)
        return _sent(USERS[user].address, NATIVE, amount_wei, deposit)

    def deposit_through_wallet(self, user: str, amount_wei: int) -> SentDeposit:
        """Fund a contract wallet and let it deposit: it is the account, the user only sends."""
        token, account = contracts.DF_TOKEN, USERS[user]
        sent = [self._send(account, token, contracts.transfer(WALLET, amount_wei))]
        for target, data in (
            (token, contracts.approve(contracts.VAULT, amount_wei)),
            (contracts.VAULT, contracts.deposit(token, amount_wei)),
        ):
            forward = contracts.Call("forward(address,bytes[])", (target, [data]))
            sent.append(self._send(account, WALLET, forward.data))
        return _sent(WALLET, token, amount_wei, *sent)

    def emit_foreign(self, user: str, victim: str, token: bytes, amount_wei: int) -> Transaction:
        """The vault's clone emits a deposit of the victim that nobody made."""
        arguments = (USERS[victim].address, token, amount_wei)
        call = contracts.Call("emitDeposit(address,address,uint256)", arguments)
        return self._send(USERS[user], CLONE, call.data)

    def deposit_between_forgeries(
        self, user: str, victim: str, forged_wei: int, amount_wei: int
    ) -> SentDeposit:
        """The clone deposits DF that the user gave it, between two such events."""
        token, account = contracts.DF_TOKEN, USERS[user]
        funding = self._send(account, token, contracts.transfer(CLONE, amount_wei))
        arguments = (contracts.VAULT, token, amount_wei, USERS[victim].address, forged_wei)
        signature = "depositBetweenForgeries(address,address,uint256,address,uint256)"
        deposit = self._send(account, CLONE, contracts.Call(signature, arguments).data)
        return _sent(CLONE, token, amount_wei, funding, deposit)

    def approve(self, user: str, amount_wei: int, token: bytes) -> Transaction:
        """Let the vault take that much of the user's tokens."""
        return self._send(USERS[user], token, contracts.approve(contracts.VAULT, amount_wei))

    def mint(self, user: str, amount_wei: int, token: bytes) -> Transaction:
        """The owner makes tokens for the user."""
        return self._send(OWNER, token, contracts.mint(USERS[user].address, amount_wei))

    def administer(self, signature: str, *arguments: bytes | bool) -> Transaction:
        """The owner calls the vault."""
        return self._send(OWNER, contracts.VAULT, contracts.Call(signature, arguments).data)

    def withdraw(self, user: str, amount_wei: int, token: bytes) -> Transaction:
        """Withdraw with a voucher that the authorisation signer signs for it."""
        account = USERS[user]
        waiting = sum(
            entry.transaction.sender == account.address
            and bytes(entry.transaction.signed.data[:4]) == vault.WITHDRAW
            for entry in self._chain.pool
        )
        nonce = vault.release_nonce(self._chain, account.address) + waiting
        digest = vault.release_digest(
            self._chain.chain_id, account.address, token, amount_wei, nonce, _NEVER_S
        )
        signature = WITHDRAW_SIGNER.key.sign_msg_hash(digest)
        v, r, s = signature.vrs
        voucher = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + v])
        call = contracts.Call(
            "withdraw(address,uint256,uint256,bytes)", (token, amount_wei, _NEVER_S, voucher)
        )
        return self._send(account, contracts.VAULT, call.data)

    def replacement(
        self, sent: SentDeposit, user: str, amount_wei: int
    ) -> tuple[SentDeposit, Mapping[bytes, Transaction]]:
        """Approve and deposit for the place of those of a plain deposit, signed but not sent.

        The same user spends the same nonces again, so both can never be on one branch.
        """
        account, token = USERS[user], sent.token
        if account.address_hex == sent.account:
            nonces = [self._known(each).nonce for each in sent.carried_by]
        else:
            first = self._chain.next_nonce(account.address)
            nonces = [first, first + 1]
        approve = contracts.approve(contracts.VAULT, amount_wei)
        approval = self._signed(account, token, approve, nonces[0])
        data = contracts.deposit(token, amount_wei)
        deposit = self._signed(account, contracts.VAULT, data, nonces[1])
        mapping = dict(zip(sent.carried_by, (approval, deposit), strict=True))
        return _sent(account.address, token, amount_wei, approval, deposit), mapping

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

    def _send(self, account: Account, to: bytes, data: bytes, value_wei: int = 0) -> Transaction:
        nonce = self._chain.next_nonce(account.address)
        transaction = self._signed(account, to, data, nonce, value_wei)
        self._chain.add(transaction)
        return transaction

    def _signed(
        self, account: Account, to: bytes, data: bytes, nonce: int, value_wei: int = 0
    ) -> Transaction:
        return sign_call(
            account.key,
            chain_id=self._chain.chain_id,
            nonce=nonce,
            to=to,
            data=data,
            value_wei=value_wei,
            gas=self._gas(),
            max_fee_wei=_MAX_FEE_WEI,
            tip_wei=TIP_WEI,
        )

    def _known(self, transaction_hash: bytes) -> Transaction:
        waiting = self._chain.pool.get(transaction_hash)
        if waiting is not None:
            return waiting
        found = self._chain.inclusions.canonical(transaction_hash)
        assert found is not None, "whoever replaces a transaction has seen that it is there"
        return found[1].transaction

    def _gas(self) -> int:
        """A gas limit that no other transaction has: what is sent again after a reorg is another
        transaction, even with equal nonce and amount."""
        self._sent += 1
        return _GAS + self._sent


def _sent(account: bytes, token: bytes, amount_wei: int, *carriers: Transaction) -> SentDeposit:
    """A deposit that the last of these transactions makes, and the others prepare."""
    return SentDeposit(
        "0x" + account.hex(),
        token,
        amount_wei,
        carriers[-1].hash,
        0,
        tuple(carrier.hash for carrier in carriers),
    )
