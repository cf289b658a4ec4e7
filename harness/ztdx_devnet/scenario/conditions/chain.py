"""Conditions on the chain: where deposits stand, what the vault holds, how high it is."""

from __future__ import annotations

from fractions import Fraction

from pydantic import Field

from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.scenario.conditions.condition import Condition, DepositsCondition, Look, Range
from ztdx_devnet.scenario.names import Named, deposits
from ztdx_devnet.scenario.values import (
    CURRENCIES,
    WEI,
    AmountWei,
    Currency,
    Holder,
    Name,
    decimal_text,
)
from ztdx_devnet.sim import vault
from ztdx_devnet.sim.cast import HOLDERS
from ztdx_devnet.sim.oracle import TrueDeposit
from ztdx_devnet.sim.user_acts import user_of
from ztdx_devnet.sim.world import World


class Mined(DepositsCondition):
    """Each named deposit is in a canonical block; its transaction may have failed there."""

    KEY = "mined"
    WORDS = "in a canonical block"

    def holds_for(self, world: World, name: str) -> bool:
        return _block_of(world, name) is not None


class Waiting(DepositsCondition):
    """Each named deposit waits for a block."""

    KEY = "waiting"
    WORDS = "waiting for a block"

    def holds_for(self, world: World, name: str) -> bool:
        return world.users.deposits[name].transaction_hash in world.chain.pool


class Orphaned(DepositsCondition):
    """Each named deposit stood in a block, and stands in no canonical one."""

    KEY = "orphaned"
    WORDS = "orphaned"

    def holds_for(self, world: World, name: str) -> bool:
        transaction_hash = world.users.deposits[name].transaction_hash
        stood = world.chain.inclusions.blocks(transaction_hash)
        forgotten = world.oracle.was_forgotten("0x" + transaction_hash.hex())
        return bool(stood or forgotten) and _block_of(world, name) is None


class Remined(DepositsCondition):
    """Each named deposit stands in a canonical block, and stood in another one."""

    KEY = "remined"
    WORDS = "mined again"

    def holds_for(self, world: World, name: str) -> bool:
        blocks = world.chain.inclusions.blocks(world.users.deposits[name].transaction_hash)
        return len(blocks) > 1 and _block_of(world, name) is not None


class Failed(DepositsCondition):
    """Each named deposit is in a canonical block, and its transaction failed there."""

    KEY = "failed"
    WORDS = "failed on chain"

    def holds_for(self, world: World, name: str) -> bool:
        found = world.chain.inclusions.canonical(world.users.deposits[name].transaction_hash)
        return found is not None and not found[1].succeeded


class Confirmations(Range):
    """How many blocks stand on the block of the deposit: the head less its height."""

    KEY = "confirmations"
    deposit: Name

    def look(self, world: World) -> Look:
        number = _block_of(world, self.deposit)
        seen = None if number is None else world.chain.height - number
        return self.look_at(f"confirmations of {self.deposit}", seen, "none: in no canonical block")

    def uses(self) -> list[Named]:
        return deposits([self.deposit])


class Deposited(Condition):
    """What the vault's event says of the deposit on the canonical branch: amount and account."""

    KEY = "deposited"
    deposit: Name
    amount: AmountWei
    account: Holder | None = None

    def look(self, world: World) -> Look:
        account = "" if self.account is None else f" by {self.account}"
        expected = f"{self.deposit}: {decimal_text(self.amount)} deposited{account}"
        event = _event_of(world, self.deposit)
        if event is None:
            return Look(False, expected, f"{self.deposit}: no event of the vault")
        right = self.account is None or event.account == HOLDERS[self.account]
        seen = f"{decimal_text(event.amount_wei)} deposited by {user_of(event.account)}"
        return Look(right and event.amount_wei == self.amount, expected, f"{self.deposit}: {seen}")

    def uses(self) -> list[Named]:
        return deposits([self.deposit])


class VaultBalance(Condition):
    """What the vault holds of a token, or of BNB, exactly."""

    KEY = "vault_balance"
    token: Currency = "DF"  # noqa: S105 - a symbol
    amount: AmountWei

    def look(self, world: World) -> Look:
        held_wei = vault.held_wei(world.chain, CURRENCIES[self.token])
        return Look(
            held_wei == self.amount,
            f"the vault holds {decimal_text(self.amount)} {self.token}",
            f"it holds {decimal_text(held_wei)}",
        )


class VaultSolvent(Condition):
    """The vault holds at least the DF of all confirmed rows, less what was withdrawn; or not."""

    KEY = "vault_solvent"
    SHORTHAND = "value"
    value: bool

    def look(self, world: World) -> Look:
        rows = (row for row in world.ledger.deposits if row.status == "confirmed")
        credited = sum((Fraction(row.amount) for row in rows), Fraction(0))
        withdrawn_wei = vault.withdrawn_wei(world.chain, contracts.DF_TOKEN)
        held_wei = vault.held_wei(world.chain, contracts.DF_TOKEN)
        owed_wei = max(int(credited * WEI) - withdrawn_wei, 0)
        return Look(
            (held_wei >= owed_wei) is self.value,
            f"a vault that holds {'what' if self.value else 'less than'} it owes",
            f"it holds {decimal_text(held_wei)} DF and owes {decimal_text(owed_wei)}",
        )


class VaultPaused(Condition):
    """The vault is paused, or is not."""

    KEY = "vault_paused"
    SHORTHAND = "value"
    value: bool

    def look(self, world: World) -> Look:
        words = {True: "the vault is paused", False: "the vault is not paused"}
        paused = vault.is_paused(world.chain)
        return Look(paused is self.value, words[self.value], words[paused])


class Height(Range):
    """The height of the chain."""

    KEY = "height"
    SHORTHAND = "at_least"

    def look(self, world: World) -> Look:
        return self.look_at("height", world.chain.height)


class OnBranch(Condition):
    """The canonical branch has that name."""

    KEY = "on_branch"
    SHORTHAND = "branch"
    branch: Name = Field()

    def look(self, world: World) -> Look:
        current = world.chain.branches.current
        return Look(current == self.branch, f"branch {self.branch!r}", f"branch {current!r}")

    def uses(self) -> list[Named]:
        return [Named("branch", self.branch)]


def _block_of(world: World, name: str) -> int | None:
    """The height of the canonical block that holds the deposit's transaction."""
    found = world.chain.inclusions.canonical(world.users.deposits[name].transaction_hash)
    return None if found is None else found[0].first_number


def _event_of(world: World, name: str) -> TrueDeposit | None:
    sent = world.users.deposits[name]
    events = world.oracle.canonical_at("0x" + sent.transaction_hash.hex())
    return next((event for event in events if event.ordinal == sent.ordinal), None)
