"""Whom the vault pays, on whose word, and what it writes down.

Vouchers are signed by eth-account, so the digest is checked by code that shares nothing with it."""

import pytest
from bare_state import BareState
from expected import (
    ARITHMETIC_PANIC,
    NATIVE,
    error,
    logs_of,
    reverts,
    reverts_with,
    spot_withdrawal,
)
from vouchers import CURVE_ORDER, compact, join, recovered, split, twin

DEPOSITED_WEI = 1_000
WITHDRAW = "withdraw(address,uint256,uint256,bytes)"


def ledgers(vault, account, token):
    return (
        vault.accountTokenBalance(account, token),
        vault.accountTokenDepositTotal(account, token),
        vault.vaultTokenBalance(token),
        vault.tokenTotalDeposits(token),
        vault.tokenTotalWithdrawals(token),
    )


@pytest.fixture
def deposited(vault, df, user, funded):
    vault.deposit(df, DEPOSITED_WEI, sender=user)
    return DEPOSITED_WEI


@pytest.fixture
def withdraw(vault, signer):
    """Presents a voucher as its account, whoever signed it."""

    def present(voucher, sender, signature=None):
        signature = voucher.signed_by(signer) if signature is None else signature
        return vault.withdraw(
            voucher.token, voucher.value, voucher.deadline, signature, sender=sender
        )

    return present


def test_a_withdrawal_pays_and_emits_one_spot_withdrawal(
    vault, df, user, funded, deposited, voucher, withdraw
):
    receipt = withdraw(voucher(user, df, 400), user)
    assert logs_of(receipt, vault) == [spot_withdrawal(user, df, 400, nonce=0)]
    assert df.balanceOf(vault) == deposited - 400
    assert df.balanceOf(user) == funded - deposited + 400


def test_a_withdrawal_is_in_every_ledger_and_leaves_what_was_deposited(
    vault, df, user, deposited, voucher, withdraw
):
    withdraw(voucher(user, df, 400), user)
    assert ledgers(vault, user, df) == (600, 1_000, 600, 1_000, 400)
    withdraw(voucher(user, df, 50), user)
    assert ledgers(vault, user, df) == (550, 1_000, 550, 1_000, 450)


def test_each_account_counts_its_own_withdrawals(
    vault, df, user, stranger, deposited, voucher, withdraw
):
    receipts = [
        withdraw(voucher(account, df, 10), account) for account in (user, user, stranger, user)
    ]
    assert [logs_of(receipt, vault) for receipt in receipts] == [
        [spot_withdrawal(user, df, 10, nonce=0)],
        [spot_withdrawal(user, df, 10, nonce=1)],
        [spot_withdrawal(stranger, df, 10, nonce=0)],
        [spot_withdrawal(user, df, 10, nonce=2)],
    ]
    assert (vault.releaseNonces(user), vault.releaseNonces(stranger)) == (3, 1)


def test_an_account_that_gained_may_withdraw_more_than_it_deposited(
    vault, df, owner, user, stranger, deposited, voucher, withdraw
):
    df.mint(stranger, 100, sender=owner)
    df.approve(vault, 100, sender=stranger)
    vault.deposit(df, 100, sender=stranger)
    withdraw(voucher(stranger, df, 101), stranger)
    assert df.balanceOf(stranger) == 101
    assert ledgers(vault, stranger, df) == (0, 100, 999, 1_100, 101)
    assert vault.accountTokenBalance(user, df) == deposited


def test_a_withdrawal_of_just_what_was_deposited_leaves_nothing(
    vault, df, owner, user, stranger, deposited, voucher, withdraw
):
    df.mint(stranger, 100, sender=owner)
    df.approve(vault, 100, sender=stranger)
    vault.deposit(df, 100, sender=stranger)
    withdraw(voucher(stranger, df, 100), stranger)
    assert vault.accountTokenBalance(stranger, df) == 0


def test_gains_leave_no_debt_that_a_later_deposit_would_pay(
    vault, df, user, stranger, deposited, voucher, withdraw
):
    withdraw(voucher(stranger, df, 30), stranger)
    df.approve(vault, 30, sender=stranger)
    vault.deposit(df, 30, sender=stranger)
    assert vault.accountTokenBalance(stranger, df) == 30


def test_all_that_the_vault_has_may_be_withdrawn(vault, df, user, deposited, voucher, withdraw):
    withdraw(voucher(user, df, deposited), user)
    assert ledgers(vault, user, df) == (0, 1_000, 0, 1_000, 1_000)
    assert df.balanceOf(vault) == 0


def test_more_than_the_vault_has_is_refused(vault, df, user, deposited, voucher, withdraw):
    with reverts("InsufficientVaultBalance", df, deposited + 1, deposited):
        withdraw(voucher(user, df, deposited + 1), user)
    with reverts("InsufficientVaultBalance", df, 2**256 - 1, deposited):
        withdraw(voucher(user, df, 2**256 - 1), user)


def test_what_the_vault_has_of_another_token_does_not_count(
    deploy, vault, owner, user, deposited, voucher, withdraw
):
    other = deploy("LookalikeToken")
    vault.setTokenRegistered(other, True, sender=owner)
    with reverts("InsufficientVaultBalance", other, 1, 0):
        withdraw(voucher(user, other, 1), user)


def test_gains_are_paid_from_what_the_operator_sent_to_the_vault(
    vault, df, owner, user, deposited, voucher, withdraw
):
    due = voucher(user, df, deposited + 500)
    df.mint(owner, 500, sender=owner)
    for part in (499, 1):
        with reverts("InsufficientVaultBalance", df, deposited + 500, df.balanceOf(vault)):
            withdraw(due, user)
        df.transfer(vault, part, sender=owner)
    receipt = withdraw(due, user)
    assert logs_of(receipt, vault) == [spot_withdrawal(user, df, deposited + 500, nonce=0)]
    assert ledgers(vault, user, df) == (0, deposited, 0, deposited, deposited + 500)


def test_an_account_that_never_deposited_is_paid_what_was_signed(
    vault, df, user, stranger, funded, voucher, withdraw
):
    df.transfer(vault, 30, sender=user)
    withdraw(voucher(stranger, df, 20), stranger)
    assert ledgers(vault, stranger, df) == (0, 0, 10, 0, 20)


def test_withdrawals_beyond_what_a_ledger_holds_are_refused(
    deploy, vault, owner, user, voucher, withdraw
):
    token = deploy("LookalikeToken")
    vault.setTokenRegistered(token, True, sender=owner)
    token.mint(vault, 2**256 - 1, sender=user)
    withdraw(voucher(user, token, 2**256 - 2), user)
    token.transfer(vault, 5, sender=user)
    with reverts_with(ARITHMETIC_PANIC):
        withdraw(voucher(user, token, 2), user)
    withdraw(voucher(user, token, 1), user)


def test_a_voucher_is_spent_by_its_withdrawal(vault, df, user, deposited, voucher, withdraw):
    spent = voucher(user, df, 10)
    withdraw(spent, user)
    with reverts("InvalidSignature"):
        withdraw(spent, user)
    assert df.balanceOf(vault) == deposited - 10


def test_a_voucher_is_not_spent_by_a_withdrawal_that_fails(
    vault, df, user, deposited, voucher, withdraw
):
    premature = voucher(user, df, deposited + 5)
    with reverts("InsufficientVaultBalance", df, deposited + 5, deposited):
        withdraw(premature, user)
    assert vault.releaseNonces(user) == 0
    vault.deposit(df, 5, sender=user)
    receipt = withdraw(premature, user)
    assert logs_of(receipt, vault) == [spot_withdrawal(user, df, deposited + 5, nonce=0)]


def test_vouchers_are_taken_in_the_order_of_their_nonces(
    vault, df, user, deposited, voucher, withdraw
):
    first = voucher(user, df, 10)
    second = first.but(nonce=1)
    with reverts("InvalidSignature"):
        withdraw(second, user)
    withdraw(first, user)
    withdraw(second, user)


@pytest.mark.parametrize(
    "signed",
    [
        {"nonce": 1},
        {"value": 11},
        {"token": NATIVE},
        {"account": "0x" + "0b" * 20},
        {"deadline": 2**40 + 1},
        {"chain_id": 97},
        {"vault": "0x4Fe0b354c5865ee9deb979a99030d757ae47664a"},
        {"domain_name": "ZTDX Vault"},
        {"domain_version": "2"},
        {"type_name": "ReleaseFunds"},
    ],
    ids=lambda signed: next(iter(signed)),
)
def test_a_voucher_for_anything_else_is_refused(
    vault, df, user, signer, deposited, voucher, withdraw, signed
):
    due = voucher(user, df, 10)
    assert due != due.but(**signed)
    with reverts("InvalidSignature"):
        withdraw(due, user, due.but(**signed).signed_by(signer))
    withdraw(due, user)


def test_a_voucher_serves_its_account_alone(df, user, stranger, deposited, voucher, withdraw):
    due = voucher(user, df, 10)
    with reverts("InvalidSignature"):
        withdraw(due, stranger)
    withdraw(due, user)


def test_a_voucher_serves_one_of_two_vaults(
    deploy, vault, df, owner, user, signer, deposited, voucher
):
    other = deploy("ZtdxSpotVault", owner, signer)
    other.setTokenRegistered(df, True, sender=owner)
    df.approve(other, 10, sender=user)
    other.deposit(df, 10, sender=user)
    due = voucher(user, df, 10)
    for target, serves in ((other, False), (vault, True)):
        arguments = (df, 10, due.deadline, due.signed_by(signer))
        if serves:
            target.withdraw(*arguments, sender=user)
        else:
            with reverts("InvalidSignature"):
                target.withdraw(*arguments, sender=user)


def test_the_owner_and_the_account_itself_sign_for_nobody(
    df, owner, user, deposited, voucher, withdraw
):
    due = voucher(user, df, 10)
    for pretender in (owner, user):
        with reverts("InvalidSignature"):
            withdraw(due, user, due.signed_by(pretender))


def test_a_new_signer_ends_what_the_old_one_signed(
    vault, df, owner, user, signer, stranger, deposited, voucher, withdraw
):
    due = voucher(user, df, 10)
    vault.setAuthorizationSigner(stranger, sender=owner)
    with reverts("InvalidSignature"):
        withdraw(due, user, due.signed_by(signer))
    withdraw(due, user, due.signed_by(stranger))


def no_signatures(signature):
    """What recovers nobody, made of a signature."""
    r, s, v = split(signature)
    return {
        "v of 0": join(r, s, 0),
        "v without 27": join(r, s, v - 27),
        "v below 27": join(r, s, 26),
        "v above 28": join(r, s, 29),
        "v two higher": join(r, s, v + 2),
        "v of EIP-155": join(r, s, v + 8),
        **{f"v with bit {bit}": join(r, s, v | 1 << bit) for bit in (5, 6, 7)},
        "highest v": join(r, s, 255),
        "r of 0": join(0, s, v),
        "s of 0": join(r, 0, v),
        "r of no point": join(5, s, v),
        "r of the order": join(CURVE_ORDER, s, v),
        "s of the order": join(r, CURVE_ORDER, v),
        "zeros": bytes(65),
        "ones": b"\xff" * 65,
    }


@pytest.mark.parametrize("kind", no_signatures(bytes(64) + b"\x1b"))
def test_what_is_no_signature_is_refused(df, user, signer, deposited, voucher, withdraw, kind):
    due = voucher(user, df, 10)
    with reverts("InvalidSignature"):
        withdraw(due, user, no_signatures(due.signed_by(signer))[kind])


def test_what_is_no_signature_is_not_the_zero_address(chain, vault, df, user, deposited, voucher):
    """No call makes the zero address the signer, so it is written where the signer is kept."""
    state = BareState(chain)
    due = voucher(user, df, 10)
    state.replace_in_storage(vault.address, vault.authorizationSigner(), NATIVE)
    signer = state.call(user.address, vault.address, "authorizationSigner()")
    assert signer.output == bytes(32)
    for signature in (b"", bytes(64), *no_signatures(bytes(64) + b"\x1b").values()):
        answer = state.call(
            user.address, vault.address, WITHDRAW, df.address, 10, due.deadline, signature
        )
        assert (answer.is_error, answer.output) == (True, error("InvalidSignature"))


@pytest.mark.parametrize("length", [0, 1, 32, 63, 64, 66, 96, 97, 130, 200, 1_024, 4_096])
def test_a_signature_has_65_bytes(df, user, signer, deposited, voucher, withdraw, length):
    due = voucher(user, df, 10)
    signature = due.signed_by(signer)
    assert len(signature) == 65
    with reverts("InvalidSignature"):
        withdraw(due, user, (signature + bytes(4_096))[:length])


def test_a_signature_beyond_4096_bytes_is_no_argument(
    df, user, signer, deposited, voucher, withdraw
):
    due = voucher(user, df, 10)
    with reverts_with(b""):
        withdraw(due, user, due.signed_by(signer) + bytes(4_032))


def test_a_compact_signature_is_refused(df, user, signer, deposited, voucher, withdraw):
    for amount_wei in range(10, 14):
        due = voucher(user, df, amount_wei)
        with reverts("InvalidSignature"):
            withdraw(due, user, compact(due.signed_by(signer)))


@pytest.mark.parametrize("count", range(4))
def test_the_upper_twin_of_a_signature_is_refused(
    df, user, signer, deposited, voucher, withdraw, count
):
    due = voucher(user, df, 10 + count)
    signature = due.signed_by(signer)
    assert recovered(twin(signature), due.digest()) == signer.address
    with reverts("InvalidSignature"):
        withdraw(due, user, twin(signature))
    withdraw(due, user, signature)


def test_the_lower_half_ends_at_half_of_the_order(
    vault, df, owner, user, signer, deposited, voucher, withdraw
):
    """Every r and s are somebody's signature; here that somebody is made the signer."""
    due = voucher(user, df, 10)
    r, _, v = split(due.signed_by(signer))
    lowest, highest = (join(r, CURVE_ORDER // 2 + above, v) for above in (0, 1))
    vault.setAuthorizationSigner(recovered(highest, due.digest()), sender=owner)
    with reverts("InvalidSignature"):
        withdraw(due, user, highest)
    vault.setAuthorizationSigner(recovered(lowest, due.digest()), sender=owner)
    withdraw(due, user, lowest)


def test_the_other_v_is_somebody_elses_signature(df, user, signer, deposited, voucher, withdraw):
    due = voucher(user, df, 10)
    r, s, v = split(due.signed_by(signer))
    with reverts("InvalidSignature"):
        withdraw(due, user, join(r, s, 27 + 28 - v))


@pytest.mark.parametrize("v", [27, 28])
def test_both_values_of_v_occur(df, user, signer, deposited, voucher, withdraw, v):
    vouchers = (voucher(user, df, amount_wei) for amount_wei in range(1, 100))
    due = next(due for due in vouchers if due.signed_by(signer)[64] == v)
    withdraw(due, user)


@pytest.mark.parametrize(("ago_s", "expired"), [(-1, False), (0, False), (1, True)])
def test_a_deadline_is_the_last_second_at_which_a_voucher_counts(
    chain, vault, df, user, signer, deposited, voucher, ago_s, expired
):
    state = BareState(chain)
    due = voucher(user, df, 10, deadline=state.timestamp_s - ago_s)
    answer = state.call(
        user.address, vault.address, WITHDRAW, df.address, 10, due.deadline, due.signed_by(signer)
    )
    assert answer.is_error is expired
    if expired:
        assert answer.output == error("SignatureExpired", due.deadline, state.timestamp_s)


def test_a_deadline_may_be_any_number(df, user, deposited, voucher, withdraw):
    withdraw(voucher(user, df, 10, deadline=2**256 - 1), user)


def test_a_paused_vault_pays_nothing_until_it_is_unpaused(
    vault, df, owner, user, deposited, voucher, withdraw
):
    due = voucher(user, df, 10)
    vault.pause(sender=owner)
    with reverts("EnforcedPause"):
        withdraw(due, user)
    vault.unpause(sender=owner)
    withdraw(due, user)


def test_a_token_that_never_was_registered_is_not_paid_out(
    deploy, vault, user, deposited, voucher, withdraw
):
    unknown = deploy("LookalikeToken")
    unknown.mint(vault, 100, sender=user)
    for token in (unknown, NATIVE):
        with reverts("TokenNotRegistered", token):
            withdraw(voucher(user, token, 10), user)


def test_a_token_that_is_no_longer_registered_is_still_paid_out(
    vault, df, owner, user, deposited, voucher, withdraw
):
    vault.setTokenRegistered(df, False, sender=owner)
    receipt = withdraw(voucher(user, df, deposited), user)
    assert logs_of(receipt, vault) == [spot_withdrawal(user, df, deposited, nonce=0)]


def test_nothing_is_not_withdrawn(df, user, deposited, voucher, withdraw):
    with reverts("ZeroAmount"):
        withdraw(voucher(user, df, 0), user)


def test_a_withdrawal_takes_no_bnb(vault, df, user, signer, deposited, voucher):
    due = voucher(user, df, 10)
    with reverts_with(b""):
        vault.withdraw(df, 10, due.deadline, due.signed_by(signer), value=1, sender=user)
