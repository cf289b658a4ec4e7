"""Sets of heights as closed intervals, which is what they are made of: pages."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator


class Intervals:
    """A set of integers; costs grow with its gaps, not with its members."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(zip(self._firsts, self._lasts, strict=True))

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._firsts, number) - 1
        return at >= 0 and self._lasts[at] >= number

    def add(self, first: int, last: int) -> None:
        """Add first … last; nothing if last < first."""
        if last < first:
            return
        start = bisect_left(self._lasts, first - 1)  # what touches or overlaps begins here
        end = bisect_right(self._firsts, last + 1)
        if start < end:
            first = min(first, self._firsts[start])
            last = max(last, self._lasts[end - 1])
        self._firsts[start:end] = [first]
        self._lasts[start:end] = [last]

    def cut_above(self, number: int) -> Intervals:
        """Take away all above that number; returns what was taken."""
        taken = Intervals()
        while self._lasts and self._lasts[-1] > number:
            first, last = self._firsts.pop(), self._lasts.pop()
            taken.add(max(first, number + 1), last)
            if first <= number:
                self._firsts.append(first)
                self._lasts.append(number)
        return taken

    def first_missing(self, first: int, last: int) -> int | None:
        """The lowest of first … last that is not in the set."""
        while first <= last:
            at = bisect_right(self._firsts, first) - 1
            if at < 0 or self._lasts[at] < first:
                return first
            first = self._lasts[at] + 1
        return None
