"""Invariants of rows: I1, I2, I3, I6, I9 and I18."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.scenario.invariants import times
from ztdx_devnet.scenario.invariants.evidence.repairs import POLLS_TO_REPAIR
from ztdx_devnet.scenario.invariants.evidence.scene import Scene
from ztdx_devnet.scenario.invariants.problems import Problem, Problems, deposit_text, row_text
from ztdx_devnet.sim.ledger_reader import Cursor, DepositRow, HeldLog, QuarantineRow, Sighting
from ztdx_devnet.sim.oracle import TrueDeposit


def completeness(scene: Scene) -> Problems:
    """every confirmed deposit of the vault has exactly one row; or its log is held as unreadable"""
    world = scene.world
    if not world.product.listener_was_started:
        return  # nobody was there to credit
    rows = scene.ledger.confirmed_by_transaction
    # Up to the cursor, which has come as far as it must: a block may have come just now.
    last_block = min(world.confirmed_height, scene.cursor.block_number)
    for deposit in world.oracle.canonical(world.start_block, last_block):
        ordinals = [scene.ordinal_of(row) for row in rows.get(deposit.transaction_hash, ())]
        mine = ordinals.count(deposit.ordinal)
        if mine == 1 or not deposit.amount_wei:
            continue
        held = is_held(scene, deposit)
        if not (held and scene.was_told_spoilt(deposit)):
            seen = f"{mine} rows; a log that can be read is held" if held else f"{mine} rows"
            yield Problem(f"one row for {deposit_text(deposit)}", seen)


def soundness(scene: Scene) -> Problems:
    """every row is a canonical deposit: the same event, account and position"""
    for row in scene.changes.rows:
        if row.status == "confirmed" and _is_of_the_vault(scene, row):
            yield from _standing(scene, row)


def soundness_in_time(scene: Scene) -> Problems:
    """every row is a canonical deposit: the same event, account and position"""
    row = scene.repairs.overdue()
    if row is not None:
        expected = f"no confirmed row off the canonical chain for {POLLS_TO_REPAIR} polls"
        yield Problem(expected, row_text(row))


def credited_once(scene: Scene) -> Problems:
    """no deposit is credited twice; its identity is transaction hash and ordinal"""
    for tx_hash in dict.fromkeys(row.tx_hash for row in scene.changes.rows):
        credited: set[int] = set()
        for row in scene.ledger.confirmed_by_transaction.get(tx_hash, ()):
            ordinal = scene.ordinal_of(row)
            if ordinal in credited:
                yield Problem(f"one credit of event {ordinal} of {tx_hash}", "two or more")
            credited.add(ordinal)


def depth(scene: Scene) -> Problems:
    """nothing is credited before its block is deep enough"""
    wanted = scene.world.settings.confirmation_depth_blocks
    head = max(scene.heights.asked, scene.told.height_asked(scene.by))
    for row in scene.changes.rows:
        found = head - row.block_number
        if row.status == "confirmed" and found < wanted:
            expected = f"a depth of at least {wanted} blocks"
            yield Problem(expected, f"{row_text(row)} credited at depth {found}")


def isolation(scene: Scene) -> Problems:
    """no row is of another contract, event, token or chain than the configured ones"""
    chain_id = scene.world.chain.chain_id
    for row in scene.changes.rows:
        expected = f"an event SpotDeposit of DF from the vault on chain {chain_id}"
        if row.chain_id != chain_id:
            yield Problem(expected, f"{row_text(row)} on chain {row.chain_id}")
        elif not _is_of_the_vault(scene, row):
            yield Problem(expected, f"no such event behind {row_text(row)}")
    for _, held in scene.changes.quarantine:
        if held is not None and held.chain_id != chain_id:
            yield Problem(f"a log of chain {chain_id} in quarantine", f"one of {held.chain_id}")


def isolation_of_cursor(scene: Scene) -> Problems:
    """no row is of another contract, event, token or chain than the configured ones"""
    world, cursor = scene.world, scene.cursor
    chain_id, genesis = world.chain.chain_id, cursor.genesis_hash
    if cursor.chain_id not in (None, chain_id):
        yield Problem(f"a cursor of chain {chain_id}", f"one of chain {cursor.chain_id}")
    new = genesis != scene.cursor_before.genesis_hash
    if new and genesis is not None and not scene.told.has_been(Cursor(0, genesis)):
        yield Problem("a cursor of the chain that there is", f"one that began with {genesis}")


def history(scene: Scene) -> Problems:
    """history is only added to: no row goes, none becomes another deposit, none moves unseen"""
    changes = scene.changes
    for before, now in changes.deposits:
        if before is not None:
            yield from _changed_row(before, now)
    if scene.keeps_history:
        yield from _unseen(scene)
    yield from _rewritten("entry", changes.entries)
    yield from _rewritten("admin credit", changes.admin_credits)
    yield from _rewritten("sighting", changes.old_sightings)
    yield from _rewritten("kept answer", changes.kept_answers)
    yield from _rewritten("log in quarantine", [_held_content(pair) for pair in changes.quarantine])
    yield from times.of_what_was_added(scene)


def is_held(scene: Scene, deposit: TrueDeposit) -> bool:
    """Whether the deposit's log is in quarantine, where it is neither credited nor lost."""
    log = HeldLog(deposit.transaction_hash, deposit.ordinal, deposit.block_number)
    return log in scene.ledger.held


def _is_of_the_vault(scene: Scene, row: DepositRow) -> bool:
    versions = scene.world.oracle.versions(row)
    return row.token == "DF" and any(v.token == contracts.DF_TOKEN for v in versions)  # noqa: S105


def _standing(scene: Scene, row: DepositRow) -> Problems:
    oracle = scene.world.oracle
    deposit = oracle.canonical_claimed(row)
    if deposit is None:
        deposit = oracle.claimed(row)
        if scene.settled or deposit is None or not scene.repairs.just_reorged:
            yield Problem("a canonical deposit of DF into the vault", f"none at {row_text(row)}")
            return
        scene.repairs.excuse(row)  # read before the reorg, written after it
    in_its_block = (row.block_number, row.block_hash or deposit.block_hash) == (
        deposit.block_number,
        deposit.block_hash,
    )
    moved = in_its_block and row.log_index != deposit.log_index and not scene.logs_were_renumbered
    if row.user != deposit.account or moved:
        yield Problem(deposit_text(deposit), row_text(row))
    knows_ordinals = row.block_hash is not None or scene.keeps_history
    if knows_ordinals and row.event_ordinal != deposit.ordinal:
        expected = f"event {deposit.ordinal} of its transaction for {row_text(row)}"
        yield Problem(expected, f"event {row.event_ordinal}")


def _rewritten(kind: str, pairs: Sequence[tuple[object | None, object | None]]) -> Problems:
    """What is only ever added, and is gone or says something else."""
    for before, now in pairs:
        if before is not None:
            yield Problem(f"{kind} as it was: {before}", "it is gone" if now is None else str(now))


def _changed_row(before: DepositRow, now: DepositRow | None) -> Problems:
    if now is None:
        yield Problem(f"the row of {row_text(before)}", "it is gone")
    elif _content(now) != _content(before):
        yield Problem(f"the row of {row_text(before)}", f"now of {row_text(now)}")
    elif now.created_at != before.created_at or before.confirmed_at not in (
        None,
        now.confirmed_at,
    ):
        written = f"created at {before.created_at}, confirmed at {before.confirmed_at}"
        now_written = f"created at {now.created_at}, confirmed at {now.confirmed_at}"
        yield Problem(f"{row_text(before)}, {written}", now_written)


def _unseen(scene: Scene) -> Problems:
    """Rows that are not what and where their last sighting has them."""
    books, changes = scene.books, scene.changes
    for before, sighting in books.odd_sightings:
        known = "nothing" if before is None else f"{before.act}"
        yield Problem(f"a sighting that may follow {known}", _sighting_text(sighting))
    touched = {row.id: row for row in changes.rows}
    for row in scene.rows_of({s.deposit_id for s in changes.sightings} - touched.keys()):
        touched[row.id] = row
    for row in touched.values():
        seen = books.seen.get(row.id)
        expected = f"a sighting that makes the {row.status} row, {row_text(row)}"
        if seen is None:
            yield Problem(expected, "none")
        elif _place_seen(seen) != _place(row):
            yield Problem(expected, _sighting_text(seen))


def _sighting_text(sighting: Sighting) -> str:
    return f"{sighting.act} at block {sighting.block_number}, log {sighting.log_index}"


def _held_content(
    pair: tuple[QuarantineRow | None, QuarantineRow | None],
) -> tuple[QuarantineRow | None, QuarantineRow | None]:
    """A pair of rows but for the status, which changes; none if that is all that has changed."""
    before, now = pair
    if before is not None and now is not None and replace(before, status=now.status) == now:
        return (None, None)
    return pair


def _content(row: DepositRow) -> tuple[object, ...]:
    return (row.user, row.token, row.amount, row.chain_id, row.tx_hash, row.event_ordinal, row.id)


def _place(row: DepositRow) -> tuple[object, ...]:
    return (row.status == "confirmed", row.block_number, row.log_index, row.block_hash)


def _place_seen(seen: Sighting) -> tuple[object, ...]:
    return (seen.act != "orphaned", seen.block_number, seen.log_index, seen.block_hash)
