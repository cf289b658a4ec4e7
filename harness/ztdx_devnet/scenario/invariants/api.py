"""Invariants of the API: I11 in its answers, and I13. I12 asks by itself (api_walk)."""

from __future__ import annotations

from ztdx_devnet.scenario.invariants.evidence.scene import Scene
from ztdx_devnet.scenario.invariants.problems import Problem, Problems


def exact_answers(scene: Scene) -> Problems:
    """amounts in database, API and chain agree digit for digit"""
    listed = scene.answers.take()
    if not listed:
        return
    amounts = {row.id: row.amount for row in scene.world.ledger.deposits}
    for entry in listed:
        amount = amounts.get(str(entry.get("id")))
        if amount is not None and entry.get("amount") != amount:
            expected = f"{amount}, as in the database, for deposit {entry['id']}"
            yield Problem(expected, f"{entry.get('amount')!r} in the API's answer")


def idempotence(scene: Scene) -> Problems:
    """one idempotency key is one credit and one answer, however often it is sent"""
    ledger = scene.ledger
    if not scene.requests.has_news(ledger.admin_rows, ledger.kept_answers):
        return
    for expected, actual in scene.requests.repeated(ledger.admin_rows):
        yield Problem(expected, actual)
    for expected, actual in scene.requests.misremembered(ledger.kept_answers, ledger.admin_rows):
        yield Problem(expected, actual)
