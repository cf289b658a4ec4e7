"""What a frontend developer needs to know of `devnet up`: the ready file and the banner."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ztdx_devnet.live.credentials import Credentials
from ztdx_devnet.live.description import user_lines
from ztdx_spot.api.app import BASE_PATH
from ztdx_spot.config import DEVELOPMENT_ADMIN_API_KEY
from ztdx_spot.serving.sockets.reception import SOCKET_PATH

DEFAULT_RPC_URL = "http://127.0.0.1:8545"


def up_description(
    chain: Mapping[str, Any], service_url: str, credentials: Mapping[str, Credentials]
) -> dict[str, Any]:
    """The content of the ready file: that of the chain, and the product's URLs and credentials."""
    users = []
    for user in chain["users"]:
        of_user = credentials[user["name"]]
        users.append(
            {
                **user,
                "jwt": of_user.jwt,
                "api_key": of_user.api_key,
                "api_secret": of_user.api_secret,
            }
        )
    return {
        **chain,
        "api_url": service_url + BASE_PATH,
        "ws_url": service_url.replace("http", "ws", 1) + SOCKET_PATH,
        "admin_api_key": DEVELOPMENT_ADMIN_API_KEY,
        "users": users,
    }


def up_banner(
    content: Mapping[str, Any], block_time_s: int, state: Path | None, users_have_tokens: bool
) -> str:
    """What the terminal shows at the start."""
    depth_blocks = content["confirmation_depth"]
    rpc_url = content["rpc_url"]
    here = "" if rpc_url == DEFAULT_RPC_URL else f" --rpc-url {rpc_url}"
    first = content["users"][0]
    lines = [
        f"ztdx-devnet: chain {content['chain_id']}, a block every {block_time_s} s; "
        f"a deposit is credited {depth_blocks} blocks later",
        "",
        f"  API        {content['api_url']}",
        f"  WebSocket  {content['ws_url']}",
        f"  API docs   {_root_url(content)}/docs",
        f"  health     {readiness_url(content)}",
        f"  admin key  {content['admin_api_key']} (X-API-Key)",
        f"  RPC        {rpc_url}",
        f"             {content['ws_rpc_url']}",
        f"  vault      {content['vault']}",
        f"  DF token   {content['df_token']}",
        f"  owner      {content['owner']}",
        f"  state      {state or 'gone when this ends; --state DIR keeps it'}",
        "",
        *user_lines(content, users_have_tokens),
        "",
        "  API keys (X-MBX-APIKEY) with their secrets:",
        "",
        *(
            f"  {user['name']:<8} {user['api_key']}  {user['api_secret']}"
            for user in content["users"]
        ),
        "",
        f"  JWTs, valid for a day; another: devnet token {first['name']}{here}",
        "",
        *(f"  {user['name']:<8} {user['jwt']}" for user in content["users"]),
        "",
        f"  A deposit: devnet deposit {first['name']} 100{here}",
        f"  and on:    devnet mine {depth_blocks}{here}",
        f"  then, as {first['name']}:",
        "",
        curl_line(content),
        "",
    ]
    return "\n".join(lines)


def curl_line(content: Mapping[str, Any]) -> str:
    """Asks for the balances of the first user; works when pasted."""
    bearer = shlex.quote(f"Authorization: Bearer {content['users'][0]['jwt']}")
    return f"curl -s -H {bearer} {curl_url(content)}"


def curl_url(content: Mapping[str, Any]) -> str:
    """What the curl line asks."""
    return f"{content['api_url']}/spot/balances"


def readiness_url(content: Mapping[str, Any]) -> str:
    """Where the product says whether all of it works."""
    return f"{_root_url(content)}/readyz"


def _root_url(content: Mapping[str, Any]) -> str:
    url: str = content["api_url"]
    return url.removesuffix(BASE_PATH)
