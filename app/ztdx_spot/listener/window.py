"""How many blocks a page may have: learned from refusals, grown again with patience."""

from __future__ import annotations

BLOCKS_PER_PAGE_MAX = 100
FULL_PAGES_AFTER_REFUSAL = 10
FULL_PAGES_AFTER_DOUBT = 1
FULL_PAGES_MAX = 640


class Window:
    """Halves when a page was too much; doubles after enough full pages in a row.

    A page that may have failed for no reason of its own is doubted: the window grows again after
    the next full one. Each growth that fails doubles the number of pages before the next, so that
    a provider with a fixed cap sees a useless request less and less often.
    """

    def __init__(self) -> None:
        self.blocks = BLOCKS_PER_PAGE_MAX
        self._wanted_pages = 0
        self._full_pages = 0
        self._growing = False

    def refused(self, blocks: int, *, certain: bool = True) -> bool:
        """A page of so many blocks was, or may have been, too much.

        Says whether a smaller one can be tried; a page of one block teaches nothing.
        """
        if blocks == 1:
            return False
        least_pages = FULL_PAGES_AFTER_REFUSAL if certain else FULL_PAGES_AFTER_DOUBT
        wanted_pages = 2 * self._wanted_pages if self._growing else self._wanted_pages
        self._wanted_pages = min(max(wanted_pages, least_pages), FULL_PAGES_MAX)
        self._growing, self._full_pages = False, 0
        self.blocks = blocks // 2
        return True

    def served(self, blocks: int) -> None:
        """A page of so many blocks was answered."""
        if blocks < self.blocks:
            return
        if self.blocks == BLOCKS_PER_PAGE_MAX:
            self._wanted_pages, self._growing = 0, False
            return
        self._full_pages += 1
        if self._full_pages >= self._wanted_pages:
            self.blocks = min(2 * self.blocks, BLOCKS_PER_PAGE_MAX)
            self._growing, self._full_pages = True, 0
