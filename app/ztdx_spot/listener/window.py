"""How many blocks a page may have: learned from refusals, grown again with patience."""

from __future__ import annotations

from dataclasses import dataclass, replace

BLOCKS_PER_PAGE_MAX = 100
FULL_PAGES_AFTER_REFUSAL = 10
FULL_PAGES_AFTER_DOUBT = 1
FULL_PAGES_MAX = 640


@dataclass(frozen=True, slots=True)
class _Limit:
    """The half of what was too much, and the full pages to read before more is tried."""

    half_blocks: int
    wanted_pages: int


class Window:
    """Halves when a page was too much; doubles with each full page up to what was left then, and
    tries more after a number of full pages in a row.

    Each try that fails doubles that number, so that a provider with a fixed cap sees a useless
    request less and less often. When a size fails that was served before, size is not the reason,
    or the cap is another one: the number is quartered until the limit is given up for a new one.
    Pages that may have failed for no reason of their own (doubts) have a limit of their own, so
    that a bad gateway spoils nothing that was learned.
    """

    def __init__(self) -> None:
        self.blocks = BLOCKS_PER_PAGE_MAX
        self._refusal: _Limit | None = None
        self._doubt: _Limit | None = None
        self._full_pages = 0

    def refused(self, blocks: int, *, certain: bool = True) -> bool:
        """A page of so many blocks was, or may have been, too much.

        Says whether a smaller one can be tried. A page of one block that fails teaches no size,
        only that doubts about larger ones may have had another reason.
        """
        if blocks == 1:
            if not certain and self._doubt is not None:
                self._doubt = _weakened(self._doubt, FULL_PAGES_AFTER_DOUBT)
            return False
        if certain:
            self._refusal = _lowered(self._refusal, blocks, FULL_PAGES_AFTER_REFUSAL)
        else:
            self._doubt = _lowered(self._doubt, blocks, FULL_PAGES_AFTER_DOUBT)
        self.blocks, self._full_pages = blocks // 2, 0
        return True

    def served(self, blocks: int) -> None:
        """A page of so many blocks was answered."""
        if blocks < self.blocks:
            return
        self._refusal, self._doubt = _refuted(self._refusal, blocks), _refuted(self._doubt, blocks)
        self._full_pages += 1
        wanted_pages, larger = 1, min(2 * self.blocks, BLOCKS_PER_PAGE_MAX)
        for limit in (self._refusal, self._doubt):
            if limit is None:
                continue
            if self.blocks < limit.half_blocks:
                larger = min(larger, limit.half_blocks)
            else:
                wanted_pages = max(wanted_pages, limit.wanted_pages)
        if self._full_pages >= wanted_pages:
            self.blocks, self._full_pages = larger, 0


def _lowered(limit: _Limit | None, blocks: int, least_pages: int) -> _Limit:
    lower = _Limit(blocks // 2, least_pages)
    if limit is None:
        return lower
    if blocks > limit.half_blocks:
        return replace(lower, wanted_pages=min(2 * limit.wanted_pages, FULL_PAGES_MAX))
    return _weakened(limit, least_pages) or lower


def _weakened(limit: _Limit, least_pages: int) -> _Limit | None:
    wanted_pages = limit.wanted_pages // 4
    return replace(limit, wanted_pages=wanted_pages) if wanted_pages >= least_pages else None


def _refuted(limit: _Limit | None, blocks: int) -> _Limit | None:
    """None once more than the half was served."""
    return None if limit is None or blocks > limit.half_blocks else limit
