"""The timeline of a run, read from its journal: one HTML page, and a few lines of text."""

from ztdx_devnet.report.timeline.page import page
from ztdx_devnet.report.timeline.text import text_timeline

__all__ = ["page", "text_timeline"]
