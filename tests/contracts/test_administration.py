"""What the vault's owner may do, and nobody else."""

import pytest
from expected import NATIVE, log, logs_of, reverts, word


def test_a_new_vault_is_open_and_knows_its_owner_and_signer(deploy, owner, signer, df):
    vault = deploy("ZtdxSpotVault", owner, signer)
    assert vault.owner() == owner
    assert vault.authorizationSigner() == signer
    assert vault.paused() is False
    assert vault.registeredTokens(df) is False
    assert vault.everRegisteredTokens(df) is False


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("setTokenRegistered", (NATIVE, True)),
        ("setAuthorizationSigner", (NATIVE,)),
        ("pause", ()),
        ("unpause", ()),
    ],
)
def test_administration_is_the_owners_alone(vault, stranger, signer, method, arguments):
    for sender in (stranger, signer):
        with reverts("OwnableUnauthorizedAccount", sender):
            getattr(vault, method)(*arguments, sender=sender)


@pytest.mark.parametrize("native", [False, True])
def test_a_token_is_registered_and_unregistered(deploy, vault, owner, native):
    token = NATIVE if native else deploy("LookalikeToken")
    signature = "TokenRegistrationChanged(address,bool)"
    for registered in (True, False, True):
        receipt = vault.setTokenRegistered(token, registered, sender=owner)
        assert logs_of(receipt, vault) == [log(signature, token, data=word(registered))]
        assert vault.registeredTokens(token) is registered
        assert vault.everRegisteredTokens(token) is True


def test_unregistering_a_token_that_never_was_leaves_it_unknown(vault, owner):
    vault.setTokenRegistered(NATIVE, False, sender=owner)
    assert vault.everRegisteredTokens(NATIVE) is False


def test_a_new_signer_replaces_the_old_one(vault, owner, signer, stranger):
    receipt = vault.setAuthorizationSigner(stranger, sender=owner)
    assert logs_of(receipt, vault) == [
        log("AuthorizationSignerChanged(address,address)", signer, stranger)
    ]
    assert vault.authorizationSigner() == stranger


def test_a_vault_has_a_signer(vault, owner, signer):
    with reverts("ZeroAddress"):
        vault.setAuthorizationSigner(NATIVE, sender=owner)
    assert vault.authorizationSigner() == signer


def test_pause_stops_deposits_until_unpause(vault, df, owner, user, funded):
    receipt = vault.pause(sender=owner)
    assert logs_of(receipt, vault) == [log("Paused(address)", data=word(owner))]
    assert vault.paused() is True
    with reverts("EnforcedPause"):
        vault.deposit(df, 1, sender=user)

    receipt = vault.unpause(sender=owner)
    assert logs_of(receipt, vault) == [log("Unpaused(address)", data=word(owner))]
    assert vault.paused() is False
    vault.deposit(df, 1, sender=user)


def test_a_paused_vault_cannot_be_paused_again(vault, owner):
    vault.pause(sender=owner)
    with reverts("EnforcedPause"):
        vault.pause(sender=owner)


def test_an_open_vault_cannot_be_unpaused(vault, owner):
    with reverts("ExpectedPause"):
        vault.unpause(sender=owner)


def test_a_paused_vault_is_administered_as_before(vault, owner, df, stranger):
    vault.pause(sender=owner)
    vault.setTokenRegistered(df, False, sender=owner)
    vault.setAuthorizationSigner(stranger, sender=owner)
