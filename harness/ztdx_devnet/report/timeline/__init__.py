"""The timeline of a run, read from its journal: one HTML page, and a few lines of text."""

from ztdx_devnet.report.timeline.endings import endings
from ztdx_devnet.report.timeline.page import page
from ztdx_devnet.report.timeline.text import text_timeline

__all__ = ["endings", "page", "text_timeline"]
