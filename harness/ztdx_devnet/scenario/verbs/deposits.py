"""Verbs of the users: deposits of every kind, transfers that are none, and spending."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated

from pydantic import Field

from ztdx_devnet.chain.errors import TransactionRefused
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.scenario.names import Named, deposits, tokens
from ztdx_devnet.scenario.stage import ExpectationFailed, Stage, StepImpossible
from ztdx_devnet.scenario.strict import Strict
from ztdx_devnet.scenario.values import (
    TOKENS,
    WEI,
    AmountWei,
    DurationUs,
    Name,
    PositiveAmountWei,
    Token,
    User,
    decimal_text,
)
from ztdx_devnet.scenario.verbs.verb import Verb
from ztdx_spot.errors import DebitError


class Deposit(Verb):
    """A user approves and deposits: two transactions, in the next block.

    With `approved: false` only the deposit is sent, on the allowance that is there: without one its
    transaction fails. So it does for an amount of 0 and for more than the user has.
    """

    KEY = "deposit"
    name: Name = Field(alias="as")
    user: User
    amount: AmountWei
    token: Token = "DF"  # noqa: S105 - a symbol
    approved: bool = True

    def perform(self, stage: Stage) -> None:
        users = stage.world.users
        send = users.deposit if self.approved else users.deposit_unapproved
        send(self.name, self.user, self.amount, TOKENS[self.token])

    def defines(self) -> list[Named]:
        return deposits([self.name])


class _OtherDeposit(Verb):
    """A deposit of something that is not DF: the vault takes it, nobody is credited."""

    name: Name = Field(alias="as")
    user: User
    amount: AmountWei

    def defines(self) -> list[Named]:
        return deposits([self.name])


class DepositOtherToken(_OtherDeposit):
    """A deposit of the token OTHER, which is registered and answers nothing to a transfer."""

    KEY = "deposit_other_token"

    def perform(self, stage: Stage) -> None:
        stage.world.users.deposit(self.name, self.user, self.amount, TOKENS["OTHER"])


class DepositLookalike(_OtherDeposit):
    """A deposit of the token that looks like DF: same name, symbol and decimals."""

    KEY = "deposit_lookalike"

    def perform(self, stage: Stage) -> None:
        stage.world.users.deposit(self.name, self.user, self.amount, TOKENS["LOOKALIKE"])


class FeeTokenDeposit(_OtherDeposit):
    """A deposit of the token FEE, which burns 1 % on the way: the event has what arrived."""

    KEY = "fee_token_deposit"

    def perform(self, stage: Stage) -> None:
        stage.world.users.deposit(self.name, self.user, self.amount, TOKENS["FEE"])


class DepositNative(_OtherDeposit):
    """A deposit of BNB; its transaction fails unless BNB is registered.

    Nobody can send more than there is: each user has 10,000 BNB, for gas too.
    """

    KEY = "deposit_native"

    def perform(self, stage: Stage) -> None:
        try:
            stage.world.users.deposit_native(self.name, self.user, self.amount)
        except TransactionRefused as error:
            amount = decimal_text(self.amount)
            raise StepImpossible(f"{self.user} can't send {amount} BNB: {error}") from error


class DepositThroughWallet(Verb):
    """The user funds the contract `wallet`, which approves and deposits: three transactions.

    The wallet is the account that is credited; the user only sends.
    """

    KEY = "deposit_through_wallet"
    name: Name = Field(alias="as")
    user: User
    amount: AmountWei

    def perform(self, stage: Stage) -> None:
        stage.world.users.deposit_through_wallet(self.name, self.user, self.amount)

    def defines(self) -> list[Named]:
        return deposits([self.name])


class RealDeposit(Strict):
    """A real deposit between two forged events."""

    name: Name = Field(alias="as")
    amount: AmountWei


class ForeignEvent(Verb):
    """The vault's clone emits a SpotDeposit of `victim` that nobody made; `user` sends it.

    With `around`, the clone also makes a real deposit of DF in the same transaction, between two
    forged events; the account of that one is `clone`, and the user gives it the tokens.
    """

    KEY = "foreign_event"
    user: User
    victim: User
    amount: AmountWei
    around: RealDeposit | None = None

    def perform(self, stage: Stage) -> None:
        users, real = stage.world.users, self.around
        if real is None:
            users.emit_foreign(self.user, self.victim, TOKENS["DF"], self.amount)
        else:
            users.deposit_between_forgeries(
                real.name, self.user, self.victim, self.amount, real.amount
            )

    def defines(self) -> list[Named]:
        return deposits([] if self.around is None else [self.around.name])


class Part(Strict):
    """One deposit within a transaction."""

    name: Name = Field(alias="as")
    user: User
    amount: AmountWei


class MultiDeposit(Verb):
    """Several deposits in one transaction, which the first user sends."""

    KEY = "multi_deposit"
    SHORTHAND = "parts"
    parts: Annotated[list[Part], Field(min_length=2, max_length=64)]

    def perform(self, stage: Stage) -> None:
        stage.world.users.deposit_together(
            [part.name for part in self.parts], [(part.user, part.amount) for part in self.parts]
        )

    def defines(self) -> list[Named]:
        return deposits(part.name for part in self.parts)


class DepositSeries(Verb):
    """`count` deposits named as-1, as-2, …, by the users in turn, `every_blocks` blocks apart.

    With `every_blocks: 0` all wait for the next block; then each user approves once, for all.
    """

    KEY = "deposit_series"
    name: Name = Field(alias="as")
    users: Annotated[list[User], Field(min_length=1)]
    amount: AmountWei
    count: Annotated[int, Field(ge=1, le=10_000)]
    every_blocks: Annotated[int, Field(ge=0, le=10_000_000)]

    def perform(self, stage: Stage) -> None:
        names = self._names()
        users = [self.users[i % len(self.users)] for i in range(self.count)]
        if self.every_blocks == 0:
            stage.world.users.deposit_burst(names, users, self.amount)
            return
        for name, user in zip(names, users, strict=True):
            stage.world.users.deposit(name, user, self.amount, TOKENS["DF"])
            stage.world.blocks.mine(self.every_blocks)

    def defines(self) -> list[Named]:
        return deposits(self._names())

    def blocks_at_most(self, block_time_us: int) -> int:
        return self.count * (self.every_blocks + 1)

    def _names(self) -> list[str]:
        return [f"{self.name}-{i}" for i in range(1, self.count + 1)]


class TransferToVault(Verb):
    """A plain token transfer to the vault: nobody's deposit."""

    KEY = "transfer_to_vault"
    user: User
    amount: AmountWei

    def perform(self, stage: Stage) -> None:
        stage.world.users.transfer_to_vault(self.user, self.amount)


class Debit(Verb):
    """A user spends: that much leaves the available balance, or the step fails.

    The user may wait for the money `within` that long.
    """

    KEY = "debit"
    user: User
    amount: PositiveAmountWei
    token: str = "DF"  # noqa: S105 - a symbol
    within: DurationUs | None = None

    def perform(self, stage: Stage) -> None:
        amount = decimal_text(self.amount)
        if self.within is not None:
            stage.world.wait_until(lambda: stage.broken or self._has_it(stage), self.within)
        try:
            stage.world.product.debit(self.user, self.token, amount)
        except DebitError as error:
            raise ExpectationFailed(
                "debit", f"{amount} {self.token} of {self.user} to spend", str(error)
            ) from error

    def _has_it(self, stage: Stage) -> bool:
        key = (USERS[self.user].address_hex, self.token)
        return Fraction(stage.world.ledger.available.get(key, "0")) * WEI >= self.amount

    def uses(self) -> list[Named]:
        return tokens(self.token)
