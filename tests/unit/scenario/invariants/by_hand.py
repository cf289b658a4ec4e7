"""A ledger that is written by hand, statement by statement, on a chain that is played by hand.

All is right but one thing: a check that is off can't hide behind another one, and nothing of the
product is taken on trust.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.scenario.invariants import Invariants, Violation
from ztdx_devnet.scenario.values import WEI
from ztdx_devnet.sim.operator import NAME
from ztdx_devnet.sim.product import Debit
from ztdx_devnet.sim.world import World, WorldSettings
from ztdx_devnet.virtual_time import MICROSECONDS

ALICE, BOB, CAROL = (USERS[name].address_hex for name in ("alice", "bob", "carol"))
DROP_KEYS = ["DROP INDEX spot_deposits_log", "DROP INDEX spot_deposits_event"]
NOW = 1_111_111_111
"""Stands for the second in which a statement is executed."""
_PLACE = {"block_number", "log_index", "block_hash"}
Write = Callable[[World], Sequence[str]]
Program = Callable[..., Any]
"""A listener in the product's place: of settings, transport, clock, entropy and database."""


# --- statements -----------------------------------------------------------------------------------


def insert(table: str, **values: object) -> str:
    shown = ", ".join("NULL" if v is None else f"'{v}'" for v in values.values())
    return f"INSERT INTO {table} ({', '.join(values)}) VALUES ({shown})"


def set_available(user: str, amount: str) -> str:
    """A balance is another one, by no entry."""
    return f"UPDATE spot_balances SET available = '{amount}' WHERE user_address = '{user}'"


def move_balance(user: str, amount: str) -> str:
    """A balance is another one by the entry that is written now."""
    return (
        f"UPDATE spot_balances SET available = '{amount}', updated_at = {NOW}"
        f" WHERE user_address = '{user}'"
    )


def new_balance(user: str, amount: str) -> str:
    balance = {"available": amount, "frozen": "0", "created_at": NOW, "updated_at": NOW}
    return insert("spot_balances", user_address=user, token="DF", **balance)


def place_of(world: World, name: str) -> dict[str, object]:
    transaction_hash = "0x" + world.users.deposits[name].transaction_hash.hex()
    deposit = world.oracle.canonical_at(transaction_hash)[0]
    return {
        "block_number": deposit.block_number,
        "log_index": deposit.log_index,
        "block_hash": deposit.block_hash,
    }


def row(world: World, name: str, **changes: object) -> str:
    """A row for that deposit as it stands on the chain, but for the changes."""
    sent = world.users.deposits[name]
    true = {
        "id": name,
        "user_address": sent.account,
        "token": "DF",
        "amount": sent.amount_wei // WEI,
        "chain_id": 97,
        "tx_hash": "0x" + sent.transaction_hash.hex(),
        "status": "confirmed",
        "created_at": NOW,
        "confirmed_at": NOW,
        "event_ordinal": 0,
        **place_of(world, name),
    }
    return insert("spot_deposits", **{**true, **changes})


def sighting(world: World, name: str, act: str, **changes: object) -> str:
    seen = {**place_of(world, name), "created_at": NOW, **changes}
    return insert("spot_deposit_sightings", deposit_id=name, act=act, **seen)


def entry(user: str, kind: str, amount: str, available: str, deposit: str | None = None) -> str:
    return insert(
        "spot_ledger_entries",
        user_address=user,
        token="DF",
        kind=kind,
        amount=amount,
        available=available,
        frozen="0",
        deposit_id=deposit,
        created_at=NOW,
    )


def spend(world: World, user: str, amount: str, available: str) -> list[str]:
    """Everything that a debit writes that the operator asked for; `available` is left."""
    world.product.debits.append(Debit(user, "DF", amount))
    return [entry(user, "debit", f"-{amount}", available), move_balance(user, available)]


def credit(world: World, name: str, **changes: object) -> list[str]:
    """Everything that a first credit writes; changes are of the row."""
    user = str(changes.get("user_address", world.users.deposits[name].account))
    amount = str(changes.get("amount", world.users.deposits[name].amount_wei // WEI))
    return [
        row(world, name, **changes),
        sighting(world, name, "credited", **{k: changes[k] for k in _PLACE & changes.keys()}),
        entry(user, "deposit", amount, amount, name),
        new_balance(user, amount),
    ]


def reverse(world: World, name: str, amount: str, available: str) -> list[str]:
    """Everything that a reversal writes; the balance after it is `available`."""
    user = world.users.deposits[name].account
    return [
        f"UPDATE spot_deposits SET status = 'orphaned' WHERE id = '{name}'",
        sighting(world, name, "orphaned"),
        entry(user, "reversal", f"-{amount}", available, name),
        move_balance(user, available),
    ]


def cursor(world: World, block_number: int) -> str:
    place = world.chain.tree.at(block_number)
    kept = "NULL" if place is None else f"'0x{place.hash.hex()}'"
    return (
        f"UPDATE spot_block_sync_state SET last_processed_block = {block_number},"
        f" last_processed_hash = {kept}, updated_at = {NOW}"
    )


def delete(*tables: str) -> list[str]:
    return [f"DELETE FROM {table}" for table in tables]


# --- worlds ---------------------------------------------------------------------------------------


@contextmanager
def watching(world: World, on_violation: Callable[[Violation], None]) -> Iterator[Invariants]:
    """The watch over a world, until the end."""
    invariants = Invariants(world, on_violation)
    try:
        yield invariants
    finally:
        invariants.close()


def watched(program: Program | None, script: Callable[[World], None]) -> list[Violation]:
    """The violations of a run with this listener in the product's place."""
    with (
        World(WorldSettings(listener=program)) as world,
        watching(world, lambda _: None) as invariants,
    ):
        world.run(lambda: script(world))
    return invariants.found


def rules(program: Program | None, script: Callable[[World], None]) -> list[str]:
    return list(dict.fromkeys(v.invariant for v in watched(program, script)))


def idle(
    _settings: object, _transport: object, clock: Any, _entropy: object, _database: object
) -> None:
    """A listener that is alive and does nothing."""
    while True:
        clock.sleep_s(1)


def execute(world: World, statements: Sequence[str]) -> None:
    """Commit them together, as somebody who is no listener."""
    operator = world.product.operator
    with operator._host.connect(NAME, operator._clock).write() as transaction:
        for sql in statements:
            transaction.execute(sql.replace(str(NOW), str(world.now_us // MICROSECONDS)))


def ask(world: World, *calls: tuple[str, list[Any]]) -> list[Any]:
    """What a listener that asks this in one batch is told."""
    batch = [
        {"jsonrpc": "2.0", "id": i, "method": method, "params": params}
        for i, (method, params) in enumerate(calls)
    ]
    transport = world._transport("reader")
    answer = transport.post(json.dumps(batch).encode(), 10)
    return [one.get("result") for one in json.loads(answer.body)]


def page(first: int, last: int) -> tuple[str, list[Any]]:
    """The call for the vault's deposits in these blocks."""
    wanted = {
        "fromBlock": hex(first),
        "toBlock": hex(last),
        "address": "0x" + contracts.VAULT.hex(),
        "topics": ["0x" + contracts.SPOT_DEPOSIT_TOPIC.hex()],
    }
    return ("eth_getLogs", [wanted])


def read_all(world: World) -> None:
    """Be told of the head and of every block, by an honest node."""
    ask(world, ("eth_blockNumber", []), page(0, world.chain.height))


def begin(world: World) -> str:
    """The statement that writes the first cursor."""
    sync = {"chain_id": 97, "event_type": "deposit", "updated_at": NOW}
    start = world.start_block - 1
    return insert("spot_block_sync_state", last_processed_block=start, **sync)


def violated(write: Write, *, settled: bool = False) -> list[str]:
    """Every invariant that these writes violate, in the order of looking, each once.

    Alice's 1 DF is credited, Bob's 2 DF are due, Carol's 2 DF are 19 blocks deep; and Bob has
    deposited 2 of another token.
    """
    with World(WorldSettings()) as world, watching(world, lambda _: None) as invariants:
        world.product.listener_was_started = True  # the part is played by `write`

        def script() -> None:
            world.users.deposit("credited", "alice", WEI, contracts.DF_TOKEN)
            world.blocks.mine(24)
            read_all(world)
            cursor_now = cursor(world, world.confirmed_height)
            execute(world, [begin(world), *credit(world, "credited"), cursor_now])
            if not settled:
                world.users.deposit("due", "bob", 2 * WEI, contracts.DF_TOKEN)
                world.users.deposit("lookalike", "bob", 2 * WEI, contracts.LOOKALIKE_TOKEN)
                world.blocks.mine(20)
                world.users.deposit("early", "carol", 2 * WEI, contracts.DF_TOKEN)
                world.blocks.mine(20)
            read_all(world)
            assert invariants.found == []
            execute(world, write(world))
            if settled:
                assert invariants.found == []
                invariants.check_settled()

        world.run(script)
    return list(dict.fromkeys(violation.invariant for violation in invariants.found))
