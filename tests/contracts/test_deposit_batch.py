"""Several deposits in one transaction, made by the accounts themselves under EIP-7702."""

import pytest
from ape.contracts import ContractInstance
from ape.exceptions import ContractLogicError
from eth_account import Account
from expected import logs_of, revert_data, reverts, reverts_with, spot_deposit

DELEGATION_PREFIX = bytes.fromhex("ef0100")


@pytest.fixture
def batch(deploy):
    return deploy("DepositBatch")


@pytest.fixture
def delegate(accounts, batch, chain):
    """Delegates accounts to the batch, in one transaction of a sponsor, and funds nothing."""

    def delegate_accounts(*delegating):
        web3 = chain.provider.web3
        sponsor = accounts[9]
        authorizations = [
            Account.from_key(account.private_key).sign_authorization(
                {"chainId": chain.chain_id, "address": batch.address, "nonce": account.nonce}
            )
            for account in delegating
        ]
        signed = Account.from_key(sponsor.private_key).sign_transaction(
            {
                "type": 4,
                "chainId": chain.chain_id,
                "nonce": sponsor.nonce,
                "to": sponsor.address,
                "value": 0,
                "gas": 1_000_000,
                "maxFeePerGas": 10**10,
                "maxPriorityFeePerGas": 0,
                "data": b"",
                "authorizationList": authorizations,
            }
        )
        web3.eth.send_raw_transaction(signed.raw_transaction)
        for account in delegating:
            code = bytes(chain.provider.get_code(account.address))
            assert code == DELEGATION_PREFIX + bytes.fromhex(batch.address[2:])

    return delegate_accounts


def at(batch, account):
    """The account's own address, spoken to as the batch it delegates to."""
    return ContractInstance(account.address, batch.contract_type)


def test_a_batch_deposits_its_own_tokens(batch, vault, df, owner, stranger):
    df.mint(batch, 6, sender=owner)
    receipt = batch.depositMany(vault, df, [1, 2, 3], sender=stranger)
    assert logs_of(receipt, vault) == [spot_deposit(batch, df, amount) for amount in (1, 2, 3)]
    assert df.allowance(batch, vault) == 0


def test_a_delegating_account_is_the_account_of_its_deposits(
    batch, vault, df, owner, user, delegate
):
    delegate(user)
    df.mint(user, 6, sender=owner)
    receipt = at(batch, user).depositMany(vault, df, [1, 2, 3], sender=user)
    assert logs_of(receipt, vault) == [spot_deposit(user, df, amount) for amount in (1, 2, 3)]
    assert vault.accountTokenBalance(user, df) == 6
    assert df.balanceOf(user) == 0


def test_one_transaction_holds_deposits_of_several_accounts(
    batch, vault, df, owner, user, stranger, delegate
):
    delegate(user, stranger)
    for account in (user, stranger):
        df.mint(account, 10, sender=owner)
    receipt = batch.relay(vault, df, [user, stranger, user], [1, 2, 3], sender=owner)
    assert logs_of(receipt, vault) == [
        spot_deposit(user, df, 1),
        spot_deposit(stranger, df, 2),
        spot_deposit(user, df, 3),
    ]


def test_sixty_four_deposits_fit_in_one_transaction(batch, vault, df, owner):
    df.mint(batch, 64, sender=owner)
    receipt = batch.depositMany(vault, df, [1] * 64, sender=owner)
    assert len(logs_of(receipt, vault)) == 64


def test_a_batch_fails_as_a_whole_with_the_vaults_error(batch, vault, df, owner, user, delegate):
    delegate(user)
    df.mint(user, 10, sender=owner)
    with reverts("ZeroAmount"):
        at(batch, user).depositMany(vault, df, [1, 0], sender=user)
    with reverts("ZeroAmount"):
        batch.relay(vault, df, [user, user], [1, 0], sender=owner)
    assert df.balanceOf(user) == 10


def test_a_relay_wants_one_amount_per_account(batch, vault, df, owner, user):
    with pytest.raises(ContractLogicError) as caught:
        batch.relay(vault, df, [user], [1, 2], sender=owner)
    assert b"accounts and amounts differ in length" in revert_data(caught.value)


def test_a_relay_for_an_account_that_delegates_nowhere_fails(batch, vault, df, owner, user):
    with reverts_with(b""):
        batch.relay(vault, df, [user], [1], sender=owner)


def test_a_delegating_account_still_receives_bnb(user, stranger, delegate):
    delegate(user)
    before = user.balance
    stranger.transfer(user, 5)
    assert user.balance == before + 5
