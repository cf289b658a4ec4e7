# pragma version 0.4.3
# SPDX-License-Identifier: MIT
"""
@title The ERC-20 ledger under every token of this folder
@notice Balances, allowances and the ERC-6093 errors, in OpenZeppelin's order of checks. A token
        imports it, adds its own name and its own rule (or its own misbehaviour), and exports what
        it keeps. It is a module: nobody deploys it alone.
"""

from ethereum.ercs import IERC20

implements: IERC20

totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])


@external
def transfer(receiver: address, amount: uint256) -> bool:
    self._transfer(msg.sender, receiver, amount)
    return True


@external
def transferFrom(sender: address, receiver: address, amount: uint256) -> bool:
    self._spend_allowance(sender, msg.sender, amount)
    self._transfer(sender, receiver, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    self._approve(msg.sender, spender, amount)
    return True


@internal
def _transfer(sender: address, receiver: address, amount: uint256):
    if sender == empty(address):
        raw_revert(abi_encode(sender, method_id=method_id("ERC20InvalidSender(address)")))
    self._require_receiver(receiver)
    held: uint256 = self.balanceOf[sender]
    if held < amount:
        raw_revert(
            abi_encode(
                sender,
                held,
                amount,
                method_id=method_id("ERC20InsufficientBalance(address,uint256,uint256)"),
            )
        )
    self.balanceOf[sender] = held - amount
    self.balanceOf[receiver] += amount
    log IERC20.Transfer(sender=sender, receiver=receiver, value=amount)


@internal
def _spend_allowance(holder: address, spender: address, amount: uint256):
    allowed: uint256 = self.allowance[holder][spender]
    if allowed == max_value(uint256):
        return  # An endless allowance is never used up.
    if allowed < amount:
        raw_revert(
            abi_encode(
                spender,
                allowed,
                amount,
                method_id=method_id("ERC20InsufficientAllowance(address,uint256,uint256)"),
            )
        )
    self.allowance[holder][spender] = allowed - amount


@internal
def _approve(holder: address, spender: address, amount: uint256):
    # The zero address can't sign, but a node answers eth_call and an impersonated
    # transaction from it.
    if holder == empty(address):
        raw_revert(abi_encode(holder, method_id=method_id("ERC20InvalidApprover(address)")))
    if spender == empty(address):
        raw_revert(abi_encode(spender, method_id=method_id("ERC20InvalidSpender(address)")))
    self.allowance[holder][spender] = amount
    log IERC20.Approval(owner=holder, spender=spender, value=amount)


@internal
def _mint(receiver: address, amount: uint256):
    self._require_receiver(receiver)
    # Checked before the balance: a supply that fits keeps every balance in range.
    self.totalSupply += amount
    self.balanceOf[receiver] += amount
    log IERC20.Transfer(sender=empty(address), receiver=receiver, value=amount)


@internal
def _burn(holder: address, amount: uint256):
    self.balanceOf[holder] -= amount
    self.totalSupply -= amount
    log IERC20.Transfer(sender=holder, receiver=empty(address), value=amount)


@internal
@pure
def _require_receiver(receiver: address):
    if receiver == empty(address):
        raw_revert(abi_encode(receiver, method_id=method_id("ERC20InvalidReceiver(address)")))
