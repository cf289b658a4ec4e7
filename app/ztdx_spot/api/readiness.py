"""Judges health: from what listener and ledger left behind, to what is missing, in words.

Pure. Whatever may lose, delay or falsify a credit is missing; what an operator should merely see
is a warning.
"""

from __future__ import annotations

from collections.abc import Iterator

from ztdx_spot.api.answers import ListenerState, Readiness
from ztdx_spot.config import WatchedListener
from ztdx_spot.ledger.listener_status import ListenerStatus, Traces

STALL_S_MIN = 30
STALL_POLLS = 10
FAILED_POLLS_MAX = 10


HEAD_STANDS_S = 120
"""A chain with a block every two seconds does not rest that long; an idle devnet may."""


def stall_s(poll_interval_ms: int) -> int:
    """How long a listener may show no progress: ten polls, and never less than 30 s."""
    return max(STALL_S_MIN, STALL_POLLS * poll_interval_ms // 1000)


def judge(watched: WatchedListener, traces: Traces, now_s: int) -> Readiness:
    """The whole verdict at this moment."""
    missing = [*_listener_faults(watched, traces, now_s), *_ledger_faults(traces)]
    return Readiness(
        ready=not missing,
        missing=missing,
        warnings=list(_warnings(traces)),
        listener=None if traces.status is None else _state(watched, traces, traces.status, now_s),
        quarantined_logs=traces.quarantined_logs,
        negative_balances=traces.negative_balances,
    )


def unreadable() -> Readiness:
    """The verdict when the database does not answer; why is in the log."""
    return Readiness(
        ready=False,
        missing=["the database does not answer"],
        warnings=[],
        listener=None,
        quarantined_logs=None,
        negative_balances=None,
    )


def _listener_faults(watched: WatchedListener, traces: Traces, now_s: int) -> Iterator[str]:
    status = traces.status
    if status is None:
        if watched.expected:
            yield f"the listener of chain {watched.chain_id} has not reported yet"
        return
    reason = "" if status.trouble is None else f": {status.trouble}"
    if status.halted:
        yield f"the listener has stopped and waits for an operator{reason}"
        return
    limit_s = stall_s(watched.poll_interval_ms)
    if status.succeeded_at is None:
        yield f"no poll has succeeded yet{reason}"
    elif now_s - status.succeeded_at > limit_s:
        yield f"no poll has succeeded for {now_s - status.succeeded_at} s{reason}"
    elif status.succeeded_at - now_s > limit_s:
        yield f"the last poll is {status.succeeded_at - now_s} s ahead: a clock was set back"
    elif status.failed_polls >= FAILED_POLLS_MAX:
        yield f"the last {status.failed_polls} polls failed{reason}"
    yield from _cursor_faults(watched, traces, status, now_s, limit_s)


def _cursor_faults(
    watched: WatchedListener, traces: Traces, status: ListenerStatus, now_s: int, limit_s: int
) -> Iterator[str]:
    cursor, head = traces.cursor_block, status.head_block
    if cursor is None or traces.cursor_moved_at is None:
        if status.succeeded_at is not None:
            yield "no block has been processed yet"
        return
    if head is None:
        return
    waiting = head - watched.confirmation_depth_blocks - cursor
    if head < cursor:
        yield f"the node's head {head} is below the cursor {cursor}"
    elif waiting > 0 and now_s - traces.cursor_moved_at > limit_s:
        yield (
            f"the cursor has stood at block {cursor} for {now_s - traces.cursor_moved_at} s"
            f" while {waiting} confirmed blocks wait"
        )


def _ledger_faults(traces: Traces) -> Iterator[str]:
    if traces.negative_balances:
        yield (
            f"{traces.negative_balances} balances are below zero: deposits were reversed"
            " after they had been spent"
        )


def _warnings(traces: Traces) -> Iterator[str]:
    if traces.quarantined_logs:
        yield (
            f"{traces.quarantined_logs} logs could not be read and are held back:"
            " python -m ztdx_spot replay-quarantine tries them again"
        )
    status = traces.status
    if status is not None and not status.halted and 0 < status.failed_polls < FAILED_POLLS_MAX:
        reason = "" if status.trouble is None else f": {status.trouble}"
        yield f"the last {status.failed_polls} polls failed{reason}"
    if (
        status is not None
        and status.head_since is not None
        and status.succeeded_at is not None
        and status.succeeded_at - status.head_since > HEAD_STANDS_S
    ):
        yield f"the node's head has stood for {status.succeeded_at - status.head_since} s"


def _state(
    watched: WatchedListener, traces: Traces, status: ListenerStatus, now_s: int
) -> ListenerState:
    cursor, head, succeeded_at = traces.cursor_block, status.head_block, status.succeeded_at
    return ListenerState(
        chain_id=watched.chain_id,
        cursor_block=cursor,
        head_block=head,
        lag_blocks=None if cursor is None or head is None else head - cursor,
        seconds_since_poll=None if succeeded_at is None else max(0, now_s - succeeded_at),
        failed_polls=status.failed_polls,
        halted=status.halted,
        trouble=status.trouble,
    )
