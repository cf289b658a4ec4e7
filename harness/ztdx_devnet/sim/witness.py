"""What a listener was really told: the answers of nodes that arrived as they had been sent.

A witness sits on both sides of a listener's transport. Behind it, at the node, it notes each answer
as it is given; before it, whether the bytes came through. An exchange that was lost or spoilt on
the way has told nobody anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ztdx_devnet.chain.view import View
from ztdx_devnet.sim.kernel import Actor, Kernel
from ztdx_spot.ports import HttpAnswer, Transport


class Audience(Protocol):
    """Who wants to know. `asked` hears of each exchange that begins.

    What `judged` makes of an answer when it is given, `told` gets when, and if, it has arrived.
    `judged_headers` is for the true headers of canonical blocks, by their numbers.
    """

    def asked(self, life: Actor) -> None: ...

    def judged(
        self, view: View, method: str, arguments: list[Any], result: Any
    ) -> object | None: ...

    def judged_headers(self, numbers: Sequence[str]) -> object | None: ...

    def told(self, life: Actor, judged: list[object]) -> None: ...


class Answering(Protocol):
    """A node as one listener reaches it."""

    def answer(self, body: bytes) -> HttpAnswer: ...


class Witness:
    """The witness of one listener. `audience` may come later than the listener's transport.

    A life is the actor that asks: one that is started again has been told nothing.
    """

    def __init__(self, kernel: Kernel, node: Answering, audience: Audience | None) -> None:
        self.audience = audience
        self._kernel = kernel
        self._node = node
        self._judged: list[object] = []
        self._body: bytes | None = None
        self._listening = False

    def answer(self, body: bytes) -> HttpAnswer:
        """At the node: pass the request on, and note what is answered."""
        self._judged, self._listening = [], True
        try:
            answer = self._node.answer(body)
        finally:
            self._listening = False
        self._body = answer.body if answer.status == 200 else None
        return answer

    def heard(self, view: View, method: str, arguments: list[Any], result: Any) -> None:
        """Told by the node of each of its answers, to whomever it is."""
        if self._listening and self.audience is not None:
            judged = self.audience.judged(view, method, arguments, result)
            if judged is not None:
                self._judged.append(judged)

    def heard_headers(self, numbers: Sequence[str]) -> None:
        """Told by the node of true canonical headers that it gave one after another."""
        if self._listening and self.audience is not None:
            judged = self.audience.judged_headers(numbers)
            if judged is not None:
                self._judged.append(judged)

    def before(self, transport: Transport) -> Transport:
        """The transport, with the witness before it."""
        return _Witnessed(self, transport)

    def begun(self) -> Actor:
        self._kernel.refuse_the_dead()
        self._judged, self._body = [], None
        life = self._kernel.current
        if self.audience is not None:
            self.audience.asked(life)
        return life

    def arrived(self, life: Actor, answer: HttpAnswer) -> None:
        """An answer has come; it tells something only if it is what the node sent."""
        judged, self._judged = self._judged, []
        sent, self._body = self._body, None
        if self.audience is not None and answer.status == 200 and answer.body == sent:
            self.audience.told(life, judged)


@dataclass(frozen=True, slots=True)
class _Witnessed:
    witness: Witness
    transport: Transport

    def post(self, body: bytes, timeout_s: float) -> HttpAnswer:
        life = self.witness.begun()
        answer = self.transport.post(body, timeout_s)
        self.witness.arrived(life, answer)
        return answer
