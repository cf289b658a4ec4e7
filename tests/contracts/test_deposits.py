"""What the vault takes, what it credits and what it says of it."""

import pytest
from eth_abi import encode
from eth_utils import keccak
from expected import (
    NATIVE,
    SPOT_DEPOSIT_TOPIC,
    error,
    log,
    logs_of,
    reverts,
    reverts_with,
    spot_deposit,
    word,
)

MAX_UINT256 = 2**256 - 1


def ledgers(vault, account, token):
    return (
        vault.accountTokenBalance(account, token),
        vault.accountTokenDepositTotal(account, token),
        vault.vaultTokenBalance(token),
        vault.tokenTotalDeposits(token),
    )


@pytest.fixture
def registered(deploy, vault, owner, user):
    """Deploys a token that anyone may mint, registered, with means for the user to deposit it."""

    def register(name, amount_wei=10_000):
        token = deploy(name)
        vault.setTokenRegistered(token, True, sender=owner)
        token.mint(user, amount_wei, sender=user)
        token.approve(vault, amount_wei, sender=user)
        return token

    return register


def test_a_deposit_moves_the_tokens_and_emits_one_spot_deposit(vault, df, user, funded):
    receipt = vault.deposit(df, 40, sender=user)
    assert logs_of(receipt, vault) == [spot_deposit(user, df, 40)]
    assert df.balanceOf(vault) == 40
    assert df.balanceOf(user) == funded - 40


def test_a_deposit_adds_to_every_ledger(vault, df, user, stranger, owner, funded):
    df.mint(stranger, 7, sender=owner)
    df.approve(vault, 7, sender=stranger)
    vault.deposit(df, 40, sender=user)
    vault.deposit(df, 2, sender=user)
    vault.deposit(df, 7, sender=stranger)
    assert ledgers(vault, user, df) == (42, 42, 49, 49)
    assert ledgers(vault, stranger, df) == (7, 7, 49, 49)
    assert vault.tokenTotalWithdrawals(df) == 0
    assert vault.releaseNonces(user) == 0


@pytest.mark.parametrize("amount_wei", [1, 2**96, MAX_UINT256])
def test_any_amount_that_fits_the_type_is_emitted_whole(vault, df, owner, user, amount_wei):
    df.mint(user, amount_wei, sender=owner)
    df.approve(vault, amount_wei, sender=user)
    receipt = vault.deposit(df, amount_wei, sender=user)
    assert logs_of(receipt, vault) == [spot_deposit(user, df, amount_wei)]
    assert ledgers(vault, user, df) == (amount_wei,) * 4


def test_a_fee_token_is_credited_with_what_arrived(vault, user, registered):
    token = registered("FeeOnTransferToken")
    receipt = vault.deposit(token, 1_000, sender=user)
    assert token.balanceOf(vault) == 990
    assert logs_of(receipt, vault) == [spot_deposit(user, token, 990)]
    assert ledgers(vault, user, token) == (990,) * 4


def test_tokens_sent_before_a_deposit_are_not_part_of_it(vault, df, user, funded):
    df.transfer(vault, 500, sender=user)
    receipt = vault.deposit(df, 40, sender=user)
    assert logs_of(receipt, vault) == [spot_deposit(user, df, 40)]
    assert ledgers(vault, user, df) == (40,) * 4
    assert df.balanceOf(vault) == 540


def test_a_token_that_returns_false_deposits_nothing(vault, user, registered):
    token = registered("FalseReturningToken")
    with reverts("ZeroAmount"):
        vault.deposit(token, 100, sender=user)
    assert ledgers(vault, user, token) == (0, 0, 0, 0)


def test_the_tokens_own_errors_reach_the_caller_unchanged(vault, df, owner, user, stranger, funded):
    with reverts("ERC20InsufficientAllowance", vault, 0, 5):
        vault.deposit(df, 5, sender=stranger)
    df.approve(vault, 5, sender=stranger)
    with reverts("ERC20InsufficientBalance", stranger, 0, 5):
        vault.deposit(df, 5, sender=stranger)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        error("ZeroAddress"),
        keccak(text="Error(string)")[:4] + encode(["string"], ["no"]),
        bytes(range(256)) * 16,
    ],
    ids=["empty", "one byte", "an error of the vault", "a string", "4,096 bytes"],
)
def test_revert_data_of_any_shape_is_handed_on_whole(vault, user, registered, data):
    token = registered("RevertingToken")
    token.setRevertData(data, sender=user)
    with reverts_with(data):
        vault.deposit(token, 1, sender=user)


def test_a_reentered_deposit_fails_with_the_vaults_own_error(vault, user, registered):
    token = registered("ReenteringToken")
    with reverts("ReentrancyGuardReentrantCall"):
        vault.deposit(token, 100, sender=user)


def test_a_token_that_swallows_the_error_is_credited_once(vault, user, registered):
    token = registered("ReenteringToken")
    token.setSwallowsErrors(True, sender=user)
    receipt = vault.deposit(token, 100, sender=user)
    assert token.succeededCalls() == 0
    assert logs_of(receipt, vault) == [spot_deposit(user, token, 100)]
    assert ledgers(vault, user, token) == (100,) * 4
    assert ledgers(vault, token, token)[:2] == (0, 0)


def test_the_lock_opens_after_a_deposit_within_one_transaction(deploy, vault, df, owner, user):
    batch = deploy("DepositBatch")
    df.mint(batch, 3, sender=owner)
    receipt = batch.depositMany(vault, df, [1, 2], sender=user)
    assert len(logs_of(receipt, vault)) == 2


def test_the_lock_opens_after_a_failed_deposit(vault, df, user, funded):
    with reverts("ZeroAmount"):
        vault.deposit(df, 0, sender=user)
    vault.deposit(df, 1, sender=user)


def test_a_token_that_is_no_longer_registered_is_refused_but_remembered(vault, df, owner, user):
    vault.setTokenRegistered(df, False, sender=owner)
    assert (vault.registeredTokens(df), vault.everRegisteredTokens(df)) == (False, True)
    with reverts("TokenNotRegistered", df):
        vault.deposit(df, 1, sender=user)


def test_a_lookalike_is_another_token(deploy, vault, df, user):
    lookalike = deploy("LookalikeToken")
    assert lookalike.name() == df.name()
    assert lookalike.symbol() == df.symbol()
    assert lookalike.decimals() == df.decimals()
    with reverts("TokenNotRegistered", lookalike):
        vault.deposit(lookalike, 1, sender=user)


def test_a_plain_token_transfer_is_accepted_and_never_credited(vault, df, user, funded):
    receipt = df.transfer(vault, 25, sender=user)
    transfer = log(
        "Transfer(address,address,uint256)",
        user,
        vault,
        data=word(25),
    )
    assert logs_of(receipt, vault) == []
    assert logs_of(receipt, df) == [transfer]
    assert len(receipt.logs) == 1
    assert df.balanceOf(vault) == 25
    assert ledgers(vault, user, df) == (0, 0, 0, 0)


def test_native_deposits_are_refused_until_the_zero_address_is_registered(vault, user):
    with reverts("TokenNotRegistered", NATIVE):
        vault.depositNative(value=5, sender=user)


def test_a_native_deposit_is_credited_to_the_zero_address(vault, owner, user):
    vault.setTokenRegistered(NATIVE, True, sender=owner)
    receipt = vault.depositNative(value=5, sender=user)
    assert logs_of(receipt, vault) == [spot_deposit(user, NATIVE, 5)]
    assert ledgers(vault, user, NATIVE) == (5,) * 4
    assert vault.balance == 5


def test_a_plain_bnb_transfer_reverts(vault, owner, user):
    vault.setTokenRegistered(NATIVE, True, sender=owner)
    with reverts_with(b""):
        user.transfer(vault, 5)
    assert vault.balance == 0


def test_a_deposit_of_tokens_takes_no_bnb(vault, df, user, funded):
    with reverts_with(b""):
        vault.deposit(df, 1, value=5, sender=user)


def test_an_event_of_a_clone_differs_in_its_address_only(deploy, vault, df, user, stranger, funded):
    clone = deploy("VaultClone")
    real = vault.deposit(df, 40, sender=user)
    forged = clone.emitDeposit(user, df, 40, sender=stranger)
    assert logs_of(forged, clone) == logs_of(real, vault)
    assert logs_of(forged, vault) == []


def test_a_clone_claims_any_amount_for_anyone(deploy, df, user, stranger):
    clone = deploy("VaultClone")
    receipt = clone.emitDeposit(user, df, MAX_UINT256, sender=stranger)
    assert logs_of(receipt, clone) == [spot_deposit(user, df, MAX_UINT256)]


def test_a_clone_forges_on_both_sides_of_a_real_deposit(deploy, vault, df, owner, user, stranger):
    clone = deploy("VaultClone")
    df.mint(clone, 3, sender=owner)
    receipt = clone.depositBetweenForgeries(vault, df, 3, user, 10**30, sender=stranger)
    assert logs_of(receipt, clone) == [spot_deposit(user, df, 10**30)] * 2
    assert logs_of(receipt, vault) == [spot_deposit(clone, df, 3)]
    emitters = [
        log_entry["address"]
        for log_entry in receipt.logs
        if "0x" + bytes(log_entry["topics"][0]).hex() == SPOT_DEPOSIT_TOPIC
    ]
    assert emitters == [clone.address, vault.address, clone.address]
