# pragma version 0.4.3
# SPDX-License-Identifier: MIT
"""
@title ZtdxSpotVault
@notice Takes deposits of registered tokens and says so in one event, SpotDeposit, which the
        listener credits; pays withdrawals that the authorisation signer signed for. The order of
        the checks is part of the interface: a caller who breaks two rules learns of the earlier
        one.
@dev    No value here depends on how the vault was created: `self` and the chain id are read when
        they are needed, and there are no immutables, so the constructor may be run at any address.
"""

from ethereum.ercs import IERC20

event SpotDeposit:
    account: indexed(address)
    token: indexed(address)
    amount: uint256

event SpotWithdrawal:
    account: indexed(address)
    token: indexed(address)
    amount: uint256
    nonce: uint256

event TokenRegistrationChanged:
    token: indexed(address)
    registered: bool

event AuthorizationSignerChanged:
    oldSigner: indexed(address)
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
RELEASE_TYPEHASH: constant(bytes32) = keccak256(
    "SpotReleaseFunds(address account,address token,uint256 value,uint256 nonce,uint256 deadline)"
)

# r, s and v, in this order. The 64 bytes of EIP-2098 are not a signature here.
SIGNATURE_BYTES: constant(uint256) = 65
# What the parameter takes, so that a signature of a wrong length fails like any other bad one.
# Longer ones than this fail with empty data, before every check.
SIGNATURE_BYTES_MAX: constant(uint256) = 4096
# Half of the order of secp256k1. Every signature has a twin in the other half that recovers the
# same signer, and only the lower one counts (EIP-2).
S_MAX: constant(uint256) = (
    57896044618658097711785492504343953926418782139537452191302581570759080747168
)

# What is read of a token's answer; of a longer revert reason the rest is lost.
ANSWER_BYTES_MAX: constant(uint256) = 4096

# Solidity's code for an arithmetic overflow or underflow.
ARITHMETIC_PANIC: constant(uint256) = 17

# BNB itself, wherever a token is asked for.
NATIVE: constant(address) = empty(address)

owner: public(address)
paused: public(bool)
# Never the zero address.
authorizationSigner: public(address)

registeredTokens: public(HashMap[address, bool])
# Never taken back: whoever deposited a token that is no longer registered may still withdraw it.
everRegisteredTokens: public(HashMap[address, bool])

# account => token => amount
# What the account deposited and has not withdrawn since. A withdrawal is what the ledger off chain
# allows, gains included, so it may be more than this: then zero is left, and no debt.
accountTokenBalance: public(HashMap[address, HashMap[address, uint256]])
accountTokenDepositTotal: public(HashMap[address, HashMap[address, uint256]])
# Volumes. Their difference is not what the vault holds: a plain transfer of tokens is in neither.
tokenTotalDeposits: public(HashMap[address, uint256])
tokenTotalWithdrawals: public(HashMap[address, uint256])
releaseNonces: public(HashMap[address, uint256])

# Vyper's own @nonreentrant reverts with empty data and stands before every check, so the lock is
# kept by hand. Transient: a transaction can't leave it closed.
entered: transient(bool)


@deploy
def __init__(initial_owner: address, authorization_signer: address):
    self._require_address(authorization_signer)
    self._require_address(initial_owner)
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
    self._require_address(token)
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
    @notice Credits the BNB sent along. It calls nobody; the lock keeps whoever is being paid from
            depositing before the payment is over.
    """
    self._require_not_paused()
    self._lock()
    self._require_registered(NATIVE)
    self._require_amount(msg.value)
    self._credit(msg.sender, NATIVE, msg.value)
    self._unlock()


@internal
def _pull(token: address, amount: uint256) -> uint256:
    """
    @return How much the vault's balance grew, whatever the token was asked for: it may take a fee.
    """
    before: uint256 = self._held(token)
    self._call_token(
        token,
        abi_encode(
            msg.sender,
            self,
            amount,
            method_id=method_id("transferFrom(address,address,uint256)"),
        ),
    )
    return self._difference(self._held(token), before)


@internal
def _credit(account: address, token: address, received: uint256):
    self.accountTokenBalance[account][token] = self._sum(
        self.accountTokenBalance[account][token], received
    )
    self.accountTokenDepositTotal[account][token] = self._sum(
        self.accountTokenDepositTotal[account][token], received
    )
    self.tokenTotalDeposits[token] = self._sum(self.tokenTotalDeposits[token], received)
    log SpotDeposit(account=account, token=token, amount=received)


# --- withdrawals ------------------------------------------------------------------------------


@external
def withdraw(
    token: address, amount: uint256, deadline: uint256, signature: Bytes[SIGNATURE_BYTES_MAX]
):
    """
    @notice Pays `amount` of `token` to the caller, if the authorisation signer signed for it under
            the caller's next nonce. The zero address stands for BNB.
    @param deadline The last second, in unix time, at which the signature counts.
    @param signature r, s and v of the EIP-712 digest of SpotReleaseFunds.
    """
    self._require_not_paused()
    self._lock()
    self._require_ever_registered(token)
    self._require_amount(amount)
    self._require_in_time(deadline)
    nonce: uint256 = self.releaseNonces[msg.sender]
    self.releaseNonces[msg.sender] = nonce + 1
    self._require_signed(self._release_digest(msg.sender, token, amount, nonce, deadline), signature)
    self._require_held(token, amount)

    # Before the payment, which calls a stranger.
    self._debit(msg.sender, token, amount)
    self._pay(msg.sender, token, amount)
    log SpotWithdrawal(account=msg.sender, token=token, amount=amount, nonce=nonce)
    self._unlock()


@external
@view
def domainSeparator() -> bytes32:
    """
    @notice The EIP-712 domain of a withdrawal's signature.
    """
    return self._domain_separator()


@internal
@view
def _domain_separator() -> bytes32:
    return keccak256(
        abi_encode(
            DOMAIN_TYPEHASH,
            keccak256(domainName),
            keccak256(domainVersion),
            chain.id,
            self,
        )
    )


@internal
@view
def _release_digest(
    account: address, token: address, amount: uint256, nonce: uint256, deadline: uint256
) -> bytes32:
    """
    @return What the authorisation signer signs, as EIP-712 has it.
    """
    release: bytes32 = keccak256(
        abi_encode(RELEASE_TYPEHASH, account, token, amount, nonce, deadline)
    )
    return keccak256(concat(x"1901", self._domain_separator(), release))


@internal
def _debit(account: address, token: address, amount: uint256):
    balance: uint256 = self.accountTokenBalance[account][token]
    self.accountTokenBalance[account][token] = balance - min(amount, balance)
    self.tokenTotalWithdrawals[token] = self._sum(self.tokenTotalWithdrawals[token], amount)


@internal
def _pay(account: address, token: address, amount: uint256):
    """
    @notice Pays BNB, or asks the token to. What the token then moves is not measured.
    """
    if token == NATIVE:
        if not raw_call(account, b"", value=amount, revert_on_failure=False):
            raw_revert(method_id("NativeTransferFailed()"))
        return
    self._call_token(
        token, abi_encode(account, amount, method_id=method_id("transfer(address,uint256)"))
    )


# --- what the vault holds ---------------------------------------------------------------------


@external
@view
def vaultTokenBalance(token: address) -> uint256:
    """
    @notice What the vault really holds of `token`, whoever sent it and however: all of it may be
            withdrawn. The zero address stands for BNB.
    """
    return self._held(token)


@internal
@view
def _held(token: address) -> uint256:
    if token == NATIVE:
        return self.balance
    return staticcall IERC20(token).balanceOf(self)


@internal
def _call_token(token: address, data: Bytes[132]):
    """
    @notice As OpenZeppelin's SafeERC20 does: the token's own error is handed on, the answer False
            is a failure, and no answer at all is a success.
    """
    succeeded: bool = False
    answer: Bytes[ANSWER_BYTES_MAX] = b""
    succeeded, answer = raw_call(
        token, data, max_outsize=ANSWER_BYTES_MAX, revert_on_failure=False
    )
    if not succeeded:
        if len(answer) == 0:
            raw_revert(method_id("FailedInnerCall()"))
        raw_revert(answer)
    if len(answer) > 0:
        # Fails without an error's name if the answer is shorter than a word.
        word: uint256 = extract32(answer, 0, output_type=uint256)
        assert word <= 1
        if word == 0:
            raw_revert(abi_encode(token, method_id=method_id("SafeERC20FailedOperation(address)")))


# --- arithmetic, failing as Solidity's does; Vyper's own fails with empty data ------------------


@internal
@pure
def _sum(a: uint256, b: uint256) -> uint256:
    if a > max_value(uint256) - b:
        self._panic()
    return a + b


@internal
@pure
def _difference(a: uint256, b: uint256) -> uint256:
    if a < b:
        self._panic()
    return a - b


@internal
@pure
def _panic():
    raw_revert(abi_encode(ARITHMETIC_PANIC, method_id=method_id("Panic(uint256)")))


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
def setAuthorizationSigner(newSigner: address):
    self._require_owner()
    self._require_address(newSigner)
    log AuthorizationSignerChanged(oldSigner=self.authorizationSigner, newSigner=newSigner)
    self.authorizationSigner = newSigner


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
@pure
def _require_address(candidate: address):
    if candidate == empty(address):
        raw_revert(method_id("ZeroAddress()"))


@internal
@view
def _require_registered(token: address):
    if not self.registeredTokens[token]:
        raw_revert(abi_encode(token, method_id=method_id("TokenNotRegistered(address)")))


@internal
@view
def _require_ever_registered(token: address):
    if not self.everRegisteredTokens[token]:
        raw_revert(abi_encode(token, method_id=method_id("TokenNotRegistered(address)")))


@internal
@pure
def _require_amount(amount: uint256):
    if amount == 0:
        raw_revert(method_id("ZeroAmount()"))


@internal
@view
def _require_in_time(deadline: uint256):
    if block.timestamp > deadline:
        raw_revert(
            abi_encode(
                deadline, block.timestamp, method_id=method_id("SignatureExpired(uint256,uint256)")
            )
        )


@internal
@view
def _require_signed(digest: bytes32, signature: Bytes[SIGNATURE_BYTES_MAX]):
    """
    @notice One error for every bad signature, whatever is wrong with it.
    """
    # Stays zero for whatever is not a signature, a v other than 27 and 28 included.
    recovered: address = empty(address)
    if len(signature) == SIGNATURE_BYTES:
        r: uint256 = extract32(signature, 0, output_type=uint256)
        s: uint256 = extract32(signature, 32, output_type=uint256)
        v: uint256 = convert(slice(signature, 64, 1), uint256)
        if s <= S_MAX:
            recovered = ecrecover(digest, v, r, s)
    # Zero is nobody, even if storage that was tampered with has it as the signer.
    if recovered == empty(address) or recovered != self.authorizationSigner:
        raw_revert(method_id("InvalidSignature()"))


@internal
@view
def _require_held(token: address, amount: uint256):
    available: uint256 = self._held(token)
    if amount > available:
        raw_revert(
            abi_encode(
                token,
                amount,
                available,
                method_id=method_id("InsufficientVaultBalance(address,uint256,uint256)"),
            )
        )


@internal
def _lock():
    if self.entered:
        raw_revert(method_id("ReentrancyGuardReentrantCall()"))
    self.entered = True


@internal
def _unlock():
    self.entered = False
