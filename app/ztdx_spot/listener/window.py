"""How many blocks a page may have: learned from refusals, grown again with patience."""

from __future__ import annotations

BLOCKS_PER_PAGE_MAX = 100
PATIENCE_PAGES = 10
PATIENCE_PAGES_MAX = 640


class Window:
    """Halves when a page was too much; doubles after enough full pages in a row.

    Each growth that is refused at once doubles the patience, so that a provider with a fixed cap
    sees a useless request less and less often.
    """

    def __init__(self) -> None:
        self.blocks = BLOCKS_PER_PAGE_MAX
        self._patience_pages = PATIENCE_PAGES
        self._full_pages = 0
        self._growing = False

    def refused(self, blocks: int) -> bool:
        """A page of so many blocks was too much. Says whether a smaller one can be tried."""
        if self._growing:
            self._patience_pages = min(2 * self._patience_pages, PATIENCE_PAGES_MAX)
        self._growing, self._full_pages = False, 0
        self.blocks = max(blocks // 2, 1)
        return blocks > 1

    def served(self, blocks: int) -> None:
        """A page of so many blocks was answered."""
        if self.blocks == BLOCKS_PER_PAGE_MAX or blocks < self.blocks:
            return
        self._growing = False
        self._full_pages += 1
        if self._full_pages >= self._patience_pages:
            self.blocks = min(2 * self.blocks, BLOCKS_PER_PAGE_MAX)
            self._growing, self._full_pages = True, 0
