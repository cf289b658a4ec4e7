"""A caller who breaks two rules learns of the one the product checks first."""

from itertools import combinations

import pytest
from bare_state import BareState
from expected import ANSWERED_FALSE, ANSWERED_TRUE, NATIVE, error, reverts, reverts_with
from vouchers import FAR_DEADLINE_S, join, next_voucher, split, twin

TOKENS_OWN_ERROR = b"the token says no"

# In the documented order.
DEPOSIT_RULES = (
    "paused",
    "re-entered",
    "zero address",
    "not registered",
    "zero amount",
    "transfer fails",
    "answers false",
    "nothing arrives",
)
# Each of these needs a token of its own kind.
KINDS_OF_TOKEN = {"zero address", "transfer fails", "answers false", "nothing arrives"}

NATIVE_RULES = ("paused", "re-entered", "not registered", "zero amount")

# One rule and one error, so nobody can tell in which order they are noticed.
BAD_SIGNATURES = ("empty", "too long", "upper half", "no signature", "another's signature")

WITHDRAW_RULES = (
    "paused",
    "re-entered",
    "never registered",
    "zero amount",
    "expired",
    *BAD_SIGNATURES,
    "more than the vault has",
    "payment fails",
)
# Not both in one withdrawal: nothing is not too much, and a token that pays badly was deposited.
APART = (
    {"zero amount", "more than the vault has"},
    {"never registered", "payment fails"},
    *(set(pair) for pair in combinations(BAD_SIGNATURES, 2)),
)


def possible(pair):
    return len(KINDS_OF_TOKEN.intersection(pair)) < 2


class Stage:
    """A vault, and a user who breaks the rules he is told to break.

    The vault belongs to a token that re-enters it, because only its owner can pause it in the
    middle of a deposit.
    """

    def __init__(self, deploy, owner, user):
        self.user = user
        self.reentering = deploy("ReenteringToken")
        self.vault = deploy("ZtdxSpotVault", self.reentering, owner)
        self.tokens = {
            "zero address": NATIVE,
            "transfer fails": deploy("RevertingToken"),
            # Moves nothing either.
            "answers false": deploy("FalseReturningToken"),
            "nothing arrives": deploy("LyingToken"),
            "sound": deploy("LookalikeToken"),
        }
        self.tokens["transfer fails"].setRevertData(TOKENS_OWN_ERROR, sender=user)
        self.tokens["nothing arrives"].lie(0, 0, ANSWERED_TRUE, sender=user)
        self.tokens["nothing arrives"].approve(self.vault, 100, sender=user)
        for token in (self.reentering, *self.tokens.values()):
            self.as_owner(self.vault.setTokenRegistered, token, True)
        for token in (self.reentering, self.tokens["sound"]):
            token.mint(user, 100, sender=user)
            token.approve(self.vault, 100, sender=user)

    def as_owner(self, method, *arguments):
        data = method.encode_input(*arguments)
        self.reentering.forward(self.vault, data, sender=self.user)

    def deposit(self, broken):
        token = self.token(broken)
        amount_wei = 0 if "zero amount" in broken else 10
        if "not registered" in broken:
            self.as_owner(self.vault.setTokenRegistered, token, False)
        if "re-entered" in broken:
            self.from_within(self.vault.deposit.encode_input(token, amount_wei), broken)
            return
        if "paused" in broken:
            self.as_owner(self.vault.pause)
        self.vault.deposit(token, amount_wei, sender=self.user)

    def deposit_native(self, broken):
        if "not registered" in broken:
            self.as_owner(self.vault.setTokenRegistered, NATIVE, False)
        if "re-entered" in broken:
            # The token has no BNB to send along, so this breaks the rule of the amount as well.
            self.from_within(self.vault.depositNative.encode_input(), broken)
            return
        if "paused" in broken:
            self.as_owner(self.vault.pause)
        value = 0 if "zero amount" in broken else 5
        self.vault.depositNative(value=value, sender=self.user)

    def from_within(self, call, broken):
        """Calls the vault in the middle of a deposit."""
        calls = [self.vault.pause.encode_input(), call] if "paused" in broken else [call]
        self.reentering.setCalls(calls, sender=self.user)
        self.vault.deposit(self.reentering, 1, sender=self.user)

    def token(self, broken):
        return self.tokens[next((rule for rule in broken if rule in KINDS_OF_TOKEN), "sound")]

    def error(self, rule, broken):
        return {
            "paused": lambda: error("EnforcedPause"),
            "re-entered": lambda: error("ReentrancyGuardReentrantCall"),
            "zero address": lambda: error("ZeroAddress"),
            "not registered": lambda: error("TokenNotRegistered", self.token(broken)),
            "zero amount": lambda: error("ZeroAmount"),
            "transfer fails": lambda: TOKENS_OWN_ERROR,
            "answers false": lambda: error("SafeERC20FailedOperation", self.token(broken)),
            "nothing arrives": lambda: error("ZeroAmount"),
        }[rule]()


@pytest.fixture(scope="module")
def stage(deploy, owner, user):
    return Stage(deploy, owner, user)


def test_a_deposit_that_breaks_no_rule_succeeds(stage):
    stage.deposit(broken=())
    assert stage.vault.accountTokenBalance(stage.user, stage.tokens["sound"]) == 10


@pytest.mark.parametrize("rule", DEPOSIT_RULES)
def test_a_deposit_that_breaks_one_rule_fails_with_its_error(stage, rule):
    with reverts_with(stage.error(rule, (rule,))):
        stage.deposit(broken=(rule,))


@pytest.mark.parametrize(
    "pair", filter(possible, combinations(DEPOSIT_RULES, 2)), ids=" before ".join
)
def test_the_earlier_of_two_broken_rules_decides_a_deposit(stage, pair):
    with reverts_with(stage.error(pair[0], pair)):
        stage.deposit(broken=pair)


@pytest.mark.parametrize(
    "broken",
    [*((rule,) for rule in NATIVE_RULES), *combinations(NATIVE_RULES, 2)],
    ids=" before ".join,
)
def test_the_earliest_broken_rule_decides_a_native_deposit(stage, broken):
    expected = {
        "paused": error("EnforcedPause"),
        "re-entered": error("ReentrancyGuardReentrantCall"),
        "not registered": error("TokenNotRegistered", NATIVE),
        "zero amount": error("ZeroAmount"),
    }[broken[0]]
    with reverts_with(expected):
        stage.deposit_native(broken)


def test_a_native_deposit_that_breaks_no_rule_succeeds(stage):
    stage.deposit_native(broken=())
    assert stage.vault.accountTokenBalance(stage.user, NATIVE) == 5


class WithdrawalStage(Stage):
    """The same vault, with tokens in it and vouchers for them."""

    def __init__(self, deploy, chain, owner, user):
        super().__init__(deploy, owner, user)
        self.chain = chain
        self.signer = owner
        self.tokens |= {
            "never registered": deploy("FeeOnTransferToken"),
            "payment fails": deploy("LyingToken"),
        }
        lying = self.tokens["payment fails"]
        self.as_owner(self.vault.setTokenRegistered, lying, True)
        lying.mint(user, 100, sender=user)
        lying.approve(self.vault, 100, sender=user)
        for token in (lying, self.tokens["sound"]):
            self.vault.deposit(token, 100, sender=user)
        lying.lie(10, 0, ANSWERED_FALSE, sender=user)

    def withdraw(self, broken):
        if "re-entered" in broken:
            arguments = self.arguments(self.reentering, broken)
            self.from_within(self.vault.withdraw.encode_input(*arguments), broken)
            return
        if "paused" in broken:
            self.as_owner(self.vault.pause)
        self.vault.withdraw(*self.arguments(self.user, broken), sender=self.user)

    def arguments(self, account, broken):
        token = self.token(broken)
        amount_wei = self.amount_wei(broken)
        deadline = 1 if "expired" in broken else FAR_DEADLINE_S
        due = next_voucher(self.vault, self.chain, account, token, amount_wei, deadline)
        return token, amount_wei, deadline, self.signature(due, broken)

    def signature(self, due, broken):
        if "empty" in broken:
            return b""
        signature = due.signed_by(self.user if "another's signature" in broken else self.signer)
        if "upper half" in broken:
            signature = twin(signature)
        if "no signature" in broken:
            r, s, _ = split(signature)
            signature = join(r, s, 0)
        return signature + b"\x00" if "too long" in broken else signature

    def amount_wei(self, broken):
        return 0 if "zero amount" in broken else 101 if "more than the vault has" in broken else 10

    def token(self, broken):
        kinds = {"never registered", "payment fails"}
        return self.tokens[next((rule for rule in broken if rule in kinds), "sound")]

    def error(self, rule, broken):
        token = self.token(broken)
        return {
            "paused": lambda: error("EnforcedPause"),
            "re-entered": lambda: error("ReentrancyGuardReentrantCall"),
            "never registered": lambda: error("TokenNotRegistered", token),
            "zero amount": lambda: error("ZeroAmount"),
            # A call without a transaction sees the time of the latest block.
            "expired": lambda: error("SignatureExpired", 1, BareState(self.chain).timestamp_s),
            **dict.fromkeys(BAD_SIGNATURES, lambda: error("InvalidSignature")),
            "more than the vault has": lambda: error("InsufficientVaultBalance", token, 101, 100),
            "payment fails": lambda: error("SafeERC20FailedOperation", token),
        }[rule]()


@pytest.fixture(scope="module")
def withdrawal_stage(deploy, chain, owner, user):
    return WithdrawalStage(deploy, chain, owner, user)


def test_a_withdrawal_that_breaks_no_rule_succeeds(withdrawal_stage):
    withdrawal_stage.withdraw(broken=())
    assert withdrawal_stage.tokens["sound"].balanceOf(withdrawal_stage.user) == 10


@pytest.mark.parametrize("rule", WITHDRAW_RULES)
def test_a_withdrawal_that_breaks_one_rule_fails_with_its_error(withdrawal_stage, rule):
    with reverts_with(withdrawal_stage.error(rule, (rule,))):
        withdrawal_stage.withdraw(broken=(rule,))


@pytest.mark.parametrize(
    "pair",
    [pair for pair in combinations(WITHDRAW_RULES, 2) if set(pair) not in APART],
    ids=" before ".join,
)
def test_the_earlier_of_two_broken_rules_decides_a_withdrawal(withdrawal_stage, pair):
    with reverts_with(withdrawal_stage.error(pair[0], pair)):
        withdrawal_stage.withdraw(broken=pair)


def test_ownership_is_checked_before_the_pause(vault, owner, stranger):
    with reverts("OwnableUnauthorizedAccount", stranger):
        vault.unpause(sender=stranger)
    vault.pause(sender=owner)
    with reverts("OwnableUnauthorizedAccount", stranger):
        vault.pause(sender=stranger)
