"""What a client needs to know of a running chain: the ready file's content and the banner."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from eth_utils import to_checksum_address

from ztdx_devnet.chain.devnet import Devnet
from ztdx_devnet.chain.origin.accounts import OWNER, USERS, WITHDRAW_SIGNER

CONFIRMATION_DEPTH = 20  # blocks; the product's default


def description(devnet: Devnet, rpc_url: str) -> dict[str, Any]:
    """The content of the ready file. Addresses have checksums, keys are 0x and 64 hex digits."""
    return {
        "rpc_url": rpc_url,
        "ws_rpc_url": rpc_url.replace("http", "ws", 1),
        "chain_id": devnet.chain.chain_id,
        "vault": to_checksum_address(devnet.deployment.vault),
        "df_token": to_checksum_address(devnet.deployment.df_token),
        "confirmation_depth": CONFIRMATION_DEPTH,
        "pid": os.getpid(),
        "owner": to_checksum_address(OWNER.address),
        "withdraw_signer_private_key": WITHDRAW_SIGNER.private_key,
        "users": [
            {
                "name": account.name,
                "address": to_checksum_address(account.address),
                "private_key": account.private_key,
            }
            for account in USERS.values()
        ],
    }


def banner(
    content: dict[str, Any], automine: bool, interval_s: int | None, users_have_tokens: bool
) -> str:
    """What the terminal shows at the start."""
    if automine:
        mining = "a block for every transaction"
    elif interval_s is None:
        mining = "blocks on request only (evm_mine)"
    else:
        mining = f"a block every {interval_s} s"
    lines = [
        f"ztdx-devnet: chain {content['chain_id']}, {mining}",
        "",
        f"  HTTP       {content['rpc_url']}",
        f"  WebSocket  {content['ws_rpc_url']}",
        f"  vault      {content['vault']}",
        f"  DF token   {content['df_token']}",
        f"  owner      {content['owner']}",
        "",
        *user_lines(content, users_have_tokens),
    ]
    return "\n".join(lines)


def user_lines(content: Mapping[str, Any], users_have_tokens: bool) -> list[str]:
    """The users of a banner, with their keys."""
    holdings = "10,000 BNB and DF tokens" if users_have_tokens else "10,000 BNB and no token"
    return [
        f"  Each user has {holdings}. The keys are public: use them nowhere else.",
        "",
        *(
            f"  {user['name']:<8} {user['address']}  {user['private_key']}"
            for user in content["users"]
        ),
    ]
