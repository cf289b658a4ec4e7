# pragma version 0.4.3
# SPDX-License-Identifier: MIT
"""
@title ZtdxSpotVault
@notice Takes deposits of registered tokens and says so in one event, SpotDeposit, which the
        listener credits. The order of the checks is part of the interface: a caller who breaks
        two rules learns of the earlier one.
@dev    No value here depends on how the vault was created: `self` and the chain id are read when
        they are needed, and there are no immutables, so the constructor may be run at any address.
"""

from ethereum.ercs import IERC20

event SpotDeposit:
    account: indexed(address)
    token: indexed(address)
    amount: uint256

event TokenRegistrationChanged:
    token: indexed(address)
    registered: bool

event AuthorizationSignerChanged:
    previousSigner: indexed(address)
    newSigner: indexed(address)

# As OpenZeppelin has them: the account is not indexed.
event Paused:
    account: address

event Unpaused:
    account: address


domainName: public(constant(String[15])) = "ZTDX Spot Vault"
domainVersion: public(constant(String[1])) = "1"
DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)

# BNB itself, wherever a token is asked for.
NATIVE: constant(address) = empty(address)

owner: public(address)
paused: public(bool)
# The zero address is allowed: then nobody can authorise a withdrawal.
authorizationSigner: public(address)

registeredTokens: public(HashMap[address, bool])
# Never taken back: whoever deposited a token that is no longer registered may still withdraw it.
everRegisteredTokens: public(HashMap[address, bool])

# account => token => amount
accountTokenBalance: public(HashMap[address, HashMap[address, uint256]])
accountTokenDepositTotal: public(HashMap[address, HashMap[address, uint256]])
# What the vault owes to its accounts, not what it holds: tokens sent to it without a deposit
# are in the token's own ledger only.
vaultTokenBalance: public(HashMap[address, uint256])
tokenTotalDeposits: public(HashMap[address, uint256])
tokenTotalWithdrawals: public(HashMap[address, uint256])
releaseNonces: public(HashMap[address, uint256])

# Vyper's own @nonreentrant reverts with empty data and stands before every check, so the lock is
# kept by hand. Transient: a transaction can't leave it closed.
entered: transient(bool)


@deploy
def __init__(initial_owner: address, authorization_signer: address):
    if initial_owner == empty(address):
        raw_revert(abi_encode(initial_owner, method_id=method_id("OwnableInvalidOwner(address)")))
    self.owner = initial_owner
    self.authorizationSigner = authorization_signer


# --- deposits ---------------------------------------------------------------------------------


@external
def deposit(token: address, amount: uint256):
    """
    @notice Pulls `amount` of `token` from the caller and credits what really arrived.
    """
    self._require_not_paused()
    self._lock()
    if token == empty(address):
        raw_revert(method_id("ZeroAddress()"))
    self._require_registered(token)
    self._require_amount(amount)

    received: uint256 = self._pull(token, amount)
    self._require_amount(received)
    self._credit(msg.sender, token, received)
    self._unlock()


@external
@payable
def depositNative():
    """
    @notice Credits the BNB sent along. It calls nobody, so it needs no lock.
    """
    self._require_not_paused()
    self._require_registered(NATIVE)
    self._require_amount(msg.value)
    self._credit(msg.sender, NATIVE, msg.value)


@internal
def _pull(token: address, amount: uint256) -> uint256:
    """
    @return How much the vault's balance grew. The token's word (its return value) decides nothing:
            a token that takes a fee, or says no without reverting, is measured like any other.
    """
    before: uint256 = staticcall IERC20(token).balanceOf(self)
    # A raw call hands on the token's own revert data unchanged, whatever its length, and doesn't
    # look at what the call returns.
    raw_call(
        token,
        abi_encode(
            msg.sender,
            self,
            amount,
            method_id=method_id("transferFrom(address,address,uint256)"),
        ),
    )
    held: uint256 = staticcall IERC20(token).balanceOf(self)
    return held - before if held > before else 0


@internal
def _credit(account: address, token: address, received: uint256):
    self.accountTokenBalance[account][token] += received
    self.accountTokenDepositTotal[account][token] += received
    self.vaultTokenBalance[token] += received
    self.tokenTotalDeposits[token] += received
    log SpotDeposit(account=account, token=token, amount=received)


# --- withdrawals ------------------------------------------------------------------------------

# withdraw(address token, uint256 amount, uint256 deadline, bytes signature) will stand here.


@external
@view
def domainSeparator() -> bytes32:
    """
    @notice The EIP-712 domain of a withdrawal's signature.
    """
    return keccak256(
        abi_encode(
            DOMAIN_TYPEHASH,
            keccak256(domainName),
            keccak256(domainVersion),
            chain.id,
            self,
        )
    )


# --- administration ---------------------------------------------------------------------------


@external
def setTokenRegistered(token: address, registered: bool):
    """
    @notice Opens or closes deposits of a token; the zero address stands for BNB.
    """
    self._require_owner()
    self.registeredTokens[token] = registered
    if registered:
        self.everRegisteredTokens[token] = True
    log TokenRegistrationChanged(token=token, registered=registered)


@external
def setAuthorizationSigner(signer: address):
    self._require_owner()
    log AuthorizationSignerChanged(previousSigner=self.authorizationSigner, newSigner=signer)
    self.authorizationSigner = signer


@external
def pause():
    self._require_owner()
    self._require_not_paused()
    self.paused = True
    log Paused(account=msg.sender)


@external
def unpause():
    self._require_owner()
    if not self.paused:
        raw_revert(method_id("ExpectedPause()"))
    self.paused = False
    log Unpaused(account=msg.sender)


# --- checks -----------------------------------------------------------------------------------


@internal
@view
def _require_owner():
    if msg.sender != self.owner:
        raw_revert(abi_encode(msg.sender, method_id=method_id("OwnableUnauthorizedAccount(address)")))


@internal
@view
def _require_not_paused():
    if self.paused:
        raw_revert(method_id("EnforcedPause()"))


@internal
@view
def _require_registered(token: address):
    if not self.registeredTokens[token]:
        raw_revert(abi_encode(token, method_id=method_id("TokenNotRegistered(address)")))


@internal
@pure
def _require_amount(amount: uint256):
    if amount == 0:
        raw_revert(method_id("ZeroAmount()"))


@internal
def _lock():
    if self.entered:
        raw_revert(method_id("ReentrancyGuardReentrantCall()"))
    self.entered = True


@internal
def _unlock():
    self.entered = False
