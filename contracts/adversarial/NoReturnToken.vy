# pragma version 0.4.3
# SPDX-License-Identifier: MIT
"""
@title NoReturnToken
@notice Moves tokens as the standard says and answers nothing, as USDT does elsewhere: whoever
        decodes an answer fails. Anyone may mint.
"""

from .. import erc20

initializes: erc20

exports: (erc20.totalSupply, erc20.balanceOf, erc20.allowance, erc20.approve)

name: public(constant(String[15])) = "No return token"
symbol: public(constant(String[8])) = "NORETURN"
decimals: public(constant(uint8)) = 18


@deploy
def __init__():
    pass


@external
def mint(to: address, amount: uint256):
    erc20._mint(to, amount)


@external
def transfer(receiver: address, amount: uint256):
    erc20._transfer(msg.sender, receiver, amount)


@external
def transferFrom(sender: address, receiver: address, amount: uint256):
    erc20._spend_allowance(sender, msg.sender, amount)
    erc20._transfer(sender, receiver, amount)
