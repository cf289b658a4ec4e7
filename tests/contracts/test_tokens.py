"""DF, and the tokens that misbehave."""

import pytest
from bare_state import BareState
from expected import NATIVE, error, log, logs_of, reverts, reverts_with, word

MAX_UINT256 = 2**256 - 1
TRANSFER = "Transfer(address,address,uint256)"
APPROVAL = "Approval(address,address,uint256)"

SOUND = ("DFToken", "LookalikeToken")


@pytest.fixture(params=SOUND)
def token(request, deploy, owner):
    """An ERC-20 that keeps the standard; the user holds 100 wei of it."""
    token = deploy(request.param, *([owner] if request.param == "DFToken" else []))
    token.mint(owner, 100, sender=owner)
    return token


def test_df_is_named_as_published(df):
    assert (df.name(), df.symbol(), df.decimals()) == ("Diffie", "DF", 18)


def test_df_is_minted_by_its_owner(df, owner, user):
    receipt = df.mint(user, 5, sender=owner)
    assert logs_of(receipt, df) == [log(TRANSFER, NATIVE, user, data=word(5))]
    assert (df.balanceOf(user), df.totalSupply(), df.owner()) == (5, 5, owner)


def test_df_is_minted_by_nobody_else(df, user):
    with reverts("OwnableUnauthorizedAccount", user):
        df.mint(user, 5, sender=user)


def test_ownership_is_checked_before_the_receiver_of_a_mint(df, user):
    with reverts("OwnableUnauthorizedAccount", user):
        df.mint(NATIVE, 5, sender=user)


def test_a_supply_that_does_not_fit_cannot_be_minted(token, owner):
    with reverts_with(b""):
        token.mint(owner, MAX_UINT256, sender=owner)


def test_a_mint_to_the_zero_address_is_refused(token, owner):
    with reverts("ERC20InvalidReceiver", NATIVE):
        token.mint(NATIVE, 5, sender=owner)


def test_a_transfer_moves_tokens(token, owner, user):
    receipt = token.transfer(user, 30, sender=owner)
    assert logs_of(receipt, token) == [log(TRANSFER, owner, user, data=word(30))]
    assert (token.balanceOf(owner), token.balanceOf(user)) == (70, 30)
    assert token.totalSupply() == 100
    assert token.transfer.call(user, 1, sender=owner) is True


def test_a_transfer_to_oneself_changes_nothing(token, owner):
    token.transfer(owner, 30, sender=owner)
    assert token.balanceOf(owner) == 100


def test_a_transfer_beyond_the_balance_is_refused(token, owner, user):
    with reverts("ERC20InsufficientBalance", owner, 100, 101):
        token.transfer(user, 101, sender=owner)


def test_a_transfer_to_the_zero_address_is_refused_whatever_the_balance(token, owner):
    for amount_wei in (1, 101):
        with reverts("ERC20InvalidReceiver", NATIVE):
            token.transfer(NATIVE, amount_wei, sender=owner)


def test_an_approval_replaces_the_one_before(token, owner, user):
    token.approve(user, 30, sender=owner)
    receipt = token.approve(user, 20, sender=owner)
    assert logs_of(receipt, token) == [log(APPROVAL, owner, user, data=word(20))]
    assert token.allowance(owner, user) == 20
    assert token.approve.call(user, 1, sender=owner) is True


def test_the_zero_address_can_not_be_approved(token, owner):
    with reverts("ERC20InvalidSpender", NATIVE):
        token.approve(NATIVE, 5, sender=owner)


def test_the_zero_address_neither_sends_nor_approves(token, user, chain):
    """It can't sign, but eth_call and impersonated transactions come from it all the same."""
    for signature, name in (
        ("transfer(address,uint256)", "ERC20InvalidSender"),
        ("approve(address,uint256)", "ERC20InvalidApprover"),
    ):
        answer = BareState(chain).call(NATIVE, token.address, signature, user.address, 0)
        assert answer.is_error
        assert answer.output == error(name, NATIVE)
    with reverts("ERC20InvalidSender", NATIVE):
        token.transferFrom(NATIVE, user, 0, sender=user)


def test_an_allowance_is_used_up(token, owner, user, stranger):
    token.approve(user, 30, sender=owner)
    receipt = token.transferFrom(owner, stranger, 20, sender=user)
    assert logs_of(receipt, token) == [log(TRANSFER, owner, stranger, data=word(20))]
    assert token.balanceOf(stranger) == 20
    assert token.allowance(owner, user) == 10
    with reverts("ERC20InsufficientAllowance", user, 10, 11):
        token.transferFrom(owner, stranger, 11, sender=user)
    assert token.transferFrom.call(owner, stranger, 1, sender=user) is True


def test_an_endless_allowance_stays(token, owner, user):
    token.approve(user, MAX_UINT256, sender=owner)
    token.transferFrom(owner, user, 20, sender=user)
    assert token.allowance(owner, user) == MAX_UINT256


def test_the_allowance_is_checked_before_receiver_and_balance(token, owner, user):
    with reverts("ERC20InsufficientAllowance", user, 0, 101):
        token.transferFrom(owner, NATIVE, 101, sender=user)
    token.approve(user, 101, sender=owner)
    with reverts("ERC20InvalidReceiver", NATIVE):
        token.transferFrom(owner, NATIVE, 101, sender=user)
    with reverts("ERC20InsufficientBalance", owner, 100, 101):
        token.transferFrom(owner, user, 101, sender=user)


@pytest.mark.parametrize(
    "name",
    [
        "FalseReturningToken",
        "FeeOnTransferToken",
        "LookalikeToken",
        "LyingToken",
        "NoReturnToken",
        "ReenteringToken",
        "RevertingToken",
    ],
)
def test_anyone_mints_a_token_that_misbehaves(deploy, stranger, name):
    token = deploy(name)
    token.mint(stranger, 5, sender=stranger)
    assert (token.balanceOf(stranger), token.totalSupply()) == (5, 5)


@pytest.mark.parametrize(("sent", "arrives"), [(99, 99), (100, 99), (199, 198), (10_000, 9_900)])
def test_a_fee_of_one_percent_is_burnt(deploy, owner, user, stranger, sent, arrives):
    token = deploy("FeeOnTransferToken")
    token.mint(owner, sent, sender=owner)
    token.transfer(user, sent, sender=owner)
    assert (token.balanceOf(user), token.totalSupply()) == (arrives, arrives)

    token.mint(owner, sent, sender=owner)
    token.approve(user, sent, sender=owner)
    token.transferFrom(owner, stranger, sent, sender=user)
    assert (token.balanceOf(stranger), token.allowance(owner, user)) == (arrives, 0)


def test_a_fee_token_names_the_whole_amount_when_it_is_refused(deploy, owner, user):
    token = deploy("FeeOnTransferToken")
    with reverts("ERC20InsufficientBalance", owner, 0, 100):
        token.transfer(user, 100, sender=owner)


def test_a_false_returning_token_moves_nothing(deploy, owner, user):
    token = deploy("FalseReturningToken")
    token.mint(owner, 5, sender=owner)
    token.approve(user, 5, sender=owner)
    assert token.transferFrom.call(owner, user, 5, sender=user) is False
    receipt = token.transferFrom(owner, user, 5, sender=user)
    assert receipt.logs == []
    assert (token.balanceOf(owner), token.allowance(owner, user)) == (5, 5)


def test_a_reentering_token_steers_the_calls_it_makes(deploy, vault, owner, user):
    """What an inner call of one's own does: here the vault's view, which nothing refuses."""
    token = deploy("ReenteringToken")
    vault.setTokenRegistered(token, True, sender=owner)
    token.mint(user, 5, sender=user)
    token.approve(vault, 5, sender=user)
    token.setCalls([vault.paused.encode_input()] * 3, sender=user)
    vault.deposit(token, 5, sender=user)
    assert token.succeededCalls() == 3
    assert vault.accountTokenBalance(user, token) == 5
