"""Every row of the failure catalogue is guarded by a scenario, or is excused with a reason."""

from __future__ import annotations

from tests.docs import failure_table
from ztdx_devnet.explore import catalogue, library

LISTED = library.listed(play=False)


def test_every_row_is_guarded_or_excused_and_not_both() -> None:
    wrong = [
        row.row
        for row in library.covered(LISTED)
        if bool(row.scenarios) == (row.excuse is not None)
    ]
    assert wrong == []


def test_scenarios_guard_only_rows_that_there_are() -> None:
    assert {row for each in LISTED for row in each.guards} <= catalogue.ROWS.keys()


def test_every_excuse_is_for_a_row_that_there_is() -> None:
    assert catalogue.EXCUSED.keys() <= catalogue.ROWS.keys()


def test_the_page_says_what_the_scenarios_say() -> None:
    assert failure_table.PAGE.read_text("utf-8") == failure_table.text()


def test_the_library_has_at_least_eighty_scenarios() -> None:
    assert len(LISTED) >= 80
