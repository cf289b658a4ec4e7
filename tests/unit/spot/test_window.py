"""The window: halves on a refusal, grows with patience, and learns from what it grew into."""

from __future__ import annotations

import pytest

from ztdx_spot.listener.window import BLOCKS_PER_PAGE_MAX, FULL_PAGES_MAX, Window


def pages_until_it_grows(window: Window, pages_max: int = 10_000) -> int:
    size = window.blocks
    for page in range(1, pages_max):
        window.served(size)
        if window.blocks != size:
            return page
    raise AssertionError(f"still {size} after {pages_max} pages")


def test_it_begins_with_the_documented_size() -> None:
    assert Window().blocks == BLOCKS_PER_PAGE_MAX == 100


def test_it_halves_down_to_one_block_and_says_when_there_is_nothing_smaller() -> None:
    window, sizes = Window(), []
    while window.refused(window.blocks):
        sizes.append(window.blocks)
    assert sizes == [50, 25, 12, 6, 3, 1]
    assert window.blocks == 1


def test_what_was_refused_counts_and_not_what_might_have_been_asked() -> None:
    window = Window()
    window.refused(7)
    assert window.blocks == 3


def test_it_doubles_after_ten_full_pages_in_a_row_up_to_the_documented_size() -> None:
    window = Window()
    window.refused(60)
    assert [pages_until_it_grows(window), window.blocks] == [10, 60]
    assert [pages_until_it_grows(window), window.blocks] == [10, 100]
    for _ in range(100):
        window.served(100)
    assert window.blocks == 100


def test_pages_smaller_than_the_window_teach_nothing() -> None:
    window = Window()
    window.refused(100)
    for _ in range(1000):
        window.served(49)
    assert window.blocks == 50


def test_a_refusal_starts_the_count_anew() -> None:
    window = Window()
    window.refused(100)
    for _ in range(9):
        window.served(50)
    window.refused(50)
    assert pages_until_it_grows(window) == 10


@pytest.mark.parametrize("cap", [1, 10, 99])
def test_a_fixed_cap_is_tried_less_and_less_often_but_never_given_up(cap: int) -> None:
    window, waits, pages = Window(), [], 0
    while len(waits) < 12:
        if window.blocks > cap:
            window.refused(window.blocks)
            if pages:
                waits.append(pages)
            pages = 0
        else:
            window.served(window.blocks)
            pages += 1
    assert waits[-1] == FULL_PAGES_MAX
    assert waits[-6:] == sorted(waits[-6:])


def test_each_growth_that_fails_doubles_the_pages_before_the_next() -> None:
    window, waits = Window(), []
    window.refused(20)
    for _ in range(4):
        waits.append(pages_until_it_grows(window))
        window.refused(window.blocks)
    assert waits == [10, 20, 40, 80]


def test_a_page_that_failed_for_no_reason_of_its_own_costs_a_page_or_two() -> None:
    window, served_blocks = Window(), 0
    for page in range(4_000):
        if page % 100 == 99:
            window.refused(window.blocks, certain=False)
        else:
            served_blocks += window.blocks
            window.served(window.blocks)
    assert served_blocks / 4_000 > 95


def test_a_page_of_one_block_teaches_nothing() -> None:
    window = Window()
    assert not window.refused(1, certain=False)
    assert not window.refused(1)
    assert window.blocks == 100


def test_a_limit_that_doubts_meet_again_and_again_is_tried_less_often() -> None:
    window, failures = Window(), 0
    for _ in range(1_000):
        if window.blocks > 50:
            window.refused(window.blocks, certain=False)
            failures += 1
        else:
            window.served(window.blocks)
    assert failures < 12


def test_the_documented_size_once_served_makes_all_good() -> None:
    window = Window()
    for _ in range(5):
        window.refused(window.blocks)
        pages_until_it_grows(window)
    while window.blocks < 100:
        pages_until_it_grows(window)
    window.served(100)
    window.refused(100)
    assert pages_until_it_grows(window) == 10
