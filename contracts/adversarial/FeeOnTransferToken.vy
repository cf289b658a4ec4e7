# pragma version 0.4.3
# SPDX-License-Identifier: MIT
"""
@title FeeOnTransferToken
@notice Burns 1 % of every transfer, so the receiver gets less than the sender asked to send: the
        vault's event has to carry what arrived. Amounts below 100 wei go through whole. Anyone may
        mint.
"""

from .. import erc20

initializes: erc20

exports: (erc20.totalSupply, erc20.balanceOf, erc20.allowance, erc20.approve)

name: public(constant(String[21])) = "Fee on transfer token"
symbol: public(constant(String[3])) = "FEE"
decimals: public(constant(uint8)) = 18

FEE_DIVISOR: constant(uint256) = 100


@deploy
def __init__():
    pass


@external
def mint(to: address, amount: uint256):
    erc20._mint(to, amount)


@external
def transfer(receiver: address, amount: uint256) -> bool:
    self._transfer_less_fee(msg.sender, receiver, amount)
    return True


@external
def transferFrom(sender: address, receiver: address, amount: uint256) -> bool:
    erc20._spend_allowance(sender, msg.sender, amount)
    self._transfer_less_fee(sender, receiver, amount)
    return True


@internal
def _transfer_less_fee(sender: address, receiver: address, amount: uint256):
    # The whole amount first, so that a sender who can't pay hears of the amount he asked for.
    erc20._transfer(sender, receiver, amount)
    fee: uint256 = amount // FEE_DIVISOR
    if fee > 0:
        erc20._burn(receiver, fee)
