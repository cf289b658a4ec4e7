# pragma version 0.4.3
# SPDX-License-Identifier: MIT
"""
@title LookalikeToken
@notice DFToken's name, symbol and decimals at another address, and anyone may mint: only the
        address tells them apart.
"""

from .. import erc20

initializes: erc20

exports: (
    erc20.totalSupply,
    erc20.balanceOf,
    erc20.allowance,
    erc20.transfer,
    erc20.transferFrom,
    erc20.approve,
)

name: public(constant(String[6])) = "Diffie"
symbol: public(constant(String[2])) = "DF"
decimals: public(constant(uint8)) = 18


@deploy
def __init__():
    pass


@external
def mint(to: address, amount: uint256):
    erc20._mint(to, amount)
