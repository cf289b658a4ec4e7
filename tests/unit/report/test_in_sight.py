"""What a reader of the page sees without scrolling a figure, on a phone too."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from ztdx_devnet.report.timeline import svg, text_timeline
from ztdx_devnet.report.timeline.chain_figure import chain_figure
from ztdx_devnet.report.timeline.lives_figure import lives_figure
from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.runner import Run
from ztdx_devnet.scenario.verdict import Verdict

from .runs import double_credit, facts_of, page_of, run_of

ZONE = "can still change"
MANY = """
title: Many deposits
steps:
  - deposit_series: {as: dep, users: [alice, bob], amount: "1", count: 30, every_blocks: 1}
  - mine: 60
"""
FAULTS = "title: Many faults\nsteps:\n" + "".join(
    f"  - answer_fault: {{as: fault{i}, method: eth_getLogs, kind: error, last: 1}}\n  - mine: 3\n"
    for i in range(11)
)
BRANCHES = "title: Many branches\nsteps:\n" + "".join(
    f'  - deposit: {{as: d{i}, user: bob, amount: "{i + 1}"}}\n'
    f"  - mine: 3\n"
    f"  - reorg: {{depth: {2 + i % 3}, branch: a-rather-long-name-{i}}}\n"
    for i in range(9)
)
BRANCHES += "  - mine: 30\n"
ONE = """
title: One deposit
steps:
  - deposit: {as: d1, user: alice, amount: "1"}
  - mine: 22
"""
SHALLOW = """
title: Nothing is final
given: {start_height: 0, confirmation_depth: 200}
steps:
  - deposit: {as: d1, user: alice, amount: "1"}
  - mine: 3
"""


def beside_the_figures(run: Run) -> str:
    """The page without what can be scrolled out of sight."""
    html = re.sub(r'<div class="drawing">.*?</svg></div>', "", page_of(run), flags=re.DOTALL)
    assert "<svg" not in html
    return html


def drawn(figure: str) -> tuple[list[ElementTree.Element], ElementTree.Element]:
    names, drawing = (
        ElementTree.fromstring(one) for one in re.findall(r"<svg.*?</svg>", figure, re.DOTALL)
    )
    return list(names.iter("text")), drawing


def spans(drawing: ElementTree.Element) -> list[tuple[float, float, str]]:
    """Where each text of a drawing begins and ends."""
    found = []
    for text in drawing.iter("text"):
        x, words = float(text.attrib["x"]), text.text or ""
        anchor = text.attrib.get("text-anchor", "start")
        share = {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
        width = svg.width_of(words)
        found.append((x - share * width, x + (1 - share) * width, words))
    return found


def edges(drawing: ElementTree.Element) -> tuple[float, float]:
    x, _, width, _ = map(float, drawing.attrib["viewBox"].split())
    return x, x + width


def test_deposits_that_are_not_drawn_are_told_beside_the_figure() -> None:
    told = beside_the_figures(run_of(MANY))
    assert re.search(r'<p class="dim">\d+ more deposits are not drawn</p>', told)


def test_faults_that_are_not_drawn_are_named() -> None:
    assert "3 more faults are not drawn: fault8, fault9, fault10" in beside_the_figures(
        run_of(FAULTS)
    )


def test_branches_that_are_not_drawn_are_named() -> None:
    told = beside_the_figures(run_of(BRANCHES))
    assert "5 branches left earlier are not drawn: main, a-rather-long-name-0" in told


def test_a_run_that_is_drawn_whole_has_no_such_words() -> None:
    assert "not drawn" not in page_of(run_of(ONE))


@pytest.mark.parametrize("text", [MANY, FAULTS, BRANCHES, ONE, SHALLOW])
def test_no_text_of_a_figure_is_cut_off_at_its_ends(text: str) -> None:
    facts = facts_of(run_of(text))
    for figure in (chain_figure(facts), lives_figure(facts)):
        names, drawing = drawn(figure)
        left, right = edges(drawing)
        for begin, end, words in spans(drawing):
            assert left <= begin, words
            assert end <= right, words
        for name in names:
            assert svg.width_of(name.text or "") <= svg.GUTTER, name.text


@pytest.mark.parametrize("text", [ONE, SHALLOW, BRANCHES])
def test_the_border_of_the_first_block_is_whole(text: str) -> None:
    _, drawing = drawn(chain_figure(facts_of(run_of(text))))
    left, _ = edges(drawing)
    blocks = [rect for rect in drawing.iter("rect") if rect.attrib["class"] != "zone"]
    assert min(float(rect.attrib["x"]) for rect in blocks) >= left + 2


@pytest.mark.parametrize("text", [MANY, BRANCHES, ONE, SHALLOW])
def test_what_can_still_change_is_said_where_a_phone_shows_it(text: str) -> None:
    _, drawing = drawn(chain_figure(facts_of(run_of(text))))
    _, right = edges(drawing)
    (begin,) = [begin for begin, _, words in spans(drawing) if words == ZONE]
    assert begin >= right - svg.IN_SIGHT


def test_every_row_of_the_chain_says_something_where_a_phone_shows_it() -> None:
    names, drawing = drawn(chain_figure(facts_of(run_of(BRANCHES))))
    _, right = edges(drawing)
    shown = [
        float(text.attrib["y"])
        for text, (begin, _, _) in zip(drawing.iter("text"), spans(drawing), strict=True)
        if begin >= right - svg.IN_SIGHT - 20
    ]
    rows = [float(name.attrib["y"]) for name in names if name.attrib["class"] == "lane"]
    assert len(rows) == 6
    for row in rows:
        assert [y for y in shown if abs(y - row) < 40], row


def test_one_row_is_one_row() -> None:
    figure = chain_figure(facts_of(run_of(ONE)))
    assert ">1 row<" in figure
    assert "The ledger has 1 row;" in figure


@pytest.fixture(scope="module")
def interrupted() -> Run:
    """A run that somebody stopped."""

    class Stop:
        def __enter__(self) -> None: ...

        def __exit__(self, *_: object) -> None:
            raise KeyboardInterrupt

    run = runner.play(loader.parse(ONE, "here.yaml"), stoppable=Stop())  # type: ignore[arg-type]
    assert run.outcome.verdict is Verdict.INTERRUPTED
    return run


def test_an_interrupted_run_is_not_wrong(interrupted: Run) -> None:
    html = re.sub(r"<style>.*?</style>", "", page_of(interrupted), flags=re.DOTALL)
    assert "first false" not in html.lower()
    assert "wrongt" not in html
    assert "badcol" not in html
    assert 'class="first"' not in html
    assert 'class="hit"' not in html
    assert 'class="sides"' not in html
    assert "The run was stopped before its end." in html


def test_no_moment_of_an_interrupted_run_is_marked_in_the_text(interrupted: Run) -> None:
    lines = text_timeline(interrupted.journal, interrupted.outcome).splitlines()
    assert lines
    assert not [line for line in lines if line.startswith(">")]


def test_a_violated_run_is_red_still() -> None:
    html = page_of(double_credit())
    assert "First false" in html
    assert 'class="sides"' in html
