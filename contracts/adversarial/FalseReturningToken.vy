# pragma version 0.4.3
# SPDX-License-Identifier: MIT
"""
@title FalseReturningToken
@notice Answers transferFrom with False, moves nothing and does not revert: whoever trusts a
        transaction's success credits air. Anyone may mint.
"""

from .. import erc20

initializes: erc20

exports: (erc20.totalSupply, erc20.balanceOf, erc20.allowance, erc20.approve, erc20.transfer)

name: public(constant(String[21])) = "False returning token"
symbol: public(constant(String[5])) = "FALSE"
decimals: public(constant(uint8)) = 18


@deploy
def __init__():
    pass


@external
def mint(to: address, amount: uint256):
    erc20._mint(to, amount)


@external
def transferFrom(sender: address, receiver: address, amount: uint256) -> bool:
    return False
