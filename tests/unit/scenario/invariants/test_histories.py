"""I5 and I18 where there is no history at all, and where audit rows are touched."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.scenario.invariants.evidence.admin_requests import PATH
from ztdx_devnet.scenario.values import WEI
from ztdx_devnet.sim.processes import ApiRequest
from ztdx_devnet.sim.world import ADMIN_API_KEY, World, WorldSettings
from ztdx_spot.ledger import admin_credits

from .by_hand import ALICE, begin, delete, execute, new_balance, read_all, row, watching


def idle(settings: object, transport: object, clock: Any, entropy: object, database: object):  # type: ignore[no-untyped-def]
    """A listener that is alive and does nothing."""
    while True:
        clock.sleep_s(1)


@pytest.mark.parametrize(("listener", "rules"), [(None, ["I18", "I5", "I4"]), (idle, [])])
def test_the_product_s_own_listener_keeps_a_history_another_may_keep_none(
    listener: Any, rules: list[str]
) -> None:
    with World(WorldSettings(listener=listener)) as world, watching(world, lambda _: None) as watch:

        def script() -> None:
            world.users.deposit("d", "alice", WEI, contracts.DF_TOKEN)
            world.blocks.mine(24)
            read_all(world)
            execute(world, [begin(world), row(world, "d"), new_balance(ALICE, "1")])

        world.run(script)
    assert list(dict.fromkeys(violation.invariant for violation in watch.found)) == rules


def after_an_admin_credit(*statements: str) -> list[str]:
    """What these violate, after one admin credit of 5 DF to Alice, of a world without history."""
    with World(WorldSettings(listener=idle)) as world, watching(world, lambda _: None) as watch:

        def script() -> None:
            world.product.start_api()
            body = {"user_address": ALICE, "token": "DF", "amount": "5", "reason": "gift"}
            answer = world.product.request(
                ApiRequest(
                    "POST",
                    PATH,
                    {"X-API-Key": ADMIN_API_KEY, "Content-Type": "application/json"},
                    json.dumps(body).encode(),
                )
            )
            assert answer is not None
            assert answer.status == 200, answer
            execute(world, statements)

        world.run(script)
    return list(dict.fromkeys(violation.invariant for violation in watch.found))


ALTERED: Sequence[str] = ("reason = 'other'", "admin_actor = 'other'", "created_at = 7")


@pytest.mark.parametrize("change", ALTERED)
def test_the_audit_row_of_an_admin_credit_is_never_another(change: str) -> None:
    assert after_an_admin_credit() == []
    assert after_an_admin_credit(f"UPDATE spot_admin_credits SET {change}")[0] == "I18"


def test_an_audit_row_that_is_deleted_is_noticed() -> None:
    assert after_an_admin_credit(*delete("spot_ledger_entries"))[:1] == ["I18"]


def test_an_admin_credit_without_its_entry_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(transaction: Any, entries: Any, _now_s: int) -> None:
        for each in entries:
            transaction.execute(new_balance(each.user_address, each.amount))

    monkeypatch.setattr(admin_credits.entries, "enter", silent)
    assert after_an_admin_credit() == ["I5"]
