"""Being asked to stop breaks in only where that is allowed, and once."""

from __future__ import annotations

import pytest

from ztdx_devnet.runs.stopping import Stopped, Stopping


def test_within_it_raises_once() -> None:
    stopping = Stopping()
    with pytest.raises(Stopped), stopping:
        stopping.stop()
    stopping.stop()
    with stopping:
        stopping.stop()
    assert stopping.asked


def test_outside_it_is_remembered_for_the_next_block() -> None:
    stopping = Stopping()
    stopping.stop()
    assert stopping.asked
    with pytest.raises(Stopped), stopping:
        pytest.fail("the block was entered")


def test_no_product_takes_it_for_an_error() -> None:
    assert not issubclass(Stopped, Exception)
