"""The HTML page: one whole file, safe, the same every time, of a size that does not follow the
run's."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest

from ztdx_devnet.journal.journal import Journal
from ztdx_devnet.report.timeline import page
from ztdx_devnet.report.timeline.style import STYLE
from ztdx_devnet.scenario import bundled, loader
from ztdx_devnet.scenario.verdict import Outcome, Verdict

from .runs import HOSTILE, bundled_run, double_credit, page_of, play, run_of

VOID = {"meta", "link", "col", "br"}
RUNS = ("first_deposit", "fork_and_back", "reorg_on_reorg", "truncated_page", "admin_credit")


class Balance(HTMLParser):
    """Checks that each tag is closed by its own, and notes what it met."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.met: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.met.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.met.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(html: str) -> Balance:
    parser = Balance()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser


def drawings(html: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL)]


@pytest.mark.parametrize("name", RUNS)
def test_every_tag_of_a_page_is_closed_and_its_drawings_are_xml(name: str) -> None:
    html = page_of(bundled_run(name))
    parsed(html)
    assert drawings(html)


def test_a_page_loads_nothing_and_runs_nothing() -> None:
    html = page_of(double_credit(), run_id="remined-1047866")
    assert "http:" not in html
    assert "https:" not in html
    assert "@import" not in html
    assert "url(" not in html
    for tag, attributes in parsed(html).met:
        assert tag not in ("script", "iframe", "img", "object", "embed", "use", "base", "form")
        assert not [name for name in attributes if name.startswith("on") or name == "src"]
        assert (attributes.get("href") or "#").startswith(("#", "data:,"))


def test_a_page_forbids_the_browser_to_load_anything() -> None:
    policies = [a["content"] for t, a in parsed(page_of(double_credit())).met if "http-equiv" in a]
    assert len(policies) == 1
    assert (policies[0] or "").startswith("default-src 'none'")


def test_what_a_scenario_says_is_text_on_the_page() -> None:
    html = page_of(run_of(HOSTILE))
    met = {tag for tag, _ in parsed(html).met}
    assert not met & {"script", "img"}
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "&lt;script&gt;alert(3)&lt;/script&gt;" in html
    assert "\x1b" not in html


def test_what_a_node_and_a_process_say_is_text_on_the_page() -> None:
    journal = Journal()
    journal.record(0, "node", "answer", method="eth_call", error="<script>1</script>")
    journal.record(1, "listener", "exit", error="'\"><script>2</script>")
    journal.record(2, "some<b>", "odd<i>", told={"<u>": 1})
    outcome = Outcome("<p>.yaml", "t", 0, Verdict.HELD, "0" * 64, 0.1, 2, None, ())
    met = [tag for tag, _ in parsed(page(journal, outcome)).met]
    assert not {"script", "i", "u", "p.yaml"} & set(met)
    assert met.count("b") == 1  # the page's own


def test_the_same_run_gives_the_same_bytes() -> None:
    scenario = loader.load(bundled.folder() / "fork_and_back.yaml")
    assert page_of(play(scenario)) == page_of(play(scenario))


def test_a_page_does_not_hold_how_long_the_run_took() -> None:
    run = bundled_run("truncated_page")
    assert f"{run.outcome.wall_s:.2f}" not in re.sub(r"<svg.*?</svg>", "", page_of(run))


def test_a_violated_run_names_rule_place_instant_and_both_values() -> None:
    html = page_of(double_credit())
    assert "Rule I3 does not hold: no deposit is credited twice;" in html
    assert "remined_and_swapped.yaml:15</a>" in html
    assert "First false at 142.062 s" in html
    assert "one credit of event 0 of d2 (0x5958…ccce)" in html
    assert "two or more" in html


def test_the_failing_line_of_the_scenario_is_marked_and_no_other() -> None:
    html = page_of(double_credit())
    assert re.findall(r'<li id="L(\d+)" class="hit">', html) == ["15"]
    assert 'class="hit"' not in page_of(bundled_run("first_deposit"))


def test_a_held_run_has_no_first_false_instant_and_nothing_wrong() -> None:
    html = page_of(bundled_run("fork_and_back"))
    assert '<p class="stamp held">held</p>' in html
    assert "first false" not in html.lower()
    assert 'class="wrong"' not in html
    assert "wrongt" not in re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)


def test_a_page_says_how_to_repeat_the_run() -> None:
    run = double_credit()
    path = run.outcome.path
    assert f"<code>devnet run {path} --seed 0</code>" in page_of(run)
    assert "<code>devnet replay some-id</code>" in page_of(run, run_id="some-id")


def test_a_fault_that_never_fired_says_so() -> None:
    text = """
title: A fault that never fires
steps:
  - answer_fault: {as: never, method: eth_getLogs, kind: error, first: 1000}
  - mine: 2
"""
    html = page_of(run_of(text))
    assert '<p class="stamp maybe">inconclusive</p>' in html
    assert "△ never" in html
    assert "never fired" in html


def long_journal(blocks: int, deposits: int) -> Journal:
    """A run of that many blocks; a deposit in each of the first ones, each credited."""
    journal = Journal()
    journal.record(
        0, "world", "start", height=0, confirmation_depth_blocks=20, block_time_s=2, df_token="0x1"
    )
    for number in range(1, blocks + 1):
        hashes = [f"0x{number:064x}"] if number <= deposits else []
        for transaction in hashes:
            journal.record(
                number * 2_000_000 - 1,
                "alice",
                "deposit",
                name=f"d-{number}",
                token="0x1",
                wei="1000000000000000000",
                transaction=transaction,
                ordinal=0,
            )
        journal.record(
            number * 2_000_000,
            "chain",
            "blocks",
            first=number,
            head=number,
            branch="main",
            transactions=hashes,
            failed=[],
            numbers=[number] * len(hashes),
            deposits=[[transaction, 0, number, 2] for transaction in hashes],
        )
        for transaction in hashes:
            journal.record(
                number * 2_000_000 + 1,
                "ledger",
                "credited",
                row=number,
                transaction=transaction,
                ordinal=0,
                user="alice",
                token="DF",
                amount="1",
                block=number,
                log_index=2,
            )
    return journal


def test_the_size_of_a_page_does_not_follow_the_length_of_the_run() -> None:
    outcome = Outcome("long.yaml", "long", 0, Verdict.HELD, "0" * 64, 0.1, 1, None, ())
    short, long = (page(long_journal(n, n // 4), outcome) for n in (400, 4_000))
    assert len(long) < 1.1 * len(short) < 200_000
    widths = [int(width) for width in re.findall(r'<svg class="fig" width="(\d+)"', long)]
    assert len(widths) == 2
    assert max(widths) < 5_000


def media_block(query: str) -> str:
    """What the style says under that @media query."""
    (block,) = re.findall(rf"^@media {re.escape(query)} {{\n(.*?)^}}", STYLE, re.M | re.S)
    return str(block)


def test_on_paper_the_page_is_light_and_its_figures_are_whole() -> None:
    paper = media_block("print")
    assert ":root { color-scheme: light;" in paper  # a dark screen prints pale words on white
    # Nobody can scroll paper: a drawing and the names beside it shrink alike, to its width.
    assert ".drawing { width: auto;" in paper
    assert ".fig, .names { position: static; flex: 0 1 auto; min-width: 0; height: auto; }" in paper
    assert "@page { size: landscape;" in STYLE


def test_a_sheet_of_paper_is_no_phone() -> None:
    assert re.findall(r"^@media (.*720px.*) {$", STYLE, re.M) == ["screen and (max-width: 720px)"]
    assert "table, tbody, tr, td, th { display: block; }" in media_block(
        "screen and (max-width: 720px)"
    )
