# pragma version 0.4.3
# SPDX-License-Identifier: MIT
"""
@title ReenteringToken
@notice Calls back into the vault from transferFrom and from transfer, before it moves anything.
        Without a lock the vault would measure the inner deposit twice: once for the token, once
        for the outer caller.
        Unless told otherwise it deposits the same amount of itself; setCalls replaces that by
        other calls on the vault. A failing inner call fails the transfer with the vault's own
        error, or is swallowed. Anyone may mint and steer it.
"""

from .. import erc20

initializes: erc20

exports: (
    erc20.totalSupply,
    erc20.balanceOf,
    erc20.allowance,
    erc20.approve,
)

name: public(constant(String[16])) = "Reentering token"
symbol: public(constant(String[7])) = "REENTER"
decimals: public(constant(uint8)) = 18

MAX_CALLS: constant(uint256) = 4
MAX_CALL_BYTES: constant(uint256) = 1024

calls: DynArray[Bytes[MAX_CALL_BYTES], MAX_CALLS]
swallowsErrors: public(bool)
# Inner calls of the last transfer that the vault let through.
succeededCalls: public(uint256)
# Re-enters once per transfer: the inner deposit comes back to transferFrom.
inside: bool


@deploy
def __init__():
    pass


@external
def mint(to: address, amount: uint256):
    erc20._mint(to, amount)


@external
def setCalls(calls: DynArray[Bytes[MAX_CALL_BYTES], MAX_CALLS]):
    self.calls = calls


@external
def setSwallowsErrors(swallows: bool):
    self.swallowsErrors = swallows


@external
def forward(target: address, data: Bytes[MAX_CALL_BYTES]):
    """
    @notice Makes the token itself call `target`, so that it can be a vault's owner.
    """
    raw_call(target, data)


@external
def transfer(receiver: address, amount: uint256) -> bool:
    self._reenter_once(msg.sender, amount)
    erc20._transfer(msg.sender, receiver, amount)
    return True


@external
def transferFrom(sender: address, receiver: address, amount: uint256) -> bool:
    erc20._spend_allowance(sender, msg.sender, amount)
    self._reenter_once(msg.sender, amount)
    erc20._transfer(sender, receiver, amount)
    return True


@internal
def _reenter_once(vault: address, amount: uint256):
    if not self.inside:
        self.inside = True
        self._reenter(vault, amount)
        self.inside = False


@internal
def _reenter(vault: address, amount: uint256):
    self.succeededCalls = 0
    # Means for an inner deposit, which the vault would pull from this contract.
    erc20._mint(self, amount)
    erc20._approve(self, vault, amount)
    if len(self.calls) == 0:
        self._call(
            vault, abi_encode(self, amount, method_id=method_id("deposit(address,uint256)"))
        )
    for data: Bytes[MAX_CALL_BYTES] in self.calls:
        self._call(vault, data)


@internal
def _call(vault: address, data: Bytes[MAX_CALL_BYTES]):
    if not self.swallowsErrors:
        raw_call(vault, data)
        self.succeededCalls += 1
    elif raw_call(vault, data, revert_on_failure=False):
        self.succeededCalls += 1
