"""Conditions: what a scenario can expect of the world, wait for, or check.

A new condition is a class in the module of its subject.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BeforeValidator, create_model, model_validator

from ztdx_devnet.scenario.conditions.chain import (
    Confirmations,
    Deposited,
    Failed,
    Height,
    Mined,
    OnBranch,
    Orphaned,
    Remined,
    VaultBalance,
    VaultPaused,
    VaultSolvent,
    Waiting,
)
from ztdx_devnet.scenario.conditions.condition import Condition, Look
from ztdx_devnet.scenario.conditions.ledger import (
    AdminCredits,
    Balance,
    Credited,
    NotCredited,
    Quarantined,
    Reversed,
    Rows,
    Sightings,
    Total,
)
from ztdx_devnet.scenario.conditions.processes import (
    Cursor,
    CursorLag,
    Health,
    ListenerExited,
    ListenerRuns,
    Passed,
)
from ztdx_devnet.scenario.names import Named
from ztdx_devnet.scenario.strict import Strict

CONDITIONS: dict[str, type[Condition]] = {
    condition.KEY: condition
    for condition in (
        Balance,
        Total,
        Credited,
        NotCredited,
        Reversed,
        Rows,
        Sightings,
        AdminCredits,
        Quarantined,
        Mined,
        Waiting,
        Orphaned,
        Remined,
        Failed,
        Confirmations,
        Deposited,
        VaultBalance,
        VaultSolvent,
        VaultPaused,
        Height,
        OnBranch,
        Cursor,
        CursorLag,
        Passed,
        ListenerRuns,
        ListenerExited,
        Health,
    )
}


def _spread(condition: type[Condition]) -> Any:
    """Let a bare value stand for the condition's one main field."""

    def spread(value: Any) -> Any:
        if condition.SHORTHAND is not None and not isinstance(value, dict | Condition):
            return {condition.SHORTHAND: value}
        return value

    return BeforeValidator(spread)


class _Conditions(Strict):
    """Conditions by their words; at least one."""

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if not self.conditions():
            raise ValueError(f"expected at least one of {', '.join(CONDITIONS)}")
        return self

    def conditions(self) -> list[Condition]:
        """The given conditions, in the order of the language."""
        found = (getattr(self, key) for key in CONDITIONS)
        return [condition for condition in found if condition is not None]

    def uses(self) -> list[Named]:
        return [named for condition in self.conditions() for named in condition.uses()]


# One optional field per condition, so that errors and JSON Schema name the condition's own fields.
if TYPE_CHECKING:
    Conditions = _Conditions
else:
    Conditions = create_model(
        "Conditions",
        __base__=_Conditions,
        **{
            key: (Annotated[condition, _spread(condition)], None)
            for key, condition in CONDITIONS.items()
        },
    )

__all__ = ["CONDITIONS", "Condition", "Conditions", "Look"]
