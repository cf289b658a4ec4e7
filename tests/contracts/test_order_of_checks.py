"""A caller who breaks two rules learns of the one the product checks first."""

from itertools import combinations

import pytest
from expected import NATIVE, error, reverts, reverts_with

TOKENS_OWN_ERROR = b"the token says no"

# In the documented order.
DEPOSIT_RULES = (
    "paused",
    "re-entered",
    "zero address",
    "not registered",
    "zero amount",
    "transfer fails",
    "nothing arrives",
)
# Each of these needs a token of its own kind.
KINDS_OF_TOKEN = {"zero address", "transfer fails", "nothing arrives"}

NATIVE_RULES = ("paused", "not registered", "zero amount")


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
            "nothing arrives": deploy("FalseReturningToken"),
            "sound": deploy("LookalikeToken"),
        }
        self.tokens["transfer fails"].setRevertData(TOKENS_OWN_ERROR, sender=user)
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
            self.deposit_from_within(token, amount_wei, pausing="paused" in broken)
            return
        if "paused" in broken:
            self.as_owner(self.vault.pause)
        self.vault.deposit(token, amount_wei, sender=self.user)

    def deposit_from_within(self, token, amount_wei, pausing):
        calls = [self.vault.deposit.encode_input(token, amount_wei)]
        if pausing:
            calls.insert(0, self.vault.pause.encode_input())
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
def test_the_earliest_broken_rule_decides_a_native_deposit(vault, owner, user, broken):
    if "not registered" not in broken:
        vault.setTokenRegistered(NATIVE, True, sender=owner)
    if "paused" in broken:
        vault.pause(sender=owner)
    expected = {
        "paused": error("EnforcedPause"),
        "not registered": error("TokenNotRegistered", NATIVE),
        "zero amount": error("ZeroAmount"),
    }[broken[0]]
    with reverts_with(expected):
        vault.depositNative(value=0 if "zero amount" in broken else 5, sender=user)


def test_ownership_is_checked_before_the_pause(vault, owner, stranger):
    with reverts("OwnableUnauthorizedAccount", stranger):
        vault.unpause(sender=stranger)
    vault.pause(sender=owner)
    with reverts("OwnableUnauthorizedAccount", stranger):
        vault.pause(sender=stranger)
