"""What users do: they deposit, by names that a scenario knows, and send what is no deposit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.errors import ReorgImpossible
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.chain.transactions import Transaction
from ztdx_devnet.sim.cast import HOLDERS
from ztdx_devnet.sim.wallets import SentDeposit, Wallets


@dataclass(frozen=True, slots=True)
class Replacement:
    """A reorg puts another deposit, called `name`, in the place of `deposit`.

    None: by the same user, of the same amount.
    """

    deposit: str
    name: str
    user: str | None = None
    amount_wei: int | None = None


class UserActs:
    """Acts of the named users. `deposits` holds each deposit that was sent, by its name."""

    def __init__(self, chain: Chain, record: Callable[..., object]) -> None:
        self._wallets = Wallets(chain)
        self._record = record
        self.deposits: dict[str, SentDeposit] = {}

    def deposit(self, name: str, user: str, amount_wei: int, token: bytes) -> None:
        """Approve and deposit: two transactions, in the next block."""
        self._remember(name, self._wallets.deposit(user, amount_wei, token))

    def deposit_unapproved(self, name: str, user: str, amount_wei: int, token: bytes) -> None:
        """Deposit on the allowance that is there."""
        self._remember(name, self._wallets.deposit_unapproved(user, amount_wei, token))

    def deposit_burst(self, names: Sequence[str], users: Sequence[str], amount_wei: int) -> None:
        """Many deposits of DF, by the users one for one with the names, for one block."""
        sent = self._wallets.deposit_burst(users, amount_wei)
        for name, one in zip(names, sent, strict=True):
            self._remember(name, one)

    def deposit_native(self, name: str, user: str, amount_wei: int) -> None:
        """Deposit BNB."""
        self._remember(name, self._wallets.deposit_native(user, amount_wei))

    def deposit_through_wallet(self, name: str, user: str, amount_wei: int) -> None:
        """Fund the contract wallet and let it deposit."""
        self._remember(name, self._wallets.deposit_through_wallet(user, amount_wei), sender=user)

    def emit_foreign(self, user: str, victim: str, token: bytes, amount_wei: int) -> None:
        """The vault's clone emits a deposit of the victim that nobody made."""
        sent = self._wallets.emit_foreign(user, victim, token, amount_wei)
        self._note(user, "foreign event", sent, victim=victim, wei=str(amount_wei))

    def deposit_between_forgeries(
        self, name: str, user: str, victim: str, forged_wei: int, amount_wei: int
    ) -> None:
        """The clone deposits, between two such events in the same transaction."""
        sent = self._wallets.deposit_between_forgeries(user, victim, forged_wei, amount_wei)
        self._remember(name, sent, sender=user, victim=victim, forged_wei=str(forged_wei))

    def deposit_together(self, names: Sequence[str], parts: Sequence[tuple[str, int]]) -> None:
        """Several deposits (user, wei) in one transaction."""
        sent = self._wallets.deposit_together(parts)
        for name, one in zip(names, sent, strict=True):
            self._remember(name, one)

    def transfer_to_vault(self, user: str, amount_wei: int) -> None:
        """A plain token transfer: nobody's deposit."""
        sent = self._wallets.transfer_to_vault(user, amount_wei)
        self._note(user, "transfer", sent, wei=str(amount_wei))

    def approve(self, user: str, amount_wei: int, token: bytes) -> None:
        """Let the vault take that much of the user's tokens."""
        sent = self._wallets.approve(user, amount_wei, token)
        self._note(user, "approve", sent, token="0x" + token.hex(), wei=str(amount_wei))

    def withdraw(self, user: str, amount_wei: int, token: bytes) -> None:
        """Withdraw with a voucher of the authorisation signer."""
        sent = self._wallets.withdraw(user, amount_wei, token)
        self._note(user, "withdraw", sent, token="0x" + token.hex(), wei=str(amount_wei))

    def mint(self, user: str, amount_wei: int, token: bytes) -> None:
        """The owner makes tokens for the user."""
        sent = self._wallets.mint(user, amount_wei, token)
        self._note("owner", "mint", sent, user=user, token="0x" + token.hex(), wei=str(amount_wei))

    def pause_vault(self, paused: bool) -> None:
        """The owner stops deposits and withdrawals, or lets them go on."""
        word = "pause" if paused else "unpause"
        self._note("owner", word, self._wallets.administer(f"{word}()"))

    def register_token(self, token: bytes, registered: bool) -> None:
        """The owner opens or closes deposits of a token."""
        sent = self._wallets.administer("setTokenRegistered(address,bool)", token, registered)
        word = "register" if registered else "unregister"
        self._note("owner", word, sent, token="0x" + token.hex())

    def replace(self, wanted: Replacement) -> Mapping[bytes, Transaction]:
        """The transactions of the replacement, by those whose place they take in a reorg.

        Raises ReorgImpossible for what is no plain deposit.
        """
        sent = self.deposits[wanted.deposit]
        user = user_of(sent.account)
        if user not in USERS or len(sent.carried_by) != 2:
            raise ReorgImpossible(
                f"{wanted.deposit!r} can't be replaced: only a deposit with its own approval can"
            )
        amount_wei = sent.amount_wei if wanted.amount_wei is None else wanted.amount_wei
        other, transactions = self._wallets.replacement(sent, wanted.user or user, amount_wei)
        self._remember(wanted.name, other, replaces=wanted.deposit)
        return transactions

    def carriers(self, names: Sequence[str]) -> list[bytes]:
        """The transactions that carry these deposits."""
        return [h for name in names for h in self.deposits[name].carried_by]

    def _note(self, actor: str, kind: str, sent: Transaction, **details: object) -> None:
        self._record(actor, kind, transaction="0x" + sent.hash.hex(), **details)

    def _remember(self, name: str, sent: SentDeposit, **details: object) -> None:
        self.deposits[name] = sent
        self._record(
            user_of(sent.account),
            "deposit",
            name=name,
            token="0x" + sent.token.hex(),
            wei=str(sent.amount_wei),
            transaction="0x" + sent.transaction_hash.hex(),
            ordinal=sent.ordinal,
            **details,
        )


def user_of(address: str) -> str:
    """The name of the user or contract with that address, or the address itself."""
    return next((name for name, known in HOLDERS.items() if known == address), address)
