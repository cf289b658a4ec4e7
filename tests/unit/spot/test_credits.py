"""Credits: what a deposit becomes in the ledger, exact and once."""

from __future__ import annotations

import pytest

from ztdx_spot.ledger.amounts import UINT256_MAX
from ztdx_spot.ledger.deposits import Deposit

from .listener_world import Listener
from .world import (
    BOB,
    ONE_DF,
    STRANGER,
    CountingEntropy,
    FakeClock,
    ScriptedNode,
    deposit_log,
    tx_hash,
)


def test_the_row_holds_what_the_chain_says(
    node: ScriptedNode, either: Listener, clock: FakeClock
) -> None:
    node.logs, node.head = [deposit_log(5, log_index=3, amount_wei=100 * ONE_DF)], 30
    either.poll()
    (row,) = either.rows()
    assert row == Deposit(
        id="00000000-0000-4000-8000-000000000001",
        token="DF",
        amount="100",
        chain_id=97,
        tx_hash=tx_hash(5003),
        block_number=5,
        status="confirmed",
        created_at=int(clock.time_s),
        confirmed_at=int(clock.time_s),
    )
    assert (either.entries(), either.sightings()) == ([("deposit", "100")], [("credited", 5)])


def test_several_deposits_of_one_transaction_are_all_credited(
    node: ScriptedNode, either: Listener
) -> None:
    node.logs = [
        deposit_log(5, log_index=0, tx=7),
        deposit_log(5, log_index=1, tx=7),
        deposit_log(5, log_index=2, tx=7, account=BOB),
    ]
    node.head = 30
    assert either.poll().credited == 3
    assert (either.available(), either.available(BOB)) == ("2", "1")


def test_one_transaction_hash_on_two_chains_is_a_deposit_of_each(
    node: ScriptedNode, either: Listener, clock: FakeClock, entropy: CountingEntropy
) -> None:
    node.logs, node.head = [deposit_log(5, tx=7)], 30
    either.poll()
    other_node = ScriptedNode(chain=56, head=30, logs=[deposit_log(15, tx=7)])
    settings = {**either.settings, "chain_id": 56}
    other = Listener(other_node, clock, entropy, either.database, either.path, settings)
    other.poll()
    other_node.head = 50
    assert other.poll().credited == 1
    assert either.ask("SELECT chain_id, block_number, status FROM spot_deposits ORDER BY 2") == [
        (97, 5, "confirmed"),
        (56, 15, "confirmed"),
    ]
    assert either.available() == "2"


def test_equal_deposits_of_one_user_are_different_deposits(
    node: ScriptedNode, either: Listener
) -> None:
    node.logs, node.head = [deposit_log(5), deposit_log(6), deposit_log(5, log_index=1)], 30
    either.poll()
    assert either.available() == "3"


def test_a_replayed_page_changes_nothing_whatever_the_case_of_its_hex(
    node: ScriptedNode, either: Listener
) -> None:
    name = "0x" + "ab" * 32
    node.logs, node.head = [deposit_log(5, transactionHash=name)], 30
    either.poll()
    with either.database.write() as transaction:
        transaction.execute(
            "UPDATE spot_block_sync_state SET last_processed_block = 0, last_processed_hash = NULL"
        )
    node.lies["eth_getLogs"] = lambda _p, logs: [
        {**log, "transactionHash": "0x" + "AB" * 32} for log in logs
    ]
    assert either.poll().credited == 0
    assert (either.available(), len(either.rows()), either.cursor_block()) == ("1", 1, 10)
    assert either.sightings() == [("credited", 5)]


def test_the_account_of_the_event_is_stored_in_lower_case(
    node: ScriptedNode, either: Listener
) -> None:
    mixed = "0x" + "aB" * 20
    node.logs, node.head = [deposit_log(5, account=mixed)], 30
    either.poll()
    assert either.available(mixed.lower()) == "1"


def test_other_tokens_and_zero_amounts_are_skipped_and_the_cursor_moves(
    node: ScriptedNode, either: Listener
) -> None:
    node.logs = [deposit_log(4, token=STRANGER), deposit_log(5, amount_wei=0)]
    node.head = 30
    assert either.poll().credited == 0
    assert (either.available(), either.cursor_block()) == (None, 10)
    assert either.quarantine() == []


@pytest.mark.parametrize(
    ("amount_wei", "amount"),
    [
        (1, "0.000000000000000001"),
        (10**17 + 2 * 10**17, "0.3"),
        (10**21 + 1, "1000.000000000000000001"),
        (2**53 + 1, "0.009007199254740993"),
        (2**63, "9.223372036854775808"),
        (2**96, "79228162514.264337593543950336"),
        (2**128, "340282366920938463463.374607431768211456"),
        (
            UINT256_MAX,
            "115792089237316195423570985008687907853269984665640564039457.584007913129639935",
        ),
    ],
)
def test_amounts_are_exact(
    node: ScriptedNode, either: Listener, amount_wei: int, amount: str
) -> None:
    node.logs, node.head = [deposit_log(5, amount_wei=amount_wei)], 30
    either.poll()
    assert (either.available(), either.rows()[0].amount) == (amount, amount)


@pytest.mark.parametrize(
    ("decimals", "amount"), [(0, "1000001"), (6, "1.000001"), (18, "0.000000000001000001")]
)
def test_the_scale_is_that_of_the_settings(
    node: ScriptedNode, listener: Listener, decimals: int, amount: str
) -> None:
    listener.settings["df_token_decimals"] = decimals
    node.logs, node.head = [deposit_log(5, amount_wei=1_000_001)], 30
    listener.poll()
    assert listener.available() == amount


@pytest.mark.parametrize("decimals", [0, 18, 77])
def test_sums_above_uint256_are_exact(node: ScriptedNode, either: Listener, decimals: int) -> None:
    either.settings["df_token_decimals"] = decimals
    node.logs = [deposit_log(5, log_index=i, amount_wei=UINT256_MAX) for i in range(4)]
    node.head = 30
    either.poll()
    digits = str(4 * UINT256_MAX)
    whole = digits[: len(digits) - decimals]
    fraction = digits[len(digits) - decimals :].rstrip("0")
    assert either.available() == (f"{whole}.{fraction}" if fraction else whole)


def test_a_thousand_grains_of_dust_add_up(node: ScriptedNode, listener: Listener) -> None:
    node.head = 30
    node.logs = [
        deposit_log(block, log_index=i, amount_wei=1) for block in (4, 5) for i in range(500)
    ]
    assert listener.poll().credited == 1000
    assert listener.available() == "0.000000000000001"


def test_a_repeated_row_id_is_never_taken_for_a_known_deposit(
    node: ScriptedNode, listener: Listener
) -> None:
    class Stuck:
        def bytes(self, purpose: str, count: int) -> bytes:
            return bytes(count)

    listener.entropy = Stuck()  # type: ignore[assignment]
    node.logs, node.head = [deposit_log(5), deposit_log(6)], 30
    listener.poll()
    assert (listener.available(), listener.quarantine()) == ("1", [(6, "held")])
