"""What the commands that one types by hand do to a running chain, and the line that each prints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from eth_abi import encode
from eth_utils import is_address, to_checksum_address

from ztdx_devnet.chain.keccak import selector
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.live.rpc_client import Refused, RpcClient

DECIMALS = 18
CONFIRMATION_DEPTH = 20  # blocks; the product's default
MAX_WAIT_S = 30


class CannotDo(Exception):
    """The command can't be carried out: one line that says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """A running devnet: its contracts and accounts, addresses as 0x and hex."""

    client: RpcClient
    vault: str
    df_token: str
    accounts: dict[str, str]

    @classmethod
    def of(cls, client: RpcClient) -> Target:
        """Raises NoAnswer, or CannotDo when the node is not a devnet of ours."""
        try:
            info = client.ask("devnet_info")
        except Refused as error:
            raise CannotDo(f"{client.place} is not a chain of `devnet chain`: {error}") from error
        accounts = {account["name"]: account["address"] for account in info["accounts"]}
        return cls(client, info["vault"], info["dfToken"], accounts)

    def address(self, user: str) -> str:
        """The address of a named user, or the address itself. Raises CannotDo."""
        if user in self.accounts:
            return self.accounts[user]
        if is_address(user):
            return user.lower()
        raise CannotDo(
            f"no user {user!r}: expected an address or one of {', '.join(self.accounts)}"
        )


def deposit(target: Target, user: str, amount: str, sleep: Callable[[float], None]) -> str:
    """Approve and deposit, and wait for the block. `sleep` waits that many seconds."""
    account, amount_wei = target.address(user), _wei(amount)
    held_wei = _tokens_wei(target, account)
    if held_wei < amount_wei:
        raise CannotDo(
            f"{user} has {amount_text(held_wei)} DF, less than {amount_text(amount_wei)}"
        )
    _send(target, account, target.df_token, contracts.approve(_raw(target.vault), amount_wei))
    sent = _send(
        target, account, target.vault, contracts.deposit(_raw(target.df_token), amount_wei)
    )
    receipt = _receipt(target, sent, sleep)
    told = f"{user} deposits {amount_text(amount_wei)} DF: {sent}"
    if receipt is None:
        return f"{told} waits for a block; `devnet mine 1` makes one"
    number = int(receipt["blockNumber"], 16)
    if receipt["status"] != "0x1":
        raise CannotDo(f"{told} failed in block {number}")
    log_index = int(receipt["logs"][-1]["logIndex"], 16)
    return (
        f"{told} in block {number}, log {log_index}; "
        f"a listener credits it at block {number + CONFIRMATION_DEPTH}"
    )


def balance(target: Target, user: str) -> str:
    """What a user has in the wallet and in the vault."""
    account = target.address(user)
    wallet_wei = _tokens_wei(target, account)
    vault_wei = _read(
        target,
        target.vault,
        "accountTokenBalance(address,address)",
        ["address", "address"],
        [account, target.df_token],
    )
    native_wei = int(target.client.ask("eth_getBalance", account, "latest"), 16)
    return (
        f"{user}: {amount_text(wallet_wei)} DF in the wallet, {amount_text(vault_wei)} DF in the "
        f"vault, {amount_text(native_wei)} BNB ({to_checksum_address(account)})"
    )


def reorg(target: Target, depth: int, drop: tuple[str, ...]) -> str:
    """Replace the last blocks by one more; transactions come back unless dropped."""
    plan: dict[str, Any] = {"depth": depth, "drop": list(drop)}
    try:
        outcome = target.client.ask("devnet_reorg", plan)
    except Refused as error:
        raise CannotDo(str(error)) from error
    new_head = int(outcome["newHead"]["number"], 16)
    return (
        f"{depth} blocks replaced by {depth + 1}: the head is {new_head} on {outcome['branch']!r}; "
        f"transactions: {len(outcome['included'])} included again, "
        f"{len(outcome['pending'])} waiting, {len(outcome['dropped'])} dropped"
    )


def mine(target: Target, blocks: int) -> str:
    """Add blocks at once."""
    try:
        target.client.ask("anvil_mine", hex(blocks))
    except Refused as error:
        raise CannotDo(str(error)) from error
    head = int(target.client.ask("eth_blockNumber"), 16)
    return f"{blocks} {'block' if blocks == 1 else 'blocks'} mined: the head is {head}"


def amount_text(amount_wei: int) -> str:
    """Wei as a decimal number of tokens, exact, without trailing zeros: '0.5'."""
    whole, rest = divmod(amount_wei, 10**DECIMALS)
    return f"{whole:,}" + (f".{rest:0{DECIMALS}d}".rstrip("0") if rest else "")


def _wei(amount: str) -> int:
    try:
        value = Decimal(amount)
        wei = value.scaleb(DECIMALS)
        exact = value.is_finite() and wei == wei.to_integral_value() and 0 < wei < 2**256
    except InvalidOperation:
        exact = False
    if not exact:
        raise CannotDo(
            f"amount {amount!r}: expected a number of DF above 0 with at most {DECIMALS} decimals, "
            "such as 100 or 0.5"
        )
    return int(wei)


def _send(target: Target, sender: str, to: str, data: bytes) -> str:
    request = {"from": sender, "to": to, "data": "0x" + data.hex()}
    try:
        sent: str = target.client.ask("eth_sendTransaction", request)
    except Refused as error:
        raise CannotDo(_why(error)) from error
    return sent


def _why(error: Refused) -> str:
    """The contract's own error by name, where the revert data tell it."""
    if isinstance(error.data, str):
        output = bytes.fromhex(error.data.removeprefix("0x"))
        for name in ("ZtdxSpotVault", "DFToken"):
            told = contracts.decode_revert(name, output)
            if told is not None:
                return f"the contract refuses: {told}"
    return f"the chain refuses: {error}"


def _receipt(target: Target, sent: str, sleep: Callable[[float], None]) -> Any:
    waited_s = 0.0
    while (receipt := target.client.ask("eth_getTransactionReceipt", sent)) is None:
        if waited_s >= MAX_WAIT_S or not target.client.ask("eth_mining"):
            return None
        sleep(0.1)
        waited_s += 0.1
    return receipt


def _tokens_wei(target: Target, account: str) -> int:
    return _read(target, target.df_token, "balanceOf(address)", ["address"], [account])


def _read(target: Target, to: str, signature: str, types: list[str], arguments: list[Any]) -> int:
    data = "0x" + (selector(signature) + encode(types, arguments)).hex()
    try:
        output = target.client.ask("eth_call", {"to": to, "data": data}, "latest")
    except Refused as error:
        raise CannotDo(f"{to} has no {signature}: {error}") from error
    return int(output[:66], 16) if len(output) >= 66 else 0


def _raw(address: str) -> bytes:
    return bytes.fromhex(address.removeprefix("0x"))
