"""Verbs of the users: deposits of every kind, transfers that are none, and spending."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ztdx_devnet.scenario.stage import ExpectationFailed, Stage
from ztdx_devnet.scenario.values import (
    TOKENS,
    AmountWei,
    Blocks,
    Name,
    Token,
    User,
    decimal_text,
)
from ztdx_devnet.scenario.verbs.verb import Verb
from ztdx_spot.errors import DebitError


class Deposit(Verb):
    """A user approves and deposits: two transactions, in the next block."""

    KEY = "deposit"
    name: Name = Field(alias="as")
    user: User
    amount: AmountWei
    token: Token = "DF"  # noqa: S105 - a symbol

    def perform(self, stage: Stage) -> None:
        stage.world.users.deposit(self.name, self.user, self.amount, TOKENS[self.token])

    def defines(self) -> list[str]:
        return [self.name]


class Part(BaseModel):
    """One deposit within a transaction."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
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

    def defines(self) -> list[str]:
        return [part.name for part in self.parts]


class DepositSeries(Verb):
    """`count` deposits named as-1, as-2, …, by the users in turn, `every_blocks` blocks apart."""

    KEY = "deposit_series"
    name: Name = Field(alias="as")
    users: Annotated[list[User], Field(min_length=1)]
    amount: AmountWei
    count: Annotated[int, Field(ge=1, le=10_000)]
    every_blocks: Blocks

    def perform(self, stage: Stage) -> None:
        for i, name in enumerate(self.defines()):
            user = self.users[i % len(self.users)]
            stage.world.users.deposit(name, user, self.amount, TOKENS["DF"])
            stage.world.blocks.mine(self.every_blocks)

    def defines(self) -> list[str]:
        return [f"{self.name}-{i}" for i in range(1, self.count + 1)]

    def blocks_at_most(self, block_time_us: int) -> int:
        return self.count * (self.every_blocks + 1)


class TransferToVault(Verb):
    """A plain token transfer to the vault: nobody's deposit."""

    KEY = "transfer_to_vault"
    user: User
    amount: AmountWei

    def perform(self, stage: Stage) -> None:
        stage.world.users.transfer_to_vault(self.user, self.amount)


class Debit(Verb):
    """A user spends: that much leaves the available balance, or the step fails."""

    KEY = "debit"
    user: User
    amount: AmountWei
    token: str = "DF"  # noqa: S105 - a symbol

    def perform(self, stage: Stage) -> None:
        amount = decimal_text(self.amount)
        try:
            stage.world.product.debit(self.user, self.token, amount)
        except DebitError as error:
            raise ExpectationFailed(
                "debit", f"{amount} {self.token} of {self.user} to spend", str(error)
            ) from error
