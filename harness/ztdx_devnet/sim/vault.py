"""The vault and its tokens as they stand at the chain's head: read from the state, by no node."""

from __future__ import annotations

from eth_abi import encode

from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.keccak import keccak256, selector
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import OWNER

WITHDRAW = selector("withdraw(address,uint256,uint256,bytes)")
_RELEASE = (
    b"SpotReleaseFunds(address account,address token,uint256 value,uint256 nonce,uint256 deadline)"
)
_GAS = 1_000_000


def held_wei(chain: Chain, token: bytes) -> int:
    """What the vault holds of a token, however it came there; of BNB for the zero address."""
    return _read(chain, contracts.Call("vaultTokenBalance(address)", (token,)))


def withdrawn_wei(chain: Chain, token: bytes) -> int:
    """What was withdrawn of a token in all."""
    return _read(chain, contracts.Call("tokenTotalWithdrawals(address)", (token,)))


def is_paused(chain: Chain) -> bool:
    return bool(_read(chain, contracts.Call("paused()", ())))


def is_registered(chain: Chain, token: bytes) -> bool:
    return bool(_read(chain, contracts.Call("registeredTokens(address)", (token,))))


def release_nonce(chain: Chain, account: bytes) -> int:
    """The nonce that the account's next voucher must carry."""
    return _read(chain, contracts.Call("releaseNonces(address)", (account,)))


def release_digest(
    chain_id: int, account: bytes, token: bytes, amount_wei: int, nonce: int, deadline_s: int
) -> bytes:
    """What the authorisation signer signs for one withdrawal (EIP-712)."""
    kinds = ("bytes32", "address", "address", "uint256", "uint256", "uint256")
    values = (keccak256(_RELEASE), account, token, amount_wei, nonce, deadline_s)
    domain = keccak256(
        encode(
            ("bytes32", "bytes32", "bytes32", "uint256", "address"),
            (
                keccak256(
                    b"EIP712Domain(string name,string version,uint256 chainId,"
                    b"address verifyingContract)"
                ),
                keccak256(b"ZTDX Spot Vault"),
                keccak256(b"1"),
                chain_id,
                contracts.VAULT,
            ),
        )
    )
    return keccak256(b"\x19\x01" + domain + keccak256(encode(kinds, values)))


def _read(chain: Chain, call: contracts.Call) -> int:
    """The first word of the vault's answer; the state is not changed."""
    state = chain.state_at(chain.head)
    output = state.run_message(sender=OWNER.address, to=contracts.VAULT, data=call.data, gas=_GAS)
    return int.from_bytes(output[:32], "big")
