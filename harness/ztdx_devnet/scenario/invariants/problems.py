"""What an invariant says when it does not hold, and how rows and deposits are shown in it.

Numbers are those of the documentation (docs/scenarios.md).
"""

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

SENTENCES = {
    "I1": "every confirmed deposit of the vault has exactly one row",
    "I2": "every row is a canonical deposit: same account, token, amount and position",
    "I3": "no deposit is credited twice",
    "I4": "a balance is the sum of its confirmed deposits and admin credits, less its debits",
    "I5": "no row without its balance, no balance without its rows",
    "I6": "nothing is credited before its block is deep enough",
    "I7": "the cursor goes back only behind a reorg and never passes the highest confirmed block",
    "I10": "once faults are lifted the listener catches up",
    "I18": "history is only added to: no row goes, none becomes another deposit, none moves unseen",
}


class Problem(NamedTuple):
    """An invariant that does not hold now, and both values."""

    invariant: str
    expected: str
    actual: str


Problems = Iterator[Problem]


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold, and the first virtual instant at which it did not."""

    invariant: str
    at_us: int
    expected: str
    actual: str


def decimal(value: Fraction) -> str:
    """Exact decimal text; admin credits may have more places than wei."""
    sign, value, places = "-" if value < 0 else "", abs(value), 0
    while (value * 10**places).denominator != 1:
        places += 1
    digits = str(int(value * 10**places)).rjust(places + 1, "0")
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)


def row_text(row: DepositRow) -> str:
    return (
        f"{row.amount} {row.token} of {user_of(row.user)} "
        f"at block {row.block_number}, log {row.log_index}"
    )


def deposit_text(deposit: TrueDeposit) -> str:
    token = "DF" if deposit.token == contracts.DF_TOKEN else "0x" + deposit.token.hex()
    return (
        f"{decimal(Fraction(deposit.amount_wei, WEI))} {token} of {user_of(deposit.account)} "
        f"at block {deposit.block_number}, log {deposit.log_index}"
    )
