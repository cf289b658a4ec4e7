"""The timeline as text, and the figures' words, against what they said before."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from ztdx_devnet.report.timeline import text_timeline
from ztdx_devnet.report.timeline.chain_figure import chain_figure
from ztdx_devnet.report.timeline.clock import at_text, span_text
from ztdx_devnet.report.timeline.lives_figure import lives_figure
from ztdx_devnet.report.timeline.text import WIDTH

from .runs import HOSTILE, bundled_run, double_credit, facts_of, run_of

SNAPSHOTS = Path(__file__).parent / "snapshots"


def words_of(figure: str) -> str:
    """The texts of a figure, a line for each height, from left to right."""
    rows: dict[float, list[tuple[float, str]]] = {}
    for svg in re.findall(r"<svg.*?</svg>", figure, re.DOTALL):
        for text in ElementTree.fromstring(svg).iter("text"):
            x, y = float(text.attrib["x"]), float(text.attrib["y"])
            rows.setdefault(y, []).append((x, text.text or ""))
    return "\n".join(" | ".join(words for _, words in sorted(rows[y])) for y in sorted(rows))


def assert_as_before(name: str, told: str) -> None:
    """Compare with the snapshot. Delete the file to have it written anew, then read it."""
    path = SNAPSHOTS / f"{name}.txt"
    if not path.exists():
        path.write_text(told + "\n", "utf-8")
        pytest.fail(f"{path} was missing and is written: read it, then run the tests again")
    assert told + "\n" == path.read_text("utf-8")


def test_the_text_around_a_double_credit() -> None:
    run = double_credit()
    assert_as_before("double_credit_text", text_timeline(run.journal, run.outcome))


def test_the_chain_figure_of_a_double_credit() -> None:
    assert_as_before("double_credit_chain", words_of(chain_figure(facts_of(double_credit()))))


def test_the_lives_figure_of_a_double_credit() -> None:
    assert_as_before("double_credit_lives", words_of(lives_figure(facts_of(double_credit()))))


def test_the_chain_figure_of_a_reorg_on_a_reorg() -> None:
    facts = facts_of(bundled_run("reorg_on_reorg"))
    assert_as_before("reorg_on_reorg_chain", words_of(chain_figure(facts)))


@pytest.mark.parametrize("name", ["fork_and_back", "admin_credit", "truncated_page"])
def test_a_line_of_text_is_never_wider_than_it_may_be(name: str) -> None:
    run = bundled_run(name)
    lines = text_timeline(run.journal, run.outcome, before=1_000).splitlines()
    assert len(lines) > 10
    assert max(len(line) for line in lines) <= WIDTH


def test_the_first_false_instant_is_marked_once() -> None:
    run = double_credit()
    marked = [
        line for line in text_timeline(run.journal, run.outcome).splitlines() if line[0] == ">"
    ]
    assert len(marked) == 1
    assert "142.062 s" in marked[0]


def test_more_moments_are_shown_when_more_are_asked_for() -> None:
    run = double_credit()
    assert "d1 +1, from #1006" not in text_timeline(run.journal, run.outcome, before=2)
    assert "d1 +1, from #1006" in text_timeline(run.journal, run.outcome, before=30)


def test_text_holds_nothing_that_a_terminal_would_obey() -> None:
    run = run_of(HOSTILE)
    assert all(c.isprintable() or c == "\n" for c in text_timeline(run.journal, run.outcome))


def test_the_journal_of_nothing_has_no_text() -> None:
    run = double_credit()
    assert text_timeline([], run.outcome) == ""


@pytest.mark.parametrize(
    ("since_us", "told"),
    [
        (0, "0.000 s"),
        (142_061_950, "142.062 s"),
        (9_999_999_400, "9999.999 s"),
        (10_000_000_000, "02:46:40.000"),
        (611_128_595_150, "7 d 01:45:28.595"),
    ],
)
def test_times_are_told_to_the_millisecond(since_us: int, told: str) -> None:
    assert at_text(since_us) == told


@pytest.mark.parametrize(
    ("duration_us", "told"),
    [(40_000_000, "40 s"), (720_000_000, "12 min"), (612_000_000_000, "7 d 2 h")],
)
def test_waits_are_told_roughly(duration_us: int, told: str) -> None:
    assert span_text(duration_us) == told
