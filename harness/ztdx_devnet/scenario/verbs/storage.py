"""Verbs of the database that the product's processes share: a lock, a disk that fails."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self, get_args

from pydantic import BeforeValidator, model_validator

from ztdx_devnet.faults.storage import COMMIT_KINDS, READING_KINDS, Moment, StatementFault
from ztdx_devnet.scenario.names import Named, tokens
from ztdx_devnet.scenario.stage import Stage, StepImpossible
from ztdx_devnet.scenario.values import Name, SignedAmountWei, User, decimal_text
from ztdx_devnet.scenario.verbs.faults import FaultVerb, one_of
from ztdx_devnet.scenario.verbs.processes import processes
from ztdx_devnet.scenario.verbs.verb import Verb
from ztdx_devnet.sim.cast import HOLDERS

_STATEMENT = re.compile(r"SELECT|(INSERT|UPDATE|DELETE)( [a-z_]+)?")
DbFaultKind = Literal["busy", "full", "read_only", "io_error", "corrupt"]
_OF_THE_LOCK = ("name", "kind", "duration")


def _statement(value: object) -> object:
    if isinstance(value, str) and not _STATEMENT.fullmatch(value):
        raise ValueError(
            "a statement is SELECT, or INSERT, UPDATE or DELETE and perhaps a table, "
            f"such as INSERT spot_deposits, not {value!r}"
        )
    return value


class DbFault(FaultVerb):
    """The database fails the product.

    `busy`: another process takes the write lock and holds it `for` that long. The others fail
    statements, or at: commit the COMMIT of what was written: `full` and `read_only` those that
    write, `io_error` and `corrupt` those that read too; `statement` narrows it down, `process` is
    the one process that meets it.
    """

    KEY = "db_fault"
    kind: Annotated[DbFaultKind, one_of(get_args(DbFaultKind))]
    at: Moment = "statement"
    statement: Annotated[str | None, BeforeValidator(_statement)] = None
    process: Name | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.kind == "busy":
            if self.duration is None:
                raise ValueError("kind: busy holds the lock for some time: say for: 10s")
            other = sorted(self.model_fields_set - set(_OF_THE_LOCK))
            if other:
                raise ValueError(f"kind: busy has as and for, and no {', '.join(other)}")
        elif self.at == "commit" and self.kind not in COMMIT_KINDS:
            words = " and ".join(COMMIT_KINDS)
            raise ValueError(f"at: commit goes with {words}: {self.kind} fails the statement")
        elif self.statement == "SELECT" and (self.kind not in READING_KINDS or self.at == "commit"):
            raise ValueError(f"statement: SELECT writes nothing, which {self.kind} would stop")
        return self

    def hides(self, later: Verb) -> bool:
        """A statement fails once."""
        if not (self.endless and isinstance(later, DbFault)) or "busy" in (self.kind, later.kind):
            return False
        if self.at != later.at or self.process not in (None, later.process):
            return False
        reads_too = later.kind in READING_KINDS and later.statement is None
        if reads_too and self.kind not in READING_KINDS and self.at == "statement":
            return False
        return (later.statement or "").startswith(self.statement or "")

    def uses(self) -> list[Named]:
        return processes(self.process)

    def perform(self, stage: Stage) -> None:
        product = stage.world.product
        if self.kind == "busy":
            assert self.duration is not None
            product.lock_database(self.name, self.duration)
            return
        fault = StatementFault(
            self.name,
            self.kind,
            self.at,
            self.statement or "",
            None if self.process is None else product.process_name(self.process),
            **self.scope(stage),
        )
        stage.world.arm(
            fault,
            kind_of_fault=fault.kind,
            at=fault.at,
            statement=self.statement,
            process=fault.process,
        )


class Tamper(Verb):
    """Somebody writes a user's balance by hand, past the product: what I4 is there for.

    There must be one: the user has been credited with that token before.
    """

    KEY = "tamper"
    user: User
    token: str = "DF"  # noqa: S105 - a symbol
    available: SignedAmountWei

    def perform(self, stage: Stage) -> None:
        if (HOLDERS[self.user], self.token) not in stage.world.ledger.available:
            raise StepImpossible(f"{self.user} has no balance of {self.token} to tamper with yet")
        stage.world.product.tamper(self.user, self.token, decimal_text(self.available))

    def uses(self) -> list[Named]:
        return tokens(self.token)
