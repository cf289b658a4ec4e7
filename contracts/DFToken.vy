# pragma version 0.4.3
# SPDX-License-Identifier: MIT
"""
@title DFToken
@notice The DF token of the devnet: a plain ERC-20 that its owner may mint. Only storage depends on
        the constructor, so the code is the same at whatever address the constructor is run.
"""

from . import erc20

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

owner: public(address)


@deploy
def __init__(initial_owner: address):
    if initial_owner == empty(address):
        raw_revert(abi_encode(initial_owner, method_id=method_id("OwnableInvalidOwner(address)")))
    self.owner = initial_owner


@external
def mint(to: address, amount: uint256):
    if msg.sender != self.owner:
        raw_revert(abi_encode(msg.sender, method_id=method_id("OwnableUnauthorizedAccount(address)")))
    erc20._mint(to, amount)
