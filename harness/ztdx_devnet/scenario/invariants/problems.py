"""What an invariant says when it does not hold, and how rows and deposits are shown in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.scenario.values import WEI
from ztdx_devnet.sim.ledger_reader import DepositRow
from ztdx_devnet.sim.oracle import TrueDeposit
from ztdx_devnet.sim.user_acts import user_of


class Problem(NamedTuple):
    """Both values of something that does not hold now. `invariant` is filled in by the watch."""

    expected: str
    actual: str
    invariant: str = ""


Problems = Iterator[Problem]


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold, and the first virtual instant at which it did not."""

    invariant: str
    at_us: int
    expected: str
    actual: str


def decimal(value: Fraction) -> str:
    """The one text of an amount: exact, no zero in front or at the end that says nothing."""
    sign, value, places = "-" if value < 0 else "", abs(value), 0
    while (value * 10**places).denominator != 1:
        places += 1
    digits = str(int(value * 10**places)).rjust(places + 1, "0")
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)


def amount_text(amount_wei: int) -> str:
    """As `decimal`, of an amount in wei."""
    return decimal(Fraction(amount_wei, WEI))


def row_text(row: DepositRow) -> str:
    return (
        f"{row.amount} {row.token} of {user_of(row.user)} "
        f"at block {row.block_number}, log {row.log_index}"
    )


def deposit_text(deposit: TrueDeposit) -> str:
    token = "DF" if deposit.token == contracts.DF_TOKEN else "0x" + deposit.token.hex()
    return (
        f"{amount_text(deposit.amount_wei)} {token} of {user_of(deposit.account)} "
        f"at block {deposit.block_number}, log {deposit.log_index}"
    )


def balance_label(key: tuple[str, str]) -> str:
    return f"{user_of(key[0])}'s {key[1]}"
