"""The product's settings for a running devnet, under the production's variable names."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from ztdx_devnet.live.description import CONFIRMATION_DEPTH
from ztdx_spot.config import DEVELOPMENT_ADMIN_API_KEY, DEVELOPMENT_JWT_SECRET

BACKEND_PORT = 8081
"""Beside the API of `devnet up`."""


def product_environment(rpc_url: str, chain_id: int, vault: str, df_token: str) -> dict[str, str]:
    """What the product needs to know of this chain, which it reads from its first block.

    Users log in for the same chain, because wallets sign for the active one only.
    """
    return {
        "SPOT_BSC_RPC_URL": rpc_url,
        "SPOT_BSC_CHAIN_ID": str(chain_id),
        "SPOT_BSC_VAULT_ADDRESS": vault,
        "SPOT_DF_TOKEN_ADDRESS": df_token,
        "SPOT_DF_TOKEN_DECIMALS": "18",
        "SPOT_BSC_CONFIRMATION_DEPTH": str(CONFIRMATION_DEPTH),
        "SPOT_BSC_POLL_INTERVAL_MS": "2000",
        "SPOT_BSC_START_BLOCK": "0",
        "CHAIN_ID": str(chain_id),
        "VAULT_ADDRESS": vault,
        "JWT_SECRET": DEVELOPMENT_JWT_SECRET,
        "ADMIN_API_KEY": DEVELOPMENT_ADMIN_API_KEY,
        "TESTNET_ONLY": "true",
    }


def backend_environment(rpc_url: str, chain_id: int, vault: str, df_token: str) -> dict[str, str]:
    """The same for a backend of the developer's own: with a ledger in its folder, and a port."""
    return {
        **product_environment(rpc_url, chain_id, vault, df_token),
        "DATABASE_URL": "sqlite:///spot.db",
        "HOST": "127.0.0.1",
        "PORT": str(BACKEND_PORT),
    }


def env_file(variables: Mapping[str, str]) -> str:
    """A line for each, as shells and readers of .env files take them."""
    return "\n".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
