"""Verifier: asks the ledger and the secret what the answer to a frame depends on."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from dataclasses import replace

from ztdx_spot.auth import tokens
from ztdx_spot.auth.login import LoginRefused
from ztdx_spot.config import ApiSettings
from ztdx_spot.errors import DatabaseBusyError
from ztdx_spot.ledger import entries
from ztdx_spot.ledger.database import Database
from ztdx_spot.ports import Clock
from ztdx_spot.ws.conversation import NO_EVIDENCE, Evidence, Session
from ztdx_spot.ws.frames import ClientFrame, Subscribe, TokenAuth, WalletAuth

logger = logging.getLogger(__name__)

LogIn = Callable[[str, str, int], str]
"""The user that address, signature and timestamp (Unix seconds) prove. Raises LoginRefused."""

INVALID_TOKEN = "INVALID_TOKEN: not a token of this server, or expired"  # noqa: S105 - a sentence


def asks_the_ledger(frame: ClientFrame) -> bool:
    """Whether there is evidence to gather for this frame."""
    return isinstance(frame, TokenAuth | WalletAuth | Subscribe)


class Verifier:
    """For the one thread that owns the database connection."""

    def __init__(
        self, settings: ApiSettings, clock: Clock, database: Database, log_in: LogIn
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._database = database
        self._log_in = log_in

    def evidence(self, frame: ClientFrame) -> Evidence:
        """What the ledger says now; a database that fails is evidence too, and logged."""
        try:
            match frame:
                case TokenAuth(token):
                    return self._of_token(token)
                case WalletAuth():
                    return self._of_wallet(frame)
                case Subscribe(token=token):
                    evidence = NO_EVIDENCE if token is None else self._of_token(token)
                    return replace(evidence, newest_seq=self._newest_seq())
        except (sqlite3.Error, DatabaseBusyError) as error:
            logger.warning("a %s frame could not be checked: %s", type(frame).__name__, error)
            return Evidence(available=False)
        return NO_EVIDENCE

    def _of_token(self, token: str) -> Evidence:
        secret, now_s = self._settings.jwt_secret, self._clock.now_s()
        proof = tokens.proof_of_token(token, secret, now_s)
        if proof is None:
            return Evidence(refusal=INVALID_TOKEN)
        return Evidence(Session(proof.user_address, proof.expires_at_s))

    def _of_wallet(self, proof: WalletAuth) -> Evidence:
        try:
            user_address = self._log_in(proof.address, proof.signature, proof.timestamp_s)
        except LoginRefused as refused:
            return Evidence(refusal=f"{refused.code}: {refused}")
        # It lasts as long as the token that the same signature would have bought.
        expires_at_s = int(self._clock.now_s()) + self._settings.jwt_expiry_s
        return Evidence(Session(user_address, expires_at_s))

    def _newest_seq(self) -> int:
        with self._database.read() as transaction:
            return entries.newest_seq(transaction)
