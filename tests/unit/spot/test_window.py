"""The window: halves on a refusal, grows with patience, and learns from what it grew into."""

from __future__ import annotations

import random

import pytest

from ztdx_spot.listener.window import BLOCKS_PER_PAGE_MAX, FULL_PAGES_MAX, Window


def pages_until_it_grows(window: Window, pages_max: int = 10_000) -> int:
    size = window.blocks
    for page in range(1, pages_max):
        window.served(size)
        if window.blocks != size:
            return page
    raise AssertionError(f"still {size} after {pages_max} pages")


def ask(window: Window, cap: int) -> bool:
    """A full page of a node that takes so many blocks: whether it was answered."""
    if window.blocks > cap:
        window.refused(window.blocks)
        return False
    window.served(window.blocks)
    return True


def clean_pages_until(window: Window, blocks: int) -> int:
    pages = 0
    while window.blocks < blocks:
        window.served(window.blocks)
        pages += 1
    return pages


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


def test_it_tries_what_was_refused_after_ten_full_pages_and_then_doubles_with_each() -> None:
    window = Window()
    while window.refused(window.blocks):
        pass
    grown = [(pages_until_it_grows(window), window.blocks) for _ in range(7)]
    assert grown == [(10, 2), (1, 4), (1, 8), (1, 16), (1, 32), (1, 64), (1, 100)]
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


def learned(certain: bool, tries: int) -> Window:
    """A window of a node that takes 50 blocks, after so many failed tries of more."""
    window = Window()
    window.refused(100, certain=certain)
    for _ in range(tries):
        pages_until_it_grows(window)
        window.refused(100, certain=certain)
    return window


@pytest.mark.parametrize(("certain", "least"), [(False, 1), (True, 10)])
def test_a_size_that_fails_although_it_was_served_takes_patience_away(
    certain: bool, least: int
) -> None:
    window, waits = learned(certain, 6), []
    for _ in range(3):
        window.refused(50, certain=certain)
        assert (window.blocks, pages_until_it_grows(window), window.blocks) == (25, 1, 50)
        waits.append(pages_until_it_grows(window))
        window.refused(100, certain=certain)
    assert waits == [16 * least, 8 * least, 4 * least]


def test_a_cap_that_is_lowered_is_learned_within_a_few_tries() -> None:
    window = learned(True, 6)
    assert sum(not ask(window, 10) for _ in range(200)) < 12
    assert window.blocks == 6
    assert sum(not ask(window, 10) for _ in range(640)) < 6


def test_doubts_about_one_block_show_that_size_is_not_the_reason() -> None:
    window = Window()
    while window.refused(window.blocks, certain=False):
        pass
    for _ in range(6):
        pages_until_it_grows(window)
        window.refused(2, certain=False)
    for _ in range(4):
        window.refused(1, certain=False)
    assert pages_until_it_grows(window) == 1


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("failing", [0.1, 0.4, 0.7])
def test_after_a_time_of_doubts_it_is_soon_back_at_the_documented_size(
    failing: float, seed: int
) -> None:
    window, chance = Window(), random.Random(seed)
    for _ in range(1_000):
        if chance.random() < failing:
            window.refused(window.blocks, certain=False)
        else:
            window.served(window.blocks)
    assert clean_pages_until(window, 100) <= 25


@pytest.mark.parametrize("cap", [1, 10, 60])
def test_after_a_time_of_doubts_a_cap_learned_before_is_still_known(cap: int) -> None:
    window = Window()
    for _ in range(5_000):
        ask(window, cap)
    taken = window.blocks
    while window.refused(window.blocks, certain=False):
        pass
    assert clean_pages_until(window, taken) <= 10
    refused = sum(not ask(window, cap) for _ in range(FULL_PAGES_MAX))
    assert refused <= 1


def test_a_small_page_while_the_window_is_large_is_no_growth_that_failed() -> None:
    window = Window()
    window.refused(100)
    pages_until_it_grows(window)
    window.refused(7)
    assert pages_until_it_grows(window) == 10


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
