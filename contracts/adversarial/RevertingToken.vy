# pragma version 0.4.3
# SPDX-License-Identifier: MIT
"""
@title RevertingToken
@notice Fails every transferFrom with the bytes it was told, empty or long: what the vault's caller
        must get to see unchanged. Anyone may mint and set the bytes.
"""

from .. import erc20

initializes: erc20

exports: (erc20.totalSupply, erc20.balanceOf, erc20.allowance, erc20.approve, erc20.transfer)

name: public(constant(String[15])) = "Reverting token"
symbol: public(constant(String[6])) = "REVERT"
decimals: public(constant(uint8)) = 18

revertData: public(Bytes[4096])


@deploy
def __init__():
    pass


@external
def mint(to: address, amount: uint256):
    erc20._mint(to, amount)


@external
def setRevertData(data: Bytes[4096]):
    self.revertData = data


@external
def transferFrom(sender: address, receiver: address, amount: uint256) -> bool:
    raw_revert(self.revertData)
