"""The real program dies by SIGKILL at random instants under load, and nothing is lost or doubled.

`make test-crash` does the same 200 times.
"""

from __future__ import annotations

from pathlib import Path

from tests.live import product_kills

KILLS = 12


def test_a_killed_product_loses_and_doubles_nothing(tmp_path: Path) -> None:
    figures = product_kills.main(tmp_path, seed=1, kills=KILLS)
    assert figures["deaths that left new rows"] > KILLS / 2
    assert figures["deposit rows"] > 0
    assert figures["admin credits"] > 0
