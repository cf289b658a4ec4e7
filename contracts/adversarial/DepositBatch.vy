# pragma version 0.4.3
# SPDX-License-Identifier: MIT
"""
@title DepositBatch
@notice Several deposits in one transaction. Made to be an EIP-7702 delegation target: an account
        that delegates to this code runs depositMany as itself, so SpotDeposit names the account.
        Called at its own address it deposits the tokens it holds.
@dev    Anyone may call it on an account that delegates here, so anyone may deposit that account's
        tokens: for a devnet only. It keeps no storage, which would be the account's.
"""

from ethereum.ercs import IERC20

interface Vault:
    def deposit(token: address, amount: uint256): nonpayable

interface Delegated:
    def depositMany(vault: address, token: address, amounts: DynArray[uint256, 64]): nonpayable


@external
@payable
def __default__():
    # An account that delegates here must still be able to receive BNB.
    pass


@external
def depositMany(vault: address, token: address, amounts: DynArray[uint256, 64]):
    """
    @notice Approves the sum once, then deposits each amount in order.
    """
    total: uint256 = 0
    for amount: uint256 in amounts:
        total += amount
    extcall IERC20(token).approve(vault, total, default_return_value=True)
    for amount: uint256 in amounts:
        extcall Vault(vault).deposit(token, amount)


@external
def relay(
    vault: address,
    token: address,
    accounts: DynArray[address, 64],
    amounts: DynArray[uint256, 64],
):
    """
    @notice Lets accounts[i], which must delegate to this code, deposit amounts[i].
    """
    assert len(accounts) == len(amounts), "accounts and amounts differ in length"
    for i: uint256 in range(len(accounts), bound=64):
        extcall Delegated(accounts[i]).depositMany(vault, token, [amounts[i]])
