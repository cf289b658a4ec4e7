"""The tokens that a wallet shows, in the envelope of the wallet endpoints."""

from __future__ import annotations

from base64 import b64encode

from flask import Blueprint, Response

from ztdx_spot.api import answers
from ztdx_spot.api.answers import Token, json_answer
from ztdx_spot.api.context import ApiContext
from ztdx_spot.api.operation import BASE_PATH, Operation
from ztdx_spot.config import ApiSettings

USDT_CHAIN_ID = 421614

OPERATIONS = (
    Operation(
        name="listTokens",
        method="get",
        path=f"{BASE_PATH}/wallet/tokens",
        room="wallet",
        summary="The tokens that wallets show",
        description="USDT is listed as in production, and lives on no chain here.",
        answers={200: answers.Tokens},
        codes=("internal",),
    ),
)


def wallet_routes(context: ApiContext) -> Blueprint:
    routes = Blueprint("wallet", __name__, url_prefix=BASE_PATH)
    tokens = _tokens(context.settings)

    @routes.get("/wallet/tokens")
    def list_tokens() -> Response:
        return json_answer(answers.Tokens(data=tokens, timestamp=context.now_s()))

    return routes


def _tokens(settings: ApiSettings) -> list[Token]:
    return [
        Token(
            symbol="USDT",
            image=_coin("#26a17b", "₮"),
            decimals=6,
            chain_id=USDT_CHAIN_ID,
            contract=None,
        ),
        Token(
            symbol="DF",
            image=_coin("#5b5bd6", "DF"),
            decimals=settings.df_token_decimals,
            chain_id=settings.listener.chain_id,
            contract=settings.df_token_address,
        ),
    ]


def _coin(colour: str, letters: str) -> str:
    """A disc with letters, drawn by the browser itself."""
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
        f'<circle cx="16" cy="16" r="16" fill="{colour}"/>'
        '<text x="16" y="21" font-family="sans-serif" font-size="14" text-anchor="middle"'
        f' fill="#fff">{letters}</text></svg>'
    )
    return "data:image/svg+xml;base64," + b64encode(drawing.encode()).decode("ascii")
