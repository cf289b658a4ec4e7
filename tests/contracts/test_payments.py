"""How the vault pays: tokens that misbehave, and BNB to accounts that are contracts."""

import pytest
from bare_state import BareState
from eth_abi import encode
from expected import (
    ANSWERED_FALSE,
    ANSWERED_TRUE,
    NATIVE,
    error,
    log,
    logs_of,
    reverts,
    reverts_with,
    spot_withdrawal,
    word,
)

DEPOSITED_WEI = 10_000


def ledgers(vault, account, token):
    return (
        vault.accountTokenBalance(account, token),
        vault.vaultTokenBalance(token),
        vault.tokenTotalWithdrawals(token),
    )


@pytest.fixture
def in_vault(deploy, vault, owner, user):
    """Deploys a token that anyone may mint, and lets the user deposit it."""

    def deposit(name, swallows_errors=False):
        token = deploy(name)
        if swallows_errors:
            token.setSwallowsErrors(True, sender=user)
        vault.setTokenRegistered(token, True, sender=owner)
        token.mint(user, DEPOSITED_WEI, sender=user)
        token.approve(vault, DEPOSITED_WEI, sender=user)
        vault.deposit(token, DEPOSITED_WEI, sender=user)
        return token

    return deposit


@pytest.fixture
def reentering(in_vault, user):
    """Re-enters with what it is told, and got into the vault by swallowing the error."""
    token = in_vault("ReenteringToken", swallows_errors=True)
    token.setSwallowsErrors(False, sender=user)
    return token


@pytest.fixture
def withdrawal(vault, signer, voucher):
    """Arguments of a withdrawal that the signer signed for."""

    def arguments(account, token, amount_wei):
        due = voucher(account, token, amount_wei)
        return token, amount_wei, due.deadline, due.signed_by(signer)

    return arguments


@pytest.fixture
def bnb(vault, owner, user):
    """The vault takes BNB and holds some of the user's."""
    vault.setTokenRegistered(NATIVE, True, sender=owner)
    vault.depositNative(value=DEPOSITED_WEI, sender=user)
    return DEPOSITED_WEI


@pytest.fixture
def receiver(deploy):
    return deploy("ReenteringReceiver")


# --- tokens -----------------------------------------------------------------------------------


def test_a_token_without_return_values_is_deposited_and_paid_out(vault, user, in_vault, withdrawal):
    token = in_vault("NoReturnToken")
    receipt = vault.withdraw(*withdrawal(user, token, 400), sender=user)
    assert logs_of(receipt, vault) == [spot_withdrawal(user, token, 400, nonce=0)]
    assert token.balanceOf(user) == 400
    assert ledgers(vault, user, token) == (9_600, 9_600, 400)


def test_a_fee_comes_out_of_what_arrives_and_not_of_the_vault(vault, user, in_vault, withdrawal):
    token = in_vault("FeeOnTransferToken")
    assert token.balanceOf(vault) == 9_900
    receipt = vault.withdraw(*withdrawal(user, token, 9_900), sender=user)
    assert logs_of(receipt, vault) == [spot_withdrawal(user, token, 9_900, nonce=0)]
    assert (token.balanceOf(user), token.balanceOf(vault)) == (9_801, 0)
    assert ledgers(vault, user, token) == (0, 0, 9_900)


@pytest.mark.parametrize("moved_wei", [0, 399, 400])
def test_a_token_that_answers_false_is_not_believed_to_pay(
    vault, user, in_vault, withdrawal, moved_wei
):
    token = in_vault("LyingToken")
    token.lie(moved_wei, 0, ANSWERED_FALSE, sender=user)
    with reverts("SafeERC20FailedOperation", token):
        vault.withdraw(*withdrawal(user, token, 400), sender=user)
    assert ledgers(vault, user, token) == (DEPOSITED_WEI, DEPOSITED_WEI, 0)
    assert vault.releaseNonces(user) == 0


@pytest.mark.parametrize(
    "answer",
    [b"", ANSWERED_TRUE, ANSWERED_TRUE + b"\x01", ANSWERED_TRUE + bytes(8_000)],
    ids=["nothing", "true", "true and a byte", "true and 8,000 bytes"],
)
@pytest.mark.parametrize("moved_wei", [0, 399, 400, 401])
def test_a_token_that_does_not_answer_false_is_believed_whatever_it_moves(
    vault, user, in_vault, withdrawal, moved_wei, answer
):
    token = in_vault("LyingToken")
    token.lie(moved_wei, 0, answer, sender=user)
    receipt = vault.withdraw(*withdrawal(user, token, 400), sender=user)
    assert logs_of(receipt, vault) == [spot_withdrawal(user, token, 400, nonce=0)]
    assert token.balanceOf(user) == moved_wei
    assert ledgers(vault, user, token) == (9_600, DEPOSITED_WEI - moved_wei, 400)


@pytest.mark.parametrize(
    "answer",
    [b"\x01", ANSWERED_TRUE[1:], encode(["uint256"], [2]), b"\xff" * 32],
    ids=["one byte", "31 bytes", "two", "every bit"],
)
def test_an_answer_that_is_no_bool_fails_the_payment(vault, user, in_vault, withdrawal, answer):
    token = in_vault("LyingToken")
    token.lie(400, 0, answer, sender=user)
    with reverts_with(b""):
        vault.withdraw(*withdrawal(user, token, 400), sender=user)


def test_a_tokens_own_error_reaches_the_payee_unchanged(vault, user, in_vault, withdrawal):
    token = in_vault("LyingToken")
    token.lie(DEPOSITED_WEI + 1, 0, ANSWERED_TRUE, sender=user)
    with reverts("ERC20InsufficientBalance", vault, DEPOSITED_WEI, DEPOSITED_WEI + 1):
        vault.withdraw(*withdrawal(user, token, 400), sender=user)


def test_a_token_that_fails_without_a_word_is_given_an_error(vault, user, in_vault, withdrawal):
    token = in_vault("LyingToken")
    token.lie(0, DEPOSITED_WEI, ANSWERED_TRUE, sender=user)
    with reverts("FailedInnerCall"):
        vault.withdraw(*withdrawal(user, token, 400), sender=user)


def test_a_vault_that_lost_tokens_pays_what_it_still_has(vault, user, in_vault, withdrawal):
    token = in_vault("LyingToken")
    token.burn(vault, DEPOSITED_WEI - 399, sender=user)
    due = withdrawal(user, token, 400)
    with reverts("InsufficientVaultBalance", token, 400, 399):
        vault.withdraw(*due, sender=user)
    assert ledgers(vault, user, token) == (DEPOSITED_WEI, 399, 0)
    token.mint(vault, 1, sender=user)
    vault.withdraw(*due, sender=user)
    assert ledgers(vault, user, token) == (9_600, 0, 400)


def test_a_reentered_withdrawal_fails_with_the_vaults_own_error(
    vault, user, reentering, withdrawal
):
    """The token holds a voucher of its own, and everybody may deposit."""
    calls = (
        vault.withdraw.encode_input(*withdrawal(reentering, reentering, 10)),
        vault.deposit.encode_input(reentering, 10),
    )
    due = withdrawal(user, reentering, 400)
    for call in calls:
        reentering.setCalls([call], sender=user)
        with reverts("ReentrancyGuardReentrantCall"):
            vault.withdraw(*due, sender=user)
    reentering.setCalls([vault.paused.encode_input()], sender=user)
    vault.withdraw(*due, sender=user)


def test_a_deposit_cannot_be_reentered_by_a_withdrawal(vault, user, reentering, withdrawal):
    reentering.mint(user, 5, sender=user)
    reentering.approve(vault, 5, sender=user)
    inner = vault.withdraw.encode_input(*withdrawal(reentering, reentering, 10))
    reentering.setCalls([inner], sender=user)
    with reverts("ReentrancyGuardReentrantCall"):
        vault.deposit(reentering, 5, sender=user)


def test_a_token_that_swallows_the_error_pays_once(vault, user, reentering, withdrawal):
    calls = [
        vault.withdraw.encode_input(*withdrawal(reentering, reentering, 10)),
        vault.deposit.encode_input(reentering, 10),
    ]
    reentering.setCalls(calls, sender=user)
    reentering.setSwallowsErrors(True, sender=user)
    receipt = vault.withdraw(*withdrawal(user, reentering, 400), sender=user)
    assert reentering.succeededCalls() == 0
    assert logs_of(receipt, vault) == [spot_withdrawal(user, reentering, 400, nonce=0)]
    assert reentering.balanceOf(user) == 400
    assert ledgers(vault, user, reentering) == (9_600, 9_600, 400)
    assert vault.releaseNonces(reentering) == 0


# --- BNB --------------------------------------------------------------------------------------


def test_bnb_is_withdrawn_as_the_zero_address(vault, user, bnb, withdrawal, chain):
    before = user.balance
    receipt = vault.withdraw(*withdrawal(user, NATIVE, 400), sender=user)
    assert logs_of(receipt, vault) == [spot_withdrawal(user, NATIVE, 400, nonce=0)]
    assert receipt.logs[0]["address"] == vault.address
    assert len(receipt.logs) == 1
    assert user.balance == before + 400 - receipt.total_fees_paid
    assert vault.balance == bnb - 400
    assert ledgers(vault, user, NATIVE) == (9_600, 9_600, 400)


def test_all_bnb_may_be_withdrawn_and_no_more(vault, user, bnb, withdrawal):
    with reverts("InsufficientVaultBalance", NATIVE, bnb + 1, bnb):
        vault.withdraw(*withdrawal(user, NATIVE, bnb + 1), sender=user)
    vault.withdraw(*withdrawal(user, NATIVE, bnb), sender=user)
    assert vault.balance == 0
    assert ledgers(vault, user, NATIVE) == (0, 0, bnb)


def test_bnb_is_withdrawn_after_its_deposits_were_closed(vault, owner, user, bnb, withdrawal):
    vault.setTokenRegistered(NATIVE, False, sender=owner)
    vault.withdraw(*withdrawal(user, NATIVE, 400), sender=user)
    assert vault.balance == bnb - 400


def test_a_contract_is_paid_bnb(vault, receiver, user, bnb, withdrawal):
    pay = vault.withdraw.encode_input(*withdrawal(receiver, NATIVE, 400))
    receipt = receiver.forward(vault, [pay], sender=user)
    assert logs_of(receipt, vault) == [spot_withdrawal(receiver, NATIVE, 400, nonce=0)]
    assert (receiver.balance, vault.balance) == (400, bnb - 400)
    assert ledgers(vault, receiver, NATIVE) == (0, 9_600, 400)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x01", error("ZeroAmount"), b"no" * 512],
    ids=["empty", "one byte", "an error of the vault", "1,024 bytes"],
)
def test_a_contract_that_refuses_bnb_is_told_so(vault, receiver, user, bnb, withdrawal, data):
    receiver.refuse(data, sender=user)
    pay = vault.withdraw.encode_input(*withdrawal(receiver, NATIVE, 400))
    with reverts("NativeTransferFailed"):
        receiver.forward(vault, [pay], sender=user)
    assert vault.balance == bnb
    assert ledgers(vault, receiver, NATIVE) == (0, bnb, 0)
    assert vault.releaseNonces(receiver) == 0


def test_a_contract_without_a_way_to_take_bnb_is_not_paid(deploy, vault, df, user, bnb, withdrawal):
    token = deploy("ReenteringToken")
    pay = vault.withdraw.encode_input(*withdrawal(token, NATIVE, 400))
    with reverts("NativeTransferFailed"):
        token.forward(vault, pay, sender=user)


@pytest.mark.parametrize("swallows", [True, False])
def test_a_receiver_that_reenters_is_paid_once(
    vault, df, receiver, user, bnb, voucher, signer, withdrawal, swallows
):
    pay = vault.withdraw.encode_input(*withdrawal(receiver, NATIVE, 400))
    due = voucher(receiver, NATIVE, 400).but(nonce=1)
    again = vault.withdraw.encode_input(NATIVE, 400, due.deadline, due.signed_by(signer))
    receiver.setCalls([pay, again, vault.deposit.encode_input(df, 1)], 0, swallows, sender=user)
    if not swallows:
        with reverts("NativeTransferFailed"):
            receiver.forward(vault, [pay], sender=user)
        assert (receiver.balance, vault.balance) == (0, bnb)
        return
    receiver.forward(vault, [pay], sender=user)
    assert receiver.succeededCalls() == 0
    assert (receiver.balance, vault.balance) == (400, bnb - 400)
    assert ledgers(vault, receiver, NATIVE) == (0, 9_600, 400)
    assert vault.releaseNonces(receiver) == 1


@pytest.mark.parametrize("swallows", [True, False])
def test_a_receiver_does_not_deposit_the_bnb_while_it_is_paid(
    vault, receiver, user, bnb, withdrawal, swallows
):
    pay = vault.withdraw.encode_input(*withdrawal(receiver, NATIVE, 400))
    put_in = vault.depositNative.encode_input()
    receiver.setCalls([put_in], 300, swallows, sender=user)
    if not swallows:
        with reverts("NativeTransferFailed"):
            receiver.forward(vault, [pay], sender=user)
        return
    receipt = receiver.forward(vault, [pay], sender=user)
    assert receiver.succeededCalls() == 0
    assert logs_of(receipt, vault) == [spot_withdrawal(receiver, NATIVE, 400, nonce=0)]
    assert (receiver.balance, vault.balance) == (400, bnb - 400)
    receiver.forward(vault, [put_in], value=300, sender=user)
    assert ledgers(vault, receiver, NATIVE) == (300, bnb - 100, 400)


def test_bnb_that_no_call_brought_is_paid_out(chain, vault, user, bnb, withdrawal):
    state = BareState(chain)
    arguments = withdrawal(user, NATIVE, bnb + 11)
    for held, answer in (
        (bnb + 10, error("InsufficientVaultBalance", NATIVE, bnb + 11, bnb + 10)),
        (bnb + 11, b""),
    ):
        state.give_bnb(vault.address, held)
        signature = "withdraw(address,uint256,uint256,bytes)"
        assert state.call(user.address, vault.address, signature, *arguments).output == answer
    assert state.bnb(vault.address) == 0


def test_a_receiver_finds_the_withdrawal_written_before_it_is_paid(
    vault, receiver, user, bnb, withdrawal
):
    """Whoever asks the vault in the middle of a payment doesn't see the money twice."""
    views = [
        vault.vaultTokenBalance.encode_input(NATIVE),
        vault.accountTokenBalance.encode_input(receiver, NATIVE),
        vault.tokenTotalWithdrawals.encode_input(NATIVE),
        vault.releaseNonces.encode_input(receiver),
    ]
    put_in = vault.depositNative.encode_input()
    receiver.forward(vault, [put_in], value=1_000, sender=user)
    receiver.setCalls(views, 0, False, sender=user)
    pay = vault.withdraw.encode_input(*withdrawal(receiver, NATIVE, 400))
    receiver.forward(vault, [pay], sender=user)
    answers = [int.from_bytes(receiver.answers(i), "big") for i in range(receiver.succeededCalls())]
    assert answers == [bnb + 1_000 - 400, 600, 400, 1]


def test_a_token_is_paid_to_a_contract_that_refuses_bnb(
    vault, df, owner, user, receiver, funded, withdrawal
):
    vault.deposit(df, 500, sender=user)
    receiver.refuse(b"", sender=user)
    pay = vault.withdraw.encode_input(*withdrawal(receiver, df, 400))
    receipt = receiver.forward(vault, [pay], sender=user)
    transfer = log("Transfer(address,address,uint256)", vault, receiver, data=word(400))
    assert logs_of(receipt, df) == [transfer]
    assert [entry["address"] for entry in receipt.logs] == [df.address, vault.address]


def test_the_lock_opens_after_a_withdrawal_within_one_transaction(
    vault, df, user, receiver, funded, voucher, signer
):
    vault.deposit(df, 500, sender=user)
    vouchers = [voucher(receiver, df, 10).but(nonce=nonce) for nonce in (0, 1, 2)]
    calls = [
        vault.withdraw.encode_input(df, 10, due.deadline, due.signed_by(signer)) for due in vouchers
    ]
    receipt = receiver.forward(vault, calls, sender=user)
    assert logs_of(receipt, vault) == [
        spot_withdrawal(receiver, df, 10, nonce=nonce) for nonce in (0, 1, 2)
    ]
