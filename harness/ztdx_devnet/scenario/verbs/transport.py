"""The verb of what becomes of HTTP exchanges between the listener and its node."""

from __future__ import annotations

from typing import Annotated, Self, get_args

from pydantic import Field, model_validator

from ztdx_devnet.faults.transport import (
    TRICKLE_PAUSE_US,
    TRICKLE_PIECES,
    TransportFaultKind,
)
from ztdx_devnet.faults.transport import TransportFault as ArmedFault
from ztdx_devnet.scenario.stage import Stage
from ztdx_devnet.scenario.values import DurationUs, Printable
from ztdx_devnet.scenario.verbs.faults import (
    FaultVerb,
    ScopeArguments,
    one_of,
    refuse_unknown_method,
)
from ztdx_devnet.scenario.verbs.verb import Verb

_KINDS_OF = {
    "delay": ("delay",),
    "pieces": ("trickle",),
    "pause": ("trickle",),
    "status": ("gateway", "rate_limited"),
    "retry_after_s": ("rate_limited",),
    "code": ("rate_limited",),
    "text": ("rate_limited",),
}
_STATUSES = {"gateway": (500, 502, 503, 504), "rate_limited": (200, 429)}


class TransportFault(FaultVerb):
    """HTTP exchanges with the node go wrong, each as a whole, batches included.

    `method` touches only those that hold a call to it, `answer_bytes_over` only those whose honest
    answer is larger. `delay` is how late a late answer is; a `trickle` sends its body in `pieces`
    with a `pause` before each; `status` is that of `gateway` or `rate_limited`, which may say
    `retry_after_s` and answer with an error object of that `code`, or with a `text`.
    """

    KEY = "transport_fault"
    kind: Annotated[TransportFaultKind, one_of(get_args(TransportFaultKind))]
    method: str | None = None
    answer_bytes_over: Annotated[int, Field(ge=0)] | None = None
    delay: DurationUs | None = None
    pieces: Annotated[int, Field(ge=1, le=100_000)] | None = None
    pause: DurationUs | None = None
    status: int | None = None
    retry_after_s: Annotated[int, Field(ge=0)] | None = None
    code: int | None = None
    text: Printable | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for field, kinds in _KINDS_OF.items():
            if getattr(self, field) is not None and self.kind not in kinds:
                words = " or ".join(kinds)
                raise ValueError(f"{field} goes with kind: {words}, not with {self.kind}")
        if self.method is not None:
            refuse_unknown_method(self.method)
        if self.kind == "delay" and self.delay is None:
            raise ValueError("kind: delay needs a delay, such as 3s")
        if self.kind == "refused":
            for field in ("method", "answer_bytes_over"):
                if getattr(self, field) is not None:
                    raise ValueError(f"{field}: nobody who is refused has asked for anything yet")
        if self.status is not None and self.status not in _STATUSES[self.kind]:
            words = ", ".join(str(status) for status in _STATUSES[self.kind])
            raise ValueError(f"status: expected one of {words} for {self.kind}, got {self.status}")
        if self.status == 200 and self.code is None:
            raise ValueError("status: 200 needs a code, or nothing says that it is a refusal")
        return self

    def hides(self, later: Verb) -> bool:
        """An exchange is touched by one fault, the first that is armed."""
        if not self.endless or self.answer_bytes_over is not None:
            return False
        return isinstance(later, TransportFault) and self.method in (None, later.method)

    def fault(self, scope: ScopeArguments) -> ArmedFault:
        return ArmedFault(
            self.name,
            kind=self.kind,
            method=self.method,
            answer_bytes_over=self.answer_bytes_over,
            delay_us=self.delay or 0,
            pieces=self.pieces or TRICKLE_PIECES,
            pause_us=TRICKLE_PAUSE_US if self.pause is None else self.pause,
            status=self.status,
            retry_after_s=self.retry_after_s,
            code=self.code,
            text=self.text,
            **scope,
        )

    def perform(self, stage: Stage) -> None:
        fault = self.fault(self.scope(stage))
        stage.world.arm(fault, method=fault.method, kind_of_fault=fault.kind)
