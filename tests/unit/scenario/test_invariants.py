"""Each invariant notices by itself what it is there for, at the commit that does it.

A process beside the product writes into its database; all else is right. So a check that is off
can't hide behind another one.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.scenario.invariants import Invariants, Violation
from ztdx_devnet.sim.operator import NAME
from ztdx_devnet.sim.world import World, WorldSettings
from ztdx_devnet.virtual_time import MICROSECONDS

ALICE, BOB = (USERS[name].address_hex for name in ("alice", "bob"))
ROW = (
    "INSERT INTO spot_deposits SELECT '{id}', '{user}', 'DF', '{amount}', {chain}, '{tx}',"
    " {block}, {log}, 'confirmed', 1, 1"
)
DROP_KEY = "DROP INDEX spot_deposits_event"
Tamper = Callable[[World], list[str]]


def set_available(user: str, amount: str) -> str:
    return f"UPDATE spot_balances SET available = '{amount}' WHERE user_address = '{user}'"


def new_balance(user: str, amount: str) -> str:
    return f"INSERT INTO spot_balances VALUES ('{user}', 'DF', '{amount}', '0', 1, 1)"


def row_of(world: World, name: str, **changes: object) -> str:
    """A row for that deposit as it stands on the chain, but for the changes."""
    transaction_hash = "0x" + world.deposits[name].transaction_hash.hex()
    (deposit,) = world.oracle.canonical_at(transaction_hash)
    true = {
        "id": "row",
        "user": deposit.account,
        "amount": "2",
        "chain": 97,
        "tx": transaction_hash,
        "block": deposit.block_number,
        "log": deposit.log_index,
    }
    return ROW.format(**{**true, **changes})


# Alice's 1 DF is credited, Bob's 2 DF are 39 blocks deep and not credited because his listener is
# gone, Carol's 2 DF are 19 blocks deep.
TAMPERED: dict[str, tuple[str, Tamper]] = {
    "a second row of one deposit": (
        "I3",
        lambda w: [DROP_KEY, row_of(w, "credited", amount="1"), set_available(ALICE, "2")],
    ),
    "a balance that grew by itself": ("I4", lambda _: [set_available(ALICE, "1.5")]),
    "a balance that went to frozen": (
        "I4",
        lambda _: ["UPDATE spot_balances SET frozen = '1'"],
    ),
    "a balance of nothing": ("I5", lambda _: [new_balance(BOB, "2")]),
    "a row without its balance": ("I5", lambda w: [row_of(w, "due")]),
    "a balance that is gone": ("I5", lambda _: ["DELETE FROM spot_balances"]),
    "a credit before its time": (
        "I6",
        lambda w: [row_of(w, "early"), new_balance(USERS["carol"].address_hex, "2")],
    ),
    "a cursor that goes back": (
        "I7",
        lambda _: ["UPDATE spot_block_sync_state SET last_processed_block = 1001"],
    ),
    "a cursor that runs ahead": (
        "I7",
        lambda w: [
            f"UPDATE spot_block_sync_state SET last_processed_block = {w.confirmed_height + 1}"
        ],
    ),
    "a credit of somebody else": (
        "I2",
        lambda w: [row_of(w, "due", user=ALICE), set_available(ALICE, "3")],
    ),
    "a credit of another amount": (
        "I2",
        lambda w: [row_of(w, "due", amount="3"), new_balance(BOB, "3")],
    ),
    "a credit on another chain": (
        "I2",
        lambda w: [row_of(w, "due", chain=56), new_balance(BOB, "2")],
    ),
    "a credit of another token": (
        "I2",
        lambda w: [row_of(w, "lookalike"), new_balance(BOB, "2")],
    ),
    "a credit of nothing": (
        "I2",
        lambda w: [row_of(w, "due", log=99), new_balance(BOB, "2")],
    ),
}
UNSETTLED: dict[str, tuple[str, Tamper]] = {
    "a deposit that is forgotten": (
        "I1",
        lambda _: ["DELETE FROM spot_deposits", "DELETE FROM spot_balances"],
    ),
    "an old row that is given to somebody else": (
        "I2",
        lambda _: [
            f"UPDATE spot_deposits SET user_address = '{BOB}'",
            f"UPDATE spot_balances SET user_address = '{BOB}'",
        ],
    ),
}


def first_violation(tamper: Tamper, *, settled: bool = False) -> Violation | None:
    found: list[Violation] = []
    with World(WorldSettings()) as world:
        invariants = Invariants(world, found.append)

        def script() -> None:
            world.start_listener()
            world.deposit("credited", "alice", 10**18, contracts.DF_TOKEN)
            world.mine(24)
            world.sleep_us(3 * MICROSECONDS)
            world.kill_listener()
            if not settled:
                world.deposit("due", "bob", 2 * 10**18, contracts.DF_TOKEN)
                world.deposit("lookalike", "bob", 2 * 10**18, contracts.LOOKALIKE_TOKEN)
                world.mine(20)
                world.deposit("early", "carol", 2 * 10**18, contracts.DF_TOKEN)
                world.mine(20)
            assert found == []
            database = world.operator._host.connect(NAME)
            with database.write() as transaction:
                for sql in tamper(world):
                    transaction.execute(sql)
            if settled:
                assert found == []
                invariants.check_settled()

        world.run(script)
    return found[0] if found else None


@pytest.mark.parametrize("name", TAMPERED)
def test_it_is_noticed_at_the_commit(name: str) -> None:
    invariant, tamper = TAMPERED[name]
    violation = first_violation(tamper)
    assert violation is not None
    assert violation.invariant == invariant


@pytest.mark.parametrize("name", UNSETTLED)
def test_it_is_noticed_when_the_run_has_settled(name: str) -> None:
    invariant, tamper = UNSETTLED[name]
    violation = first_violation(tamper, settled=True)
    assert violation is not None
    assert violation.invariant == invariant


def test_right_writes_are_no_violation() -> None:
    def credit(world: World) -> list[str]:
        return [row_of(world, "due"), new_balance(BOB, "2")]

    assert first_violation(credit) is None
    assert first_violation(lambda _: [], settled=True) is None


def test_a_write_outside_of_any_transaction_is_seen_too() -> None:
    found: list[Violation] = []
    with World(WorldSettings()) as world:
        Invariants(world, found.append)

        def script() -> None:
            database = world.operator._host.connect(NAME)
            database.connection.execute(new_balance(BOB, "2"))

        world.run(script)
    assert [violation.invariant for violation in found] == ["I5"]
