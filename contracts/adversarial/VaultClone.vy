# pragma version 0.4.3
# SPDX-License-Identifier: MIT
"""
@title VaultClone
@notice Emits the vault's event with whatever content it is told, from another address. A listener
        that looks at the topic alone credits a deposit nobody made.
"""

from ethereum.ercs import IERC20

interface Vault:
    def deposit(token: address, amount: uint256): nonpayable

event SpotDeposit:
    account: indexed(address)
    token: indexed(address)
    amount: uint256


@external
def emitDeposit(account: address, token: address, amount: uint256):
    log SpotDeposit(account=account, token=token, amount=amount)


@external
def depositBetweenForgeries(
    vault: address, token: address, amount: uint256, account: address, forged_amount: uint256
):
    """
    @notice One real deposit with a forged event on either side of it, in one transaction. The real
            one is made with this contract's own tokens, so this contract is its account.
    """
    log SpotDeposit(account=account, token=token, amount=forged_amount)
    extcall IERC20(token).approve(vault, amount, default_return_value=True)
    extcall Vault(vault).deposit(token, amount)
    log SpotDeposit(account=account, token=token, amount=forged_amount)
