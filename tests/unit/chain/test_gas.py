"""Estimates: a transaction succeeds with exactly the estimated gas and fails with one less."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.unit.chain.builders import (
    add_deposit,
    call_head,
    creation_code,
    deploy,
    sign,
    sign_delegation,
)
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.errors import TransactionRefused
from ztdx_devnet.chain.evm.context import CallResult, Message
from ztdx_devnet.chain.evm.gas import GAS_CAP, estimate_gas
from ztdx_devnet.chain.evm.intrinsic_gas import floor_gas, intrinsic_gas
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS

ALICE, BOB = USERS["alice"].address, USERS["bob"].address
APPROVAL = contracts.approve(contracts.VAULT, 10**18)
TOKEN_CODE = creation_code("DFToken", ["address"], (ALICE,))


def wants_gas(gas: int) -> bytes:
    """Code that stops when more than that gas is left, and reverts otherwise."""
    return b"\x61" + gas.to_bytes(2, "big") + bytes.fromhex("5a11600b575f5ffd5b00")


@dataclass(frozen=True)
class Act:
    """A transaction of alice, on a chain on which it succeeds."""

    to: bytes
    data: bytes = b""
    wei: int = 0


ACTS = {
    "transfer": Act(BOB, wei=5),
    "transfer of nothing": Act(BOB),
    "transfer with a note": Act(BOB, b"\x01\x00"),
    "approve": Act(contracts.DF_TOKEN, contracts.approve(contracts.VAULT, 7)),
    "deposit": Act(contracts.VAULT, contracts.deposit(contracts.DF_TOKEN, 9)),
    "token transfer": Act(contracts.DF_TOKEN, contracts.transfer(BOB, 1)),
    "contract creation": Act(b"", TOKEN_CODE),
    "empty creation": Act(b""),
    "creation from one word": Act(b"", bytes(32)),
    "creation from a word and a byte": Act(b"", bytes(33)),
    "data to nobody": Act(BOB, b"\x01" * 100),
}


def ready() -> Chain:
    """A chain on which alice has approved the vault."""
    chain = Chain()
    add_deposit(chain, "alice", 10**18)
    chain.mine()
    chain.add(sign("alice", 2, to=contracts.DF_TOKEN, wei=0, gas=100_000, data=APPROVAL))
    chain.mine()
    return chain


def estimated(
    chain: Chain, act: Act, *, gas_cap: int = GAS_CAP, sender: bytes = ALICE
) -> tuple[int, CallResult]:
    message = Message(sender=sender, to=act.to, data=act.data, value_wei=act.wei, gas=gas_cap)
    return estimate_gas(chain.context(chain.head), message)


def succeeds(chain: Chain, act: Act, gas: int) -> bool:
    nonce = chain.next_nonce(ALICE)
    try:
        chain.submit(sign("alice", nonce, to=act.to, data=act.data, wei=act.wei, gas=gas).raw())
    except TransactionRefused:
        return False
    receipts = chain.mine().receipts
    assert all(receipt.gas_used <= gas for receipt in receipts)
    return any(receipt.succeeded for receipt in receipts)


@pytest.mark.parametrize("name", ACTS)
def test_an_estimate_is_enough_for_the_transaction(name: str) -> None:
    chain = ready()
    gas, outcome = estimated(chain, ACTS[name])
    assert outcome.succeeded
    assert succeeds(chain, ACTS[name], gas)


@pytest.mark.parametrize("name", ACTS)
def test_one_gas_less_than_the_estimate_is_not_enough(name: str) -> None:
    chain = ready()
    gas, _ = estimated(chain, ACTS[name])
    assert not succeeds(chain, ACTS[name], gas - 1)


def test_a_plain_transfer_costs_21_000() -> None:
    assert estimated(Chain(), ACTS["transfer"])[0] == 21_000


@pytest.mark.parametrize("wanted", [0x7000, 0xFFFC, 0xFFFD, 0xFFFE, 0xFFFF])
def test_a_call_that_looks_at_its_gas_gets_what_it_looks_for(wanted: int) -> None:
    chain = ready()
    act = Act(deploy(chain, wants_gas(wanted)))
    gas, outcome = estimated(chain, act)
    assert outcome.succeeded
    assert gas > 21_000 + wanted > 21_000 + outcome.gas_used
    assert succeeds(chain, act, gas)
    assert not succeeds(chain, act, gas - 1)


def test_data_costs_at_least_the_floor_of_eip_7623() -> None:
    act = Act(BOB, b"\x01" * 100 + b"\x00" * 50)
    assert estimated(Chain(), act)[0] == 21_000 + 10 * (4 * 100 + 50)


def test_sender_receiver_and_coinbase_are_warm_in_an_estimate_as_in_a_transaction() -> None:
    chain = ready()
    act = Act(deploy(chain, bytes.fromhex("333150303150413150")))  # the balances of all three
    gas, _ = estimated(chain, act)
    assert gas < 21_000 + 400
    assert succeeds(chain, act, gas)
    assert not succeeds(chain, act, gas - 1)


def test_a_call_runs_precompiles_but_not_through_a_delegation() -> None:
    chain = Chain()
    identity = (4).to_bytes(20, "big")
    chain.add(sign_delegation("dave", 0, "erin", 0, code=identity))
    chain.mine()
    asked = {"sender": ALICE, "data": b"\x01\x02", "gas": 50_000}
    assert call_head(chain, to=identity, **asked).output == b"\x01\x02"
    through = call_head(chain, to=USERS["erin"].address, **asked)
    assert through == CallResult(True, b"", 0, None)


def test_set_up_that_fails_says_where_and_why() -> None:
    chain = Chain()
    state = chain.state_at(chain.head)
    with pytest.raises(RuntimeError, match=f"message to 0x{contracts.VAULT.hex()} failed: exec"):
        state.run_message(sender=ALICE, to=contracts.VAULT, data=b"\x01\x02\x03\x04", gas=90_000)
    with pytest.raises(RuntimeError, match=f"constructor at 0x{BOB.hex()} failed: InvalidInstr"):
        state.run_constructor(creator=ALICE, address=BOB, init_code=b"\xfe", gas=90_000)
    worked = state.run_message(
        sender=ALICE, to=contracts.DF_TOKEN, data=contracts.transfer(BOB, 1), gas=90_000
    )
    assert int.from_bytes(worked, "big") == 1


def test_the_cap_is_the_most_that_is_tried() -> None:
    chain = ready()
    assert estimated(chain, ACTS["transfer"], gas_cap=21_000)[0] == 21_000
    assert GAS_CAP == 2**24
    act = ACTS["deposit"]
    least, _ = estimated(chain, act)
    assert estimated(chain, act, gas_cap=least)[0] == least
    gas, outcome = estimated(chain, act, gas_cap=least - 1)
    assert gas == 0
    assert not outcome.succeeded


@pytest.mark.parametrize("cap", [0, 20_999])
def test_a_cap_below_the_intrinsic_gas_is_said_to_be_too_low(cap: int) -> None:
    gas, outcome = estimated(Chain(), ACTS["transfer"], gas_cap=cap)
    assert (gas, outcome) == (0, CallResult(False, b"", 0, "intrinsic gas too low"))


def test_a_revert_comes_through_with_its_data() -> None:
    chain = Chain()
    act = Act(contracts.VAULT, contracts.deposit(BOB, 1))  # bob is no token
    gas, outcome = estimated(chain, act)
    assert gas == 0
    assert not outcome.succeeded
    assert outcome.failure == "execution reverted"
    decoded = contracts.decode_revert("ZtdxSpotVault", outcome.output)
    assert decoded == f"TokenNotRegistered(0x{BOB.hex()})"


def test_more_value_than_the_sender_has_is_said_so() -> None:
    gas, outcome = estimated(Chain(), Act(BOB, wei=1), sender=bytes(19) + b"\x99")
    assert (gas, outcome.failure) == (0, "insufficient funds for transfer")


def test_an_estimate_sees_the_state_of_the_block_it_is_asked_for() -> None:
    chain = ready()
    act = ACTS["deposit"]
    message = Message(sender=ALICE, to=act.to, data=act.data, gas=GAS_CAP)
    early, late = (chain.context(chain.tree.at(number)) for number in (0, 2))
    assert estimate_gas(early, message)[0] == 0  # nothing approved yet
    assert estimate_gas(late, message)[0] > 0


def test_a_call_and_an_estimate_leave_no_trace() -> None:
    chain = ready()
    nodes, head = len(chain.execution.nodes), chain.head.hash
    estimated(chain, ACTS["deposit"])
    call_head(chain, sender=ALICE, to=BOB, value_wei=5, gas=50_000)
    assert len(chain.execution.nodes) == nodes
    assert chain.head.hash == head
    state = chain.state_at(chain.head)
    assert state.nonce(ALICE) == 3
    assert succeeds(chain, ACTS["deposit"], 200_000)


def test_intrinsic_gas_counts_bytes_and_creation() -> None:
    assert intrinsic_gas(b"", False) == 21_000
    assert intrinsic_gas(b"\x00\x00\x01", False) == 21_000 + 2 * 4 + 16
    assert intrinsic_gas(b"", True) == 53_000
    assert intrinsic_gas(b"\x00", True) == 53_000 + 4 + 2
    assert intrinsic_gas(b"\x01" * 32, True) == 53_000 + 32 * 16 + 2
    assert intrinsic_gas(b"\x01" * 33, True) == 53_000 + 33 * 16 + 4


def test_the_floor_counts_tokens_of_data() -> None:
    assert floor_gas(b"") == 21_000
    assert floor_gas(b"\x00") == 21_010
    assert floor_gas(b"\x01") == 21_040
    assert floor_gas(b"\x01\x00\x02") == 21_090


def test_a_failed_call_says_why_and_what_it_used() -> None:
    chain = Chain()
    to_bob = {"sender": ALICE, "to": BOB, "gas": 30_000}
    assert call_head(chain, **to_bob) == CallResult(True, b"", 0, None)
    tells_price = bytes.fromhex("3a5f5260205ff3")
    priceless = call_head(chain, sender=ALICE, to=b"", data=tells_price, gas=90_000)
    assert priceless.output == bytes(32)
    broke = call_head(chain, value_wei=10**30, **to_bob)
    assert broke == CallResult(False, b"", 0, "insufficient funds for transfer")
    broken = call_head(chain, sender=ALICE, to=b"", data=b"\xfe", gas=30_000)
    assert (broken.succeeded, broken.gas_used) == (False, 30_000)
    assert str(broken.failure).startswith("InvalidInstruction: ")
    hungry = call_head(
        chain,
        sender=ALICE,
        to=contracts.DF_TOKEN,
        data=contracts.transfer(BOB, 1),
        gas=3_000,
    )
    assert not hungry.succeeded
    assert str(hungry.failure).startswith("OutOfGas: ")
