"""Intervals are a set of integers, whatever is added and cut."""

from __future__ import annotations

import random
from itertools import pairwise

from ztdx_devnet.scenario.invariants.evidence.intervals import Intervals


def test_they_agree_with_a_set_through_many_random_changes() -> None:
    chance = random.Random(1)
    for _ in range(300):
        intervals, members = Intervals(), set[int]()
        for _ in range(30):
            first = chance.randrange(40)
            last = first + chance.randrange(-1, 8)
            if chance.random() < 0.7:
                intervals.add(first, last)
                members |= set(range(first, last + 1))
            else:
                taken = intervals.cut_above(first)
                assert {n for n in range(60) if n in taken} == {n for n in members if n > first}
                members = {n for n in members if n <= first}
            assert {n for n in range(60) if n in intervals} == members
            spans = list(intervals)
            assert all(a[1] + 1 < b[0] for a, b in pairwise(spans))
            asked = range(first, last + 1)
            missing = next((n for n in asked if n not in members), None)
            assert intervals.first_missing(first, last) == missing
