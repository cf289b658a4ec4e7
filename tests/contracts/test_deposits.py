"""What the vault takes, what it credits and what it says of it."""

import pytest
from bare_state import BareState
from eth_abi import encode
from eth_utils import keccak
from expected import (
    ANSWERED_FALSE,
    ANSWERED_TRUE,
    ARITHMETIC_PANIC,
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
    assert ledgers(vault, user, df) == (40, 40, 540, 40)
    assert df.balanceOf(vault) == 540


@pytest.mark.parametrize("amount_wei", [0, 100])
def test_a_token_that_answers_false_is_refused_whatever_it_moved(
    vault, user, registered, amount_wei
):
    token = registered("LyingToken")
    token.lie(amount_wei, 0, ANSWERED_FALSE, sender=user)
    with reverts("SafeERC20FailedOperation", token):
        vault.deposit(token, 100, sender=user)
    assert ledgers(vault, user, token) == (0, 0, 0, 0)


@pytest.mark.parametrize("answer", [ANSWERED_TRUE, b""], ids=["true", "nothing"])
def test_a_token_that_moves_nothing_deposits_nothing(vault, user, registered, answer):
    token = registered("LyingToken")
    token.lie(0, 0, answer, sender=user)
    with reverts("ZeroAmount"):
        vault.deposit(token, 100, sender=user)


@pytest.mark.parametrize(
    "answer",
    [b"", ANSWERED_TRUE, ANSWERED_TRUE + b"\x01", ANSWERED_TRUE + bytes(8_000)],
    ids=["nothing", "true", "true and a byte", "true and 8,000 bytes"],
)
def test_a_token_that_does_not_answer_false_is_credited_with_what_it_moved(
    vault, user, registered, answer
):
    token = registered("LyingToken")
    token.lie(70, 0, answer, sender=user)
    receipt = vault.deposit(token, 100, sender=user)
    assert logs_of(receipt, vault) == [spot_deposit(user, token, 70)]
    assert ledgers(vault, user, token) == (70,) * 4


@pytest.mark.parametrize(
    "answer",
    [b"\x01", ANSWERED_TRUE[1:], encode(["uint256"], [2]), b"\xff" * 32],
    ids=["one byte", "31 bytes", "two", "every bit"],
)
def test_an_answer_that_is_no_bool_fails_the_deposit(vault, user, registered, answer):
    token = registered("LyingToken")
    token.lie(100, 0, answer, sender=user)
    with reverts_with(b""):
        vault.deposit(token, 100, sender=user)


def test_a_token_that_takes_from_the_vault_fails_the_deposit(vault, user, registered):
    token = registered("LyingToken")
    vault.deposit(token, 10, sender=user)
    token.lie(100, 101, ANSWERED_TRUE, sender=user)
    with reverts_with(ARITHMETIC_PANIC):
        vault.deposit(token, 100, sender=user)
    token.lie(100, 100, ANSWERED_TRUE, sender=user)
    with reverts("ZeroAmount"):
        vault.deposit(token, 100, sender=user)


def test_deposits_beyond_what_a_ledger_holds_are_refused(
    vault, user, stranger, signer, registered, voucher
):
    """The sum of the deposits never falls, so it is full although the vault is empty."""
    token = registered("LyingToken", MAX_UINT256)
    vault.deposit(token, MAX_UINT256, sender=user)
    token.burn(vault, 2, sender=user)
    for account in (user, stranger):
        token.mint(account, 1, sender=account)
        token.approve(vault, 1, sender=account)
        with reverts_with(ARITHMETIC_PANIC):
            vault.deposit(token, 1, sender=account)
    assert ledgers(vault, user, token) == (MAX_UINT256, MAX_UINT256, MAX_UINT256 - 2, MAX_UINT256)

    due = voucher(user, token, 1)
    vault.withdraw(token, 1, due.deadline, due.signed_by(signer), sender=user)
    assert vault.accountTokenBalance(user, token) == MAX_UINT256 - 1
    with reverts_with(ARITHMETIC_PANIC):
        vault.deposit(token, 1, sender=user)


def test_the_tokens_own_errors_reach_the_caller_unchanged(vault, df, owner, user, stranger, funded):
    with reverts("ERC20InsufficientAllowance", vault, 0, 5):
        vault.deposit(df, 5, sender=stranger)
    df.approve(vault, 5, sender=stranger)
    with reverts("ERC20InsufficientBalance", stranger, 0, 5):
        vault.deposit(df, 5, sender=stranger)


@pytest.mark.parametrize(
    "data",
    [
        b"\x01",
        error("ZeroAddress"),
        keccak(text="Error(string)")[:4] + encode(["string"], ["no"]),
        bytes(range(256)) * 16,
    ],
    ids=["one byte", "an error of the vault", "a string", "4,096 bytes"],
)
def test_revert_data_of_any_shape_is_handed_on_whole(vault, user, registered, data):
    token = registered("RevertingToken")
    token.setRevertData(data, sender=user)
    with reverts_with(data):
        vault.deposit(token, 1, sender=user)


def test_a_token_that_fails_without_a_word_is_given_an_error(vault, user, registered):
    token = registered("RevertingToken")
    with reverts("FailedInnerCall"):
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
    assert ledgers(vault, user, df) == (0, 0, 25, 0)


def test_native_deposits_are_refused_until_the_zero_address_is_registered(vault, user):
    with reverts("TokenNotRegistered", NATIVE):
        vault.depositNative(value=5, sender=user)


def test_a_native_deposit_is_credited_to_the_zero_address(vault, owner, user):
    vault.setTokenRegistered(NATIVE, True, sender=owner)
    receipt = vault.depositNative(value=5, sender=user)
    assert logs_of(receipt, vault) == [spot_deposit(user, NATIVE, 5)]
    assert ledgers(vault, user, NATIVE) == (5,) * 4
    assert vault.balance == 5


def test_the_lock_opens_after_a_native_deposit_within_one_transaction(deploy, vault, owner, user):
    vault.setTokenRegistered(NATIVE, True, sender=owner)
    receiver = deploy("ReenteringReceiver")
    receiver.forward(vault, [], value=10, sender=user)
    receipt = receiver.forward(
        vault, [vault.depositNative.encode_input()] * 2, value=5, sender=user
    )
    assert logs_of(receipt, vault) == [spot_deposit(receiver, NATIVE, 5)] * 2


def test_the_balance_of_the_vault_is_what_it_holds(chain, deploy, vault, df, user, funded):
    """Of whatever token, registered or not, and of BNB that no call brought."""
    unknown = deploy("LookalikeToken")
    unknown.mint(vault, 7, sender=user)
    df.transfer(vault, 25, sender=user)
    vault.deposit(df, 40, sender=user)
    assert (vault.vaultTokenBalance(df), vault.vaultTokenBalance(unknown)) == (65, 7)

    state = BareState(chain)
    state.give_bnb(vault.address, 11)
    for token, held in ((NATIVE, 11), (df.address, 65)):
        answer = state.call(user.address, vault.address, "vaultTokenBalance(address)", token)
        assert int.from_bytes(answer.output, "big") == held


def test_the_balance_of_what_is_no_token_is_not_known(vault, user):
    with reverts_with(b""):
        vault.vaultTokenBalance(user)


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
