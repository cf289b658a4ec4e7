"""What the API answers, member by member, in documented order.

Patterns are for readers of the OpenAPI document and for tests; making an answer checks types only.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from flask import Response
from pydantic import BaseModel, ConfigDict, Field, RootModel

_PLAIN_AMOUNT = r"(0|[1-9][0-9]*)(\.[0-9]*[1-9])?"

Address: TypeAlias = Annotated[
    str,
    Field(
        json_schema_extra={"pattern": "^0x[0-9a-f]{40}$"},
        examples=["0xabc123def456abc123def456abc123def456abc1"],
    ),
]
Amount: TypeAlias = Annotated[
    str, Field(json_schema_extra={"pattern": f"^{_PLAIN_AMOUNT}$"}, examples=["100", "0.5"])
]
SignedAmount: TypeAlias = Annotated[
    str, Field(json_schema_extra={"pattern": f"^-?{_PLAIN_AMOUNT}$"}, examples=["1000", "-0.5"])
]
Hash: TypeAlias = Annotated[str, Field(json_schema_extra={"pattern": "^0x[0-9a-f]{64}$"})]
HexKey: TypeAlias = Annotated[str, Field(json_schema_extra={"pattern": "^[0-9a-f]{64}$"})]
UnixSeconds: TypeAlias = Annotated[int, Field(ge=0, examples=[1778315530])]


class AnswerBody(BaseModel):
    """A JSON object with these members and no others."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        from_attributes=True,
        validate_by_name=True,
        # What goes wrong here is logged, and an answer may hold a secret.
        hide_input_in_errors=True,
    )


class Ok(AnswerBody):
    """Done, and committed."""

    ok: Literal[True] = True


class Deposit(AnswerBody):
    """One credited deposit."""

    id: Annotated[str, Field(description="UUID of the row.")]
    token: Annotated[str, Field(description="The token's symbol.", examples=["DF"])]
    amount: Annotated[Amount, Field(description="What was credited.")]
    chain_id: Annotated[int, Field(description="The source chain.", examples=[97])]
    tx_hash: Annotated[Hash, Field(description="The transaction on that chain.")]
    block_number: Annotated[int, Field(ge=0, description="The block of the SpotDeposit event.")]
    status: Literal["confirmed"]
    created_at: Annotated[UnixSeconds, Field(description="When it was credited.")]
    confirmed_at: Annotated[
        UnixSeconds | None, Field(description="The same moment as `created_at`.")
    ]


class Deposits(RootModel[list[Deposit]]):
    """Confirmed deposits, newest first."""


class Balance(AnswerBody):
    """What a user holds of one token."""

    token: Annotated[str, Field(description="The token's symbol.", examples=["DF"])]
    available: Annotated[
        SignedAmount, Field(description="Below zero after a reorg took back what was spent.")
    ]
    frozen: Amount


class Balances(AnswerBody):
    """Every token that the user ever held, ordered by token."""

    balances: list[Balance]


class Token(AnswerBody):
    """A token that wallets show."""

    symbol: Annotated[str, Field(examples=["DF"])]
    image: Annotated[str, Field(description="A data: URI, so that it is there offline.")]
    decimals: Annotated[int, Field(ge=0, examples=[18])]
    chain_id: Annotated[int, Field(alias="chainId", examples=[97])]
    contract: Annotated[
        Address | None, Field(description="null: the token is on no chain of this devnet.")
    ]


class Tokens(AnswerBody):
    """The tokens, in the envelope of the wallet endpoints."""

    success: Literal[True] = True
    data: list[Token]
    error: None = None
    timestamp: UnixSeconds


class ApiKey(AnswerBody):
    """A key, without its secret."""

    id: Annotated[str, Field(description="UUID of the key, for the path of PUT and DELETE.")]
    label: str
    api_key: Annotated[HexKey, Field(description="What `X-MBX-APIKEY` carries.")]
    status: Literal["active", "disabled"]
    created_at: UnixSeconds


class NewApiKey(ApiKey):
    """A key with its secret, which is shown in this answer and never again."""

    secret_key: Annotated[
        HexKey, Field(description="The HMAC key, as text: not the bytes that its hex spells.")
    ]


class ApiKeys(AnswerBody):
    """The user's keys, oldest first."""

    api_keys: list[ApiKey]


class TypedField(AnswerBody):
    """A member of an EIP-712 struct."""

    name: str
    type: str


class LoginDomainData(AnswerBody):
    """The EIP-712 domain; `verifyingContract` only where the server has `VAULT_ADDRESS`."""

    name: Literal["ZTDX Vault"]
    version: Literal["1"]
    chain_id: Annotated[int, Field(alias="chainId", examples=[97])]
    verifying_contract: Annotated[Address | None, Field(alias="verifyingContract")] = None


class LoginTypes(AnswerBody):
    """The EIP-712 structs."""

    domain: Annotated[list[TypedField], Field(alias="EIP712Domain")]
    login: Annotated[list[TypedField], Field(alias="Login")]


class LoginMessage(AnswerBody):
    """What is signed: send `timestamp` with the signature."""

    wallet: Address
    nonce: Annotated[int, Field(ge=0)]
    timestamp: Annotated[UnixSeconds, Field(description="The server's now.")]


class LoginTypedData(AnswerBody):
    """The whole of what the wallet signs, as `eth_signTypedData_v4` takes it."""

    types: LoginTypes
    primary_type: Annotated[Literal["Login"], Field(alias="primaryType")]
    domain: LoginDomainData
    message: LoginMessage


class Nonce(AnswerBody):
    """The nonce of the next login, and the typed data that holds it."""

    nonce: Annotated[int, Field(ge=0)]
    typed_data: LoginTypedData


class Login(AnswerBody):
    """A token for the Authorization header."""

    token: Annotated[str, Field(description="A JWT with HS256: `sub`, `iat`, `exp`.")]
    expires_at: Annotated[UnixSeconds, Field(description="The token's `exp`.")]


class Liveness(AnswerBody):
    """The process answers."""

    status: Literal["ok"] = "ok"


class ListenerState(AnswerBody):
    """What is known of the listener of the configured chain."""

    chain_id: int
    cursor_block: Annotated[int | None, Field(description="The last block that was processed.")]
    head_block: Annotated[int | None, Field(description="The node's newest block.")]
    lag_blocks: Annotated[
        int | None, Field(description="Head minus cursor: the confirmation depth at rest.")
    ]
    seconds_since_poll: Annotated[
        int | None, Field(description="Since the last poll that the node answered.")
    ]
    failed_polls: Annotated[int, Field(ge=0, description="Since then.")]
    halted: Annotated[bool, Field(description="It stopped, and waits for an operator.")]
    trouble: Annotated[str | None, Field(description="Why polls fail or why it stopped.")]


class Readiness(AnswerBody):
    """Whether everything works, and what does not."""

    ready: bool
    missing: Annotated[list[str], Field(description="Each thing to be repaired, in words.")]
    warnings: Annotated[list[str], Field(description="What is odd but credits nobody wrongly.")]
    listener: Annotated[
        ListenerState | None,
        Field(description="null: no listener has reported, or the database does not answer."),
    ]
    quarantined_logs: Annotated[int | None, Field(description="Logs held for an operator.")]
    negative_balances: Annotated[
        int | None, Field(description="Balances that a reversed deposit left below zero.")
    ]


def json_answer(body: BaseModel, status: int = 200, *, leave_out_unset: bool = False) -> Response:
    """The answer with this body, its members in documented order."""
    text = body.model_dump_json(by_alias=True, exclude_unset=leave_out_unset) + "\n"
    return Response(text, status=status, mimetype="application/json")
