"""A world that Python code plays, one step at a time; between two steps time stands still.

The steps are the verbs of the scenarios: the same words, fields, checks of what is given, and the
same invariants watching. What was played can be had as a scenario file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.journal.journal import Journal
from ztdx_devnet.scenario import loader
from ztdx_devnet.scenario.conditions import Condition
from ztdx_devnet.scenario.cross_check import CrossCheck
from ztdx_devnet.scenario.errors import BadScenario, unknown
from ztdx_devnet.scenario.invariants import SENTENCES, Invariants, Violation
from ztdx_devnet.scenario.model import Given, Scenario
from ztdx_devnet.scenario.opening import open_world, start_product
from ztdx_devnet.scenario.settling import settle
from ztdx_devnet.scenario.stage import ExpectationFailed, RunBroken, Stage, StepImpossible
from ztdx_devnet.scenario.values import CURRENCIES, decimal_text
from ztdx_devnet.scenario.verbs import VERBS, Step
from ztdx_devnet.scenario.verbs.api import Api
from ztdx_devnet.scenario.verbs.faults import ClearFaults
from ztdx_devnet.scenario.verbs.flow import Expect
from ztdx_devnet.scenario.verdict import FaultCount
from ztdx_devnet.scenario.yaml_lines import Lines
from ztdx_devnet.scripted.calls import plain, shortened
from ztdx_devnet.scripted.errors import BadStep, Inconclusive, NoSuchVerb, StepFailed, Violated
from ztdx_devnet.scripted.session import Session
from ztdx_devnet.scripted.verbs import Verbs
from ztdx_devnet.sim.cast import HOLDERS
from ztdx_devnet.sim.ledger_reader import LedgerSnapshot
from ztdx_devnet.sim.processes import ApiAnswer, ListenerProgram
from ztdx_devnet.virtual_time import MICROSECONDS
from ztdx_spot.errors import SettingError

_PLACE = "scripted"


@dataclass(frozen=True, slots=True)
class DepositFacts:
    """A deposit that was sent. Where it stands on the canonical branch is None if it is in none.

    `account` and `transaction_hash` are 0x and lower-case hex, `amount` a decimal in whole tokens;
    `ordinal` counts the vault's deposits of the transaction. `credited` says whether the ledger has
    a confirmed row of it.
    """

    account: str
    token: str
    amount: str
    transaction_hash: str
    ordinal: int
    block_number: int | None
    log_index: int | None
    confirmations: int | None
    credited: bool


class ScriptedWorld(Verbs):
    """Chain, node, product, users and faults on one virtual clock, played step by step.

    As a context manager, or with `close` at the end. A step raises BadStep where it can't be,
    StepFailed where it expects something else, and Violated where an invariant came to be broken
    meanwhile; after that every step raises it.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        start_height: int | None = None,
        confirmation_depth: int | None = None,
        block_time_s: int | None = None,
        poll_interval_ms: int | None = None,
        listener: Literal["running", "stopped"] | ListenerProgram = "running",
        restart_after: str | None = None,
        latency: Literal["steady", "varied"] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """The keywords are those of `given` in a scenario; a program as `listener` stands in the
        product's place. Raises BadStep.
        """
        program = listener if callable(listener) else None
        wanted = {
            "start_height": start_height,
            "confirmation_depth": confirmation_depth,
            "block_time_s": block_time_s,
            "poll_interval_ms": poll_interval_ms,
            "listener": None if program is not None or listener == "running" else listener,
            "restart_after": restart_after,
            "latency": latency,
            "environment": environment,
        }
        raw = {key: plain(value) for key, value in wanted.items() if value is not None}
        head = _scenario_of({"seed": seed, "given": raw, "steps": ["halt_chain"]}).head
        self._given: Given = head.given
        self._session = Session(head.seed, raw)
        if program is not None:
            self._session.note = f"played with {program!r} in the place of the product's listener"
        try:
            self._world = open_world(head.given, head.seed, program)
        except SettingError as error:
            raise BadStep(f"environment: {error}") from error
        self._stage = Stage(self._world)
        self._check = CrossCheck(head.given, place="step")
        self._failure: StepFailed | None = None
        self._told_inconclusive = False
        self._closed = False
        self._number = 0
        self._invariants = Invariants(self._world, self._violated)
        self._world.producer.start()
        self._do(lambda: start_product(self._world, head.given))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        __tracebackhide__ = True
        if error is None:
            self.close()
        else:
            self.abandon()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise NoSuchVerb(unknown("verb", name, VERBS))

    def __repr__(self) -> str:
        return f"<ScriptedWorld after {self._number} steps, {self.elapsed_s:g} s>"

    # --- playing -------------------------------------------------------------------------------

    def step(self, word: str, value: Any = None) -> None:
        """Play any verb by its word; the value is what stands behind it in a scenario: its fields,
        the bare value of its main one, or nothing. Raises as all steps do.
        """
        __tracebackhide__ = True
        given = plain(value)
        step = self._checked({word: given})
        self._play(shortened(word, given), step, lambda: step.verb.perform(self._stage))

    def request(
        self,
        method: str,
        path: str,
        user: str | None = None,
        *,
        auth: Literal["jwt", "hmac"] = "jwt",
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        text: str | None = None,
    ) -> ApiAnswer:
        """A step: one request to the API, as the verb `api` sends it, and its answer.

        `path` comes after /api/v1. Raises ConnectionRefusedError when nobody listens, and
        ConnectionResetError when no answer came.
        """
        __tracebackhide__ = True
        optional = {"as": user, "headers": headers, "json": json, "text": text}
        fields = {"method": method, "path": path}
        fields |= {key: plain(value) for key, value in optional.items() if value is not None}
        if auth != "jwt":
            fields["auth"] = auth
        step = self._checked({"api": {**fields, "expect": {"status": "none"}}})
        assert isinstance(step.verb, Api)
        verb, world = step.verb, self._world
        status: int | str = "none"
        answer: ApiAnswer | None = None
        refused: ConnectionRefusedError | None = None

        def send() -> None:
            nonlocal answer, status, refused
            try:
                answer = world.product.request(verb.request(self._stage))
            except ConnectionRefusedError as error:
                refused, status = error, "refused"
            if answer is not None:
                status = answer.status

        written: dict[str, Any] = {"api": fields}
        try:
            self._play(written, step, send)
        finally:
            fields["expect"] = {"status": status}  # type: ignore[assignment]  # it is one of YAML
        if refused is not None:
            raise refused
        if answer is None:
            raise ConnectionResetError(f"{method} {path}: no answer came, the connection broke")
        return answer

    def settle(self, within: str | None = None) -> None:
        """Lift all faults, and demand that the listener catches up and all invariants hold.

        It may take what a working listener needs, or `within`. Raises StepFailed, Violated, and
        Inconclusive for a fault that was armed and never hit anything.
        """
        __tracebackhide__ = True
        wanted = {} if within is None else {"settle": {"within": within}}
        limit_us = _scenario_of({**wanted, "steps": ["halt_chain"]}).head.settle.within
        before_us = self._world.now_us

        def act() -> None:
            settle(self._stage, limit_us)
            self._invariants.check_settled()

        self._do(act)
        self._check.follow(Step(ClearFaults(), 0))
        self._session.settled(self._world.now_us - before_us, within)
        self._demand_hits()

    def close(self) -> None:
        """End the run. Raises Inconclusive for a fault that never hit anything, unless a step
        failed or `settle` has said so already. A second time it does nothing.
        """
        __tracebackhide__ = True
        if not self._closed:
            self.abandon()
            if self._failure is None and not self._told_inconclusive:
                self._demand_hits()

    def abandon(self) -> None:
        """End the run whatever it showed."""
        if self._closed:
            return
        self._closed = True
        if self._failure is None:
            self._world.kernel.end()
        self._record_verdict()
        self._digest = self.digest
        self._world.kernel.end()
        self._invariants.close()
        _ = self._world.ledger  # it is kept, to be looked at after the end
        self._last_cursor = self._world.cursor_block
        self._world.__exit__()

    # --- looking -------------------------------------------------------------------------------

    def holds(self, **conditions: Any) -> bool:
        """Whether all these conditions of the language hold now."""
        return all(each.look(self._world).holds for each in self._conditions(conditions))

    def balance(self, user: str, token: str = "DF") -> str:  # noqa: S107 - a symbol
        """What the user, or a contract that deposits, has available, as the ledger writes it."""
        if user not in HOLDERS:
            raise BadStep(unknown("user", user, HOLDERS))
        return self.ledger.available.get((HOLDERS[user], token), "0")

    @property
    def height(self) -> int:
        """The height of the chain."""
        return self._world.chain.height

    @property
    def cursor(self) -> int | None:
        """How many blocks the cursor is above the height at which the world began, as in the
        condition `cursor`; None before the listener wrote one.
        """
        block = self._last_cursor if self._closed else self._world.cursor_block
        return None if block is None else block - self._given.start_height

    @property
    def elapsed_s(self) -> float:
        """Virtual seconds since the world began."""
        return (self._world.now_us - self._world.started_us) / MICROSECONDS

    @property
    def deposits(self) -> Mapping[str, DepositFacts]:
        """Every deposit that was sent, by its name, as it stands now."""
        return {name: self._facts(name) for name in self._world.users.deposits}

    @property
    def ledger(self) -> LedgerSnapshot:
        """The product's committed ledger, now: rows, balances, entries."""
        return self._world.ledger

    @property
    def journal(self) -> Journal:
        """All that has happened so far."""
        return self._world.journal

    @property
    def faults(self) -> tuple[FaultCount, ...]:
        """Every fault that was armed, in order, with how often it hit something."""
        return tuple(FaultCount(fault.name, fault.hits) for fault in self._world.faults)

    def hits(self, fault: str) -> int:
        """How often that fault hit something."""
        counts = {each.name: each.hits for each in self.faults}
        if fault not in counts:
            raise BadStep(unknown("fault", fault, counts))
        return counts[fault]

    @property
    def digest(self) -> str:
        """The identity of the run so far; that of the whole run once it is closed."""
        if self._closed and self._digest:
            return self._digest
        return self._world.journal.digest(self._world.kernel.digest)

    def scenario(self, title: str) -> str:
        """What was played as a scenario file.

        Of a run that settled last, `devnet run` of it has the same digest.
        """
        text = self._session.text(title)
        try:
            loader.parse(text, _PLACE)
        except BadScenario as error:
            raise BadStep(_told(error)) from error
        return text

    # --- inside --------------------------------------------------------------------------------

    _digest = ""
    _last_cursor: int | None = None

    def _checked(self, raw: Mapping[str, Any]) -> Step:
        """The step, if it can be done now. Raises BadStep."""
        try:
            step = Step(loader.read_step(dict(raw), _PLACE), self._number + 1)
        except BadScenario as error:
            raise BadStep(_told(error)) from error
        self._check.height_at_most = self.height
        problems = list(self._check.wrong_with(step))
        if problems:
            raise BadStep("\n".join(problem.message for problem in problems))
        return step

    def _play(self, written: Any, step: Step, act: Callable[[], None]) -> None:
        __tracebackhide__ = True
        self._refuse_closed()
        self._number += 1
        self._session.add(written)
        self._world.record("scenario", "step", number=self._number, verb=step.verb.KEY)
        try:
            self._do(act)
        except BadStep:
            self._session.take_back()
            raise
        except StepFailed:
            self._follow_what_there_is(step)
            raise
        self._check.follow(step)

    def _follow_what_there_is(self, step: Step) -> None:
        """A step that failed may have given its names, but a socket that never was."""
        if all(named.kind != "socket" for named in step.verb.defines()):
            self._check.follow(step)

    def _do(self, act: Callable[[], None]) -> None:
        """Let the script's actor do that. Raises BadStep, StepFailed or Violated."""
        __tracebackhide__ = True
        self._refuse_closed()
        try:
            self._world.perform(act)
        except RunBroken:
            pass
        except ExpectationFailed as error:
            if not self._stage.broken:
                failed = StepFailed(error.rule, error.expected, error.actual)
                self._failure = failed
                raise failed from None
        except StepImpossible as error:
            raise BadStep(str(error)) from error
        self._refuse_broken()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise BadStep("the world is closed: nothing can be done in it any more")
        self._refuse_broken()

    def _refuse_broken(self) -> None:
        __tracebackhide__ = True
        if isinstance(self._failure, Violated):
            raise Violated(self._failure.rule, self._failure.expected, self._failure.actual)

    def _violated(self, violation: Violation) -> None:
        rule = f"{violation.invariant}: {SENTENCES[violation.invariant]}"
        self._failure = Violated(rule, violation.expected, violation.actual)
        self._stage.broken = True

    def _demand_hits(self) -> None:
        __tracebackhide__ = True
        idle = [fault.name for fault in self.faults if not fault.hits]
        if idle:
            self._told_inconclusive = True
            names = ", ".join(repr(name) for name in idle)
            word = "fault" if len(idle) == 1 else "faults"
            raise Inconclusive(f"the {word} {names} never fired: the test shows nothing about it")

    def _record_verdict(self) -> None:
        """As the runner records its own: another one makes another digest."""
        idle = [fault.name for fault in self.faults if not fault.hits]
        why: dict[str, str] = {}
        verdict = "held"
        if self._failure is not None:
            verdict, failed = "violated", self._failure
            why = {"rule": failed.rule, "expected": failed.expected, "actual": failed.actual}
        elif idle:
            verdict = "inconclusive"
            rule = f"the fault {idle[0]!r} never fired"
            why = {"rule": rule, "expected": "at least one hit", "actual": "none"}
        self._world.record("scenario", "verdict", verdict=verdict, **why)

    def _conditions(self, raw: Mapping[str, Any]) -> list[Condition]:
        verb = self._checked({"expect": plain(raw)}).verb
        assert isinstance(verb, Expect)
        return verb.conditions()

    def _facts(self, name: str) -> DepositFacts:
        world = self._world
        sent = world.users.deposits[name]
        transaction = "0x" + sent.transaction_hash.hex()
        here = [
            each for each in world.oracle.canonical_at(transaction) if each.ordinal == sent.ordinal
        ]
        rows = self.ledger.confirmed_by_transaction.get(transaction, ())
        block = here[0].block_number if here else None
        return DepositFacts(
            account=sent.account,
            token=_SYMBOLS.get(sent.token, "0x" + sent.token.hex()),
            amount=decimal_text(sent.amount_wei),
            transaction_hash=transaction,
            ordinal=sent.ordinal,
            block_number=block,
            log_index=here[0].log_index if here else None,
            confirmations=None if block is None else world.chain.height - block,
            credited=any(row.event_ordinal == sent.ordinal for row in rows),
        )


_SYMBOLS = {address: symbol for symbol, address in CURRENCIES.items()}
assert _SYMBOLS[contracts.DF_TOKEN] == "DF"


def _scenario_of(value: Mapping[str, Any]) -> Scenario:
    """What a file would say, checked as one. Raises BadStep."""
    try:
        return loader.build({"title": _PLACE, **value}, Lines(), "", _PLACE)
    except BadScenario as error:
        raise BadStep(_told(error)) from error


def _told(error: BadScenario) -> str:
    return "\n".join(problem.message for problem in error.problems)
