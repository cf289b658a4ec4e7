"""What users do: they deposit, by names that a scenario knows, and send what is no deposit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.sim.wallets import SentDeposit, Wallets


class UserActs:
    """Acts of the named users. `deposits` holds each deposit that was sent, by its name."""

    def __init__(self, chain: Chain, record: Callable[..., object]) -> None:
        self._wallets = Wallets(chain)
        self._record = record
        self.deposits: dict[str, SentDeposit] = {}

    def deposit(self, name: str, user: str, amount_wei: int, token: bytes) -> None:
        """Approve and deposit: two transactions, in the next block."""
        self._remember(name, self._wallets.deposit(user, amount_wei, token))

    def deposit_together(self, names: Sequence[str], parts: Sequence[tuple[str, int]]) -> None:
        """Several deposits (user, wei) in one transaction."""
        sent = self._wallets.deposit_together(parts)
        for name, one in zip(names, sent, strict=True):
            self._remember(name, one)

    def transfer_to_vault(self, user: str, amount_wei: int) -> None:
        """A plain token transfer: nobody's deposit."""
        sent = self._wallets.transfer_to_vault(user, amount_wei)
        self._record(user, "transfer", transaction="0x" + sent.hash.hex(), wei=str(amount_wei))

    def carriers(self, names: Sequence[str]) -> list[bytes]:
        """The transactions that carry these deposits."""
        return [h for name in names for h in self.deposits[name].carried_by]

    def _remember(self, name: str, sent: SentDeposit) -> None:
        self.deposits[name] = sent
        self._record(
            user_of(sent.account),
            "deposit",
            name=name,
            token="0x" + sent.token.hex(),
            wei=str(sent.amount_wei),
            transaction="0x" + sent.transaction_hash.hex(),
            ordinal=sent.ordinal,
        )


def user_of(address: str) -> str:
    """The name of the user with that address, or the address itself."""
    return next((name for name, user in USERS.items() if user.address_hex == address), address)
