"""Verbs of the vault and its tokens: what the owner decides, what users do besides deposits."""

from __future__ import annotations

from ztdx_devnet.scenario.stage import Stage
from ztdx_devnet.scenario.values import CURRENCIES, TOKENS, AmountWei, Currency, Token, User
from ztdx_devnet.scenario.verbs.verb import Verb


class Approve(Verb):
    """A user lets the vault take that much; it replaces what was approved before."""

    KEY = "approve"
    user: User
    amount: AmountWei
    token: Token = "DF"  # noqa: S105 - a symbol

    def perform(self, stage: Stage) -> None:
        stage.world.users.approve(self.user, self.amount, TOKENS[self.token])


class Withdraw(Verb):
    """A user takes tokens out of the vault, with a voucher of its authorisation signer."""

    KEY = "withdraw"
    user: User
    amount: AmountWei
    token: Currency = "DF"  # noqa: S105 - a symbol

    def perform(self, stage: Stage) -> None:
        stage.world.users.withdraw(self.user, self.amount, CURRENCIES[self.token])


class MintTokens(Verb):
    """The owner makes tokens for a user, who starts with 1,000,000 of each."""

    KEY = "mint_tokens"
    user: User
    amount: AmountWei
    token: Token = "DF"  # noqa: S105 - a symbol

    def perform(self, stage: Stage) -> None:
        stage.world.users.mint(self.user, self.amount, TOKENS[self.token])


class PauseVault(Verb):
    """From the next block on the vault refuses deposits and withdrawals."""

    KEY = "pause_vault"

    def perform(self, stage: Stage) -> None:
        stage.world.users.pause_vault(True)


class UnpauseVault(Verb):
    """The vault takes deposits and pays withdrawals again."""

    KEY = "unpause_vault"

    def perform(self, stage: Stage) -> None:
        stage.world.users.pause_vault(False)


class RegisterToken(Verb):
    """From the next block on the vault takes deposits of that token, or of BNB."""

    KEY = "register_token"
    SHORTHAND = "token"
    token: Currency

    def perform(self, stage: Stage) -> None:
        stage.world.users.register_token(CURRENCIES[self.token], True)


class UnregisterToken(Verb):
    """From the next block on the vault refuses deposits of that token."""

    KEY = "unregister_token"
    SHORTHAND = "token"
    token: Currency

    def perform(self, stage: Stage) -> None:
        stage.world.users.register_token(CURRENCIES[self.token], False)
