"""Verbs of what the listener's URL answers: wrong answers, named nodes, and pools of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from ztdx_devnet.chain.log_limits import NO_LIMITS, PROVIDERS
from ztdx_devnet.faults.answers import KINDS, LOG_FIELDS, AnswerFaultKind
from ztdx_devnet.faults.answers import AnswerFault as ArmedFault
from ztdx_devnet.faults.log_edits import Numbering
from ztdx_devnet.faults.pools import HONEST, NodePool, Pick
from ztdx_devnet.faults.profiles import PROFILES
from ztdx_devnet.faults.views import Backends, Beyond, FilterGone, Pruned, Shown, ViewFault
from ztdx_devnet.scenario.errors import unknown
from ztdx_devnet.scenario.names import Named, deposits
from ztdx_devnet.scenario.stage import Stage, StepImpossible
from ztdx_devnet.scenario.strict import Strict
from ztdx_devnet.scenario.values import DurationUs, Name
from ztdx_devnet.scenario.verbs.faults import FaultVerb, ScopeArguments, refuse_unknown_method
from ztdx_devnet.scenario.verbs.verb import Verb

Height = Annotated[int, Field(ge=0, le=10_000_000)]
Count = Annotated[int, Field(ge=1)]

_ALWAYS = {"method", "kind", "node", "blocks", *FaultVerb.model_fields}


def _known_kind(value: Any) -> Any:
    if isinstance(value, str) and value not in KINDS:
        raise ValueError(unknown("kind", value, KINDS))
    return value


class Heights(Strict):
    """From one height to another, both included."""

    first: Height = Field(alias="from")
    last: Height = Field(alias="to")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"to {self.last} is below from {self.first}")
        return self


class AnswerFault(FaultVerb):
    """The answers to `method`, of all nodes or of one `node`, are wrong.

    Counted are only answers that the fault changes, and with `blocks` only those about any of these
    heights. The other fields go with single kinds: docs/faults/answers.md.
    """

    KEY = "answer_fault"
    method: str
    kind: Annotated[AnswerFaultKind, BeforeValidator(_known_kind)]
    node: Name | None = None
    blocks: Heights | None = None
    code: int | None = None
    message: str | None = None
    lag_blocks: Count | None = None
    ahead_blocks: Count | None = None
    behind_blocks: Count | None = None
    numbering: Numbering | None = None
    head: str | None = None
    fields: Annotated[list[str], Field(min_length=1)] | None = None
    deposit: Name | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        kind = KINDS[self.kind]
        if self.method != "*":
            refuse_unknown_method(self.method)
        if kind.methods is not None and self.method not in ("*", *kind.methods):
            words = ", ".join(kind.methods)
            raise ValueError(f"kind: {self.kind} is for {words}, not for {self.method}")
        for field in type(self).model_fields:
            given = getattr(self, field) is not None
            if field in _ALWAYS or given == (field in kind.needs):
                continue
            if not given or field not in kind.takes:
                raise ValueError(f"{field} {_goes_with(field)}")
        for name in self.fields or ():
            if name not in LOG_FIELDS:
                raise ValueError(unknown("field of a log", name, LOG_FIELDS))
        return self

    def hides(self, later: Verb) -> bool:
        """A refusal leaves nothing to edit, and nothing more to refuse."""
        if not (self.endless and isinstance(later, AnswerFault) and self.blocks is None):
            return False
        if self.method not in ("*", later.method) or self.node not in (None, later.node):
            return False
        return self.kind == "error" and later.kind != "stale"

    def uses(self) -> list[Named]:
        nodes = [] if self.node is None else [Named("node", self.node)]
        return deposits([] if self.deposit is None else [self.deposit]) + nodes

    def perform(self, stage: Stage) -> None:
        fault = self.fault(self.scope(stage))
        if self.deposit is not None:
            sent = stage.world.users.deposits[self.deposit]
            fault.transaction_hash = "0x" + sent.transaction_hash.hex()
        stage.world.arm(fault, method=fault.method, kind_of_fault=fault.kind)

    def fault(self, scope: ScopeArguments) -> ArmedFault:
        """The fault; which transaction carries `deposit` is for whoever knows it to add."""
        fields = ("code", "message", "lag_blocks", "ahead_blocks", "behind_blocks", "numbering")
        given: dict[str, Any] = {
            field: getattr(self, field)
            for field in (*fields, "head")
            if getattr(self, field) is not None
        }
        if self.fields is not None:
            given["fields"] = tuple(self.fields)
        if self.blocks is not None:
            given["blocks"] = (self.blocks.first, self.blocks.last)
        return ArmedFault(self.name, self.method, self.kind, self.node, **given, **scope)


def _goes_with(field: str) -> str:
    needed = [kind.name for kind in KINDS.values() if field in kind.needs]
    if needed:
        return f"goes with kind: {needed[0]}, and with it alone"
    taken = [kind.name for kind in KINDS.values() if field in kind.takes]
    return f"goes with kind: {' or '.join(taken)}"


class NodeView(FaultVerb):
    """Names a node that shows something else than an honest one; a `pool` puts it behind the URL.

    Counted are HTTP requests that it answers otherwise than an honest node. A `profile` is a whole
    bundle: docs/faults/profiles.md; for the other fields see docs/faults/views.md.
    """

    KEY = "node_view"
    profile: str | None = None
    lag_blocks: Count | None = None
    log_lag_blocks: Count | None = None
    beyond: Beyond | None = None
    branch: str | None = None
    pruned_below: Height | None = None
    pruned: Pruned | None = None
    hole: Annotated[list[Name], Field(min_length=1)] | None = None
    hole_blocks: Annotated[list[Height], Field(min_length=1)] | None = None
    numbering: Numbering | None = None
    limits: str | None = None
    range_blocks: Count | None = None
    results: Count | None = None
    chain_id: Count | None = None
    ignores_filter: bool | None = None
    answer_bytes: Count | None = None
    busy_every: Count | None = None
    resets_every: Count | None = None
    filter_polls: Count | None = None
    filter_gone: FilterGone | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        given = [field for field in self._shown_fields() if getattr(self, field) is not None]
        if self.name == HONEST:
            raise ValueError(f"as: {HONEST} is the node that shows all; call it something else")
        if self.profile is not None and self.profile not in PROFILES:
            raise ValueError(unknown("profile", self.profile, PROFILES))
        if self.profile is not None and given:
            raise ValueError(f"{given[0]}: a profile says all; leave the one or the other out")
        if self.profile is None and not set(given) - {"beyond", "pruned", "filter_gone"}:
            raise ValueError("the node shows nothing else than others: say what, as lag_blocks: 21")
        if self.limits is not None and self.limits not in PROVIDERS:
            raise ValueError(unknown("provider", self.limits, PROVIDERS))
        if self.beyond is not None and not (self.lag_blocks or self.log_lag_blocks):
            raise ValueError("beyond goes with lag_blocks or log_lag_blocks")
        for field, needed in (("pruned", "pruned_below"), ("filter_gone", "filter_polls")):
            if getattr(self, field) is not None and getattr(self, needed) is None:
                raise ValueError(f"{field} goes with {needed}")
        return self

    @classmethod
    def _shown_fields(cls) -> list[str]:
        return [
            name for name in cls.model_fields if name not in {"profile", *FaultVerb.model_fields}
        ]

    def defines(self) -> list[Named]:
        return [Named("node", self.name)]

    def uses(self) -> list[Named]:
        return deposits(self.hole or ())

    def perform(self, stage: Stage) -> None:
        branches = stage.world.chain.branches
        if self.branch is not None and self.branch not in branches:
            known = [branch.name for branch in branches]
            raise StepImpossible(unknown("branch", self.branch, known))
        shows = PROFILES[self.profile].shows if self.profile else (self._shown(stage),)
        fault = ViewFault(self.name, backends=Backends(shows), **self.scope(stage))
        given = self.model_dump(
            include={"profile", *self._shown_fields()}, exclude_none=True, mode="json"
        )
        stage.world.arm(fault, view=given)

    def _shown(self, stage: Stage) -> Shown:
        plain = {"profile", "hole", "hole_blocks", "limits", "range_blocks", "results"}
        given = {
            field: getattr(self, field)
            for field in self._shown_fields()
            if field not in plain and getattr(self, field) is not None
        }
        sent = [stage.world.users.deposits[name] for name in self.hole or ()]
        limits = PROVIDERS[self.limits] if self.limits else NO_LIMITS
        if self.range_blocks is not None:
            limits = replace(limits, range_blocks=self.range_blocks)
        if self.results is not None:
            limits = replace(limits, results=self.results)
        return Shown(
            limits=limits,
            hole_deposits=frozenset((each.transaction_hash, each.ordinal) for each in sent),
            hole_blocks=frozenset(self.hole_blocks or ()),
            **given,
        )


class Pool(Verb):
    """The URL of all listeners, or of some, is a pool of these nodes; `honest` is always there.

    Each HTTP request, a batch as a whole, goes to one of them: `in_turn`, at `random`, or always
    to the one that the listener got first (`sticky`). A later pool takes the place of an earlier.
    """

    KEY = "pool"
    name: Name = Field(alias="as")
    nodes: Annotated[list[Name], Field(min_length=1)]
    pick: Pick = "in_turn"
    listeners: Annotated[list[Name], Field(min_length=1)] | None = None
    duration: DurationUs | None = Field(default=None, alias="for")

    @model_validator(mode="after")
    def _makes_a_difference(self) -> Self:
        if set(self.nodes) == {HONEST}:
            raise ValueError("nodes: a pool of honest nodes alone makes no difference")
        return self

    def arms(self) -> list[str]:
        return [self.name]

    def uses(self) -> list[Named]:
        nodes = [Named("node", name) for name in self.nodes]
        return nodes + [Named("listener", name) for name in self.listeners or ()]

    def perform(self, stage: Stage) -> None:
        world = stage.world
        processes = None
        if self.listeners is not None:
            processes = tuple(world.product.process_name(name) for name in self.listeners)
        until_us = None if self.duration is None else world.now_us + self.duration
        pool = NodePool(self.name, tuple(self.nodes), self.pick, processes, until_us=until_us)
        world.arm(pool, nodes=list(pool.nodes), pick=pool.pick)
