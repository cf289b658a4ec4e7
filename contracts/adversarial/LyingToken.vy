# pragma version 0.4.3
# SPDX-License-Identifier: MIT
"""
@title LyingToken
@notice A token like any other until it is told to lie. Then every transfer, either way, moves
        another amount than it is asked for, burns of what its receiver holds, and answers what it
        was told, nothing and nonsense included. Anyone may mint, burn and steer it.
"""

from .. import erc20

initializes: erc20

exports: (
    erc20.totalSupply,
    erc20.balanceOf,
    erc20.allowance,
    erc20.approve,
)

name: public(constant(String[11])) = "Lying token"
symbol: public(constant(String[3])) = "LIE"
decimals: public(constant(uint8)) = 18

MAX_ANSWER_BYTES: constant(uint256) = 8192

lies: bool
moved: uint256
burnt: uint256
answer: Bytes[MAX_ANSWER_BYTES]


@deploy
def __init__():
    pass


@external
def mint(to: address, amount: uint256):
    erc20._mint(to, amount)


@external
def burn(holder: address, amount: uint256):
    erc20._burn(holder, amount)


@external
def lie(moved: uint256, burnt: uint256, answer: Bytes[MAX_ANSWER_BYTES]):
    """
    @notice What every transfer from now on moves, burns of its receiver's tokens, and answers.
    """
    self.lies = True
    self.moved = moved
    self.burnt = burnt
    self.answer = answer


@external
@raw_return
def transfer(receiver: address, amount: uint256) -> Bytes[MAX_ANSWER_BYTES]:
    return self._transfer(msg.sender, receiver, amount)


@external
@raw_return
def transferFrom(
    sender: address, receiver: address, amount: uint256
) -> Bytes[MAX_ANSWER_BYTES]:
    erc20._spend_allowance(sender, msg.sender, amount)
    return self._transfer(sender, receiver, amount)


@internal
def _transfer(sender: address, receiver: address, amount: uint256) -> Bytes[MAX_ANSWER_BYTES]:
    if not self.lies:
        erc20._transfer(sender, receiver, amount)
        return abi_encode(True)
    erc20._transfer(sender, receiver, self.moved)
    erc20._burn(receiver, self.burnt)
    return self.answer
