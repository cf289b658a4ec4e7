"""Sweeps: the product ends alike whatever is done to it, and what would not is found."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner

from tests.explore.broken_listeners import cursor_before_credit, error_read_as_empty, page_believed
from ztdx_devnet.cli import devnet
from ztdx_devnet.explore.sweep import disturbances, fault_classes
from ztdx_devnet.explore.sweep.disturbances import Disturbance
from ztdx_devnet.explore.sweep.projection import Projection, differences
from ztdx_devnet.explore.sweep.retold import retold, scenario_of
from ztdx_devnet.explore.sweep.sweep import FAILURES, Disturbed, Finding, Sweep, SweepImpossible
from ztdx_devnet.faults.answers import KINDS
from ztdx_devnet.faults.transport import TransportFaultKind
from ztdx_devnet.scenario import bundled, loader, runner
from ztdx_devnet.scenario.model import Scenario
from ztdx_devnet.scenario.verdict import Verdict
from ztdx_devnet.scenario.yaml_text import text_of
from ztdx_devnet.sim.product import MAIN_PROCESS
from ztdx_devnet.sim.world import World

SHORT = """
title: Two deposits, a kill and a reorg
steps:
  - mine: 3
  - deposit: {as: d1, user: alice, amount: "1"}
  - mine: 2
  - deposit: {as: d2, user: bob, amount: "2"}
  - mine: 18
  - reorg: {depth: 6, drop: []}
  - wait_until: {credited: [d1, d2], within: 2m}
  - kill_listener
  - wait: 3s
  - start_listener
  - admin_credit: {user: alice, amount: "5"}
  - api: {path: /spot/balances, as: bob, expect: {status: 200}}
check:
  sometimes:
    - credited: [d1]
  eventually:
    - balance: {user: alice, available: "6"}
"""
TINY = """
title: One deposit, two blocks deep
given: {confirmation_depth: 2}
steps:
  - deposit: {as: d1, user: alice, amount: "1"}
  - mine: 3
"""


def scenario(text: str = SHORT) -> Scenario:
    return loader.parse(text, "short.yaml")


def bundle(name: str) -> Scenario:
    return loader.load(bundled.folder() / f"{name}.yaml")


def found(sweep: Sweep, planned: Iterable[Disturbance]) -> list[Disturbed]:
    return [sweep.run(disturbance) for disturbance in planned]


def failures(ran: Sequence[Disturbed]) -> list[str]:
    return [
        f"{r.disturbance.title}: {r.expected} / {r.actual}" for r in ran if r.finding in FAILURES
    ]


@pytest.fixture(scope="module")
def swept() -> Sweep:
    return Sweep(scenario())


class TestRetold:
    def test_the_chain_is_the_same_to_the_byte_and_what_only_looks_is_left_out(self) -> None:
        told = runner.play(scenario())
        again = runner.play(scenario_of(retold(told), "again.yaml"))
        assert again.outcome.verdict is Verdict.HELD
        words = {word for step in retold(told)["steps"] for word in step if isinstance(step, dict)}
        assert words.isdisjoint({"wait_until", "api"})
        assert {"reorg", "admin_credit", "deposit"} <= words
        hashes = [e.payload["hash"] for e in told.journal if e.kind in ("blocks", "reorg")]
        assert hashes[-1] in [e.payload.get("hash") for e in again.journal]

    def test_it_can_be_written_down_and_read_again(self) -> None:
        value = retold(runner.play(scenario()))
        read = loader.parse(text_of(value), "written.yaml")
        played = runner.play(read), runner.play(scenario_of(value, "written.yaml"))
        assert played[0].outcome.digest == played[1].outcome.digest

    @pytest.mark.parametrize("name", ["fork_and_back", "admin_credit", "reorg_between_two_pages"])
    def test_bundled_scenarios_hold_retold(self, name: str) -> None:
        told = runner.play(bundle(name))
        assert runner.run(scenario_of(retold(told), name)).verdict is not Verdict.VIOLATED


class TestTheProduct:
    @pytest.mark.parametrize("name", ["double_spend_after_the_credit", "no_confirmations"])
    def test_who_comes_after_a_reorg_need_not_credit_and_reverse(self, name: str) -> None:
        sweep = Sweep(bundle(name))
        late = [*disturbances.schedules(1, 3), next(iter(disturbances.crashes(sweep.boundaries)))]
        assert failures(found(sweep, late)) == []

    def test_it_ends_alike_after_a_crash_anywhere(self) -> None:
        sweep = Sweep(scenario())
        ran = found(sweep, list(disturbances.crashes(sweep.boundaries))[::23])
        assert failures(ran) == []
        assert [r.finding for r in ran].count(Finding.SAME) > 15

    def test_crashes_are_swept_over_all_lives_of_the_listener(self) -> None:
        sweep = Sweep(scenario())
        lives: list[int] = []

        def count(world: World) -> None:
            actors = world.kernel.actors
            lives.extend(a.boundaries for a in actors if a.name == MAIN_PROCESS)

        runner.play(scenario_of(sweep.value, "retold.yaml"), at_end=count)
        assert lives[0] + 10 < sweep.boundaries < sum(lives)
        (in_the_second,) = list(disturbances.crashes(sweep.boundaries))[lives[0] + 5 : lives[0] + 6]
        assert sweep.run(in_the_second).finding is Finding.SAME

    def test_a_crash_is_planned_at_each_boundary_that_is_crossed_before_faults_are_lifted(
        self, swept: Sweep
    ) -> None:
        last, beyond = list(disturbances.crashes(swept.boundaries + 1))[-2:]
        assert swept.run(last).finding is Finding.SAME
        assert swept.run(beyond).finding is Finding.UNTOUCHED

    def test_it_ends_alike_with_other_schedules(self) -> None:
        ran = found(Sweep(scenario()), disturbances.schedules(1, 12))
        assert failures(ran) == []
        assert {r.finding for r in ran} == {Finding.SAME}

    @pytest.mark.parametrize("fault_class", fault_classes.CLASSES, ids=lambda c: str(c)[1:60])
    def test_it_ends_alike_with_each_fault_where_it_first_hits(
        self, fault_class: dict[str, object], swept: Sweep
    ) -> None:
        ran = found(swept, disturbances.faults([fault_class], 1))
        assert failures(ran) == []


class TestBroken:
    def test_a_crash_sweep_finds_a_cursor_that_is_written_first(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cursor_before_credit(monkeypatch)
        sweep = Sweep(scenario(TINY))
        ran = found(sweep, disturbances.crashes(sweep.boundaries))
        assert failures(ran)
        assert any(r.finding is Finding.SAME for r in ran)

    def test_a_step_that_needs_the_money_hides_no_loss(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cursor_before_credit(monkeypatch)
        spent = (
            "  - wait_until: {credited: [d1], within: 60s}\n  - debit: {user: alice, amount: '1'}\n"
        )
        sweep = Sweep(scenario(TINY + spent))
        ran = found(sweep, disturbances.crashes(sweep.boundaries))
        assert failures(ran)

    def test_a_step_that_can_not_be_done_any_more_is_nothing_to_compare(self) -> None:
        steps = "  - wait_until: {credited: [d1], within: 60s}\n  - wait: 100ms\n"
        steps += '  - tamper: {user: alice, available: "1"}\n'
        sweep = Sweep(scenario(TINY + steps))
        ran = found(sweep, disturbances.crashes(sweep.boundaries))
        assert not failures(ran)
        others = {r.actual for r in ran if r.finding is Finding.OTHER}
        assert others == {"alice has no balance of DF to tamper with yet"}

    def test_a_fault_sweep_finds_that_an_error_is_read_as_no_logs(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        error_read_as_empty(monkeypatch)
        refusal = {"answer_fault": {"method": "eth_getLogs", "kind": "error"}}
        assert failures(found(Sweep(scenario()), disturbances.faults([refusal], 30)))

    def test_a_fault_sweep_finds_that_a_page_is_believed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        page_believed(monkeypatch)
        empty = {"answer_fault": {"method": "eth_getLogs", "kind": "empty"}}
        assert failures(found(Sweep(scenario()), disturbances.faults([empty], 3)))


class TestComparison:
    END = Projection(
        {("0xa", "DF"): Fraction(1)},
        Counter({("0x1", 0, "0xa", "DF", Fraction(1)): 1}),
        {},
        True,
    )

    def test_equal_ends_do_not_differ(self) -> None:
        assert list(differences(self.END, self.END)) == []

    @pytest.mark.parametrize(
        "other",
        [
            Projection({}, END.confirmed, {}, True),
            Projection({("0xa", "DF"): Fraction(2)}, END.confirmed, {}, True),
            Projection(END.available, END.confirmed + END.confirmed, {}, True),
            Projection(END.available, END.confirmed, {("0xa", "DF"): Fraction(3)}, True),
            Projection(END.available, END.confirmed, {}, False),
        ],
        ids=["no balance", "another balance", "a second row", "an admin credit", "a cursor behind"],
    )
    def test_each_part_of_the_end_counts(self, other: Projection) -> None:
        assert len(list(differences(self.END, other))) == 1
        assert len(list(differences(other, self.END))) == 1


def test_every_kind_of_fault_is_in_a_class() -> None:
    tried = {fields["kind"] for step in fault_classes.CLASSES for fields in step.values()}
    assert tried >= set(KINDS)
    assert tried >= set(get_args(TransportFaultKind))


def test_a_scenario_that_does_not_hold_is_not_swept() -> None:
    with pytest.raises(SweepImpossible, match="eventually"):
        Sweep(scenario(SHORT.replace('available: "6"', 'available: "7"')))


def test_a_canary_is_not_swept() -> None:
    with pytest.raises(SweepImpossible, match="a canary dies before its end"):
        Sweep(bundle("canary"))


def test_a_chain_that_is_reset_to_another_genesis_is_not_swept() -> None:
    with pytest.raises(SweepImpossible, match="line 10 resets the chain"):
        Sweep(bundle("reset_to_another_genesis"))


class TestCommand:
    def run(self, folder: Path, *arguments: str) -> tuple[int, str]:
        (folder / "short.yaml").write_text(SHORT, "utf-8")
        result = CliRunner().invoke(devnet, ["sweep", *arguments])
        return result.exit_code, result.output

    def test_a_clean_sweep_is_one_line_and_exit_code_0(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        code, output = self.run(tmp_path, "crash", "short.yaml", "--every", "300")
        assert code == 0
        assert output.startswith("crash sweep of short.yaml: ")
        assert not (tmp_path / "runs").exists()

    def test_a_failure_leaves_a_scenario_that_fails_alike(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "tiny.yaml").write_text(TINY, "utf-8")
        with monkeypatch.context() as broken:
            cursor_before_credit(broken)
            code, output = self.run(tmp_path, "crash", "tiny.yaml")
            assert code == 1
            path = output.rpartition("devnet run ")[2].strip()
            assert runner.run(loader.load(tmp_path / path)).verdict is Verdict.VIOLATED
        assert runner.run(loader.load(tmp_path / path)).verdict is Verdict.HELD

    @pytest.mark.parametrize("processes", ["1", "2"])
    def test_a_step_that_can_never_be_done_is_one_line_and_exit_code_3(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        text = 'title: t\nsteps:\n  - tamper: {user: alice, available: "1"}\n'
        (tmp_path / "never.yaml").write_text(text, "utf-8")
        told = "never.yaml:3: alice has no balance of DF to tamper with yet\n"
        assert self.run(tmp_path, "crash", "never.yaml", "-n", processes) == (3, told)

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (("crash", "nowhere.yaml"), "nowhere.yaml: no such scenario file"),
            (("crash", "."), ".: is a folder: give one scenario file"),
        ],
    )
    def test_bad_input_is_one_line_and_exit_code_3(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: Sequence[str], told: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        code, output = self.run(tmp_path, *arguments)
        assert code == 3
        assert told in output
        assert output.count("\n") == 1

    @pytest.mark.parametrize("processes", ["many", "0"])
    def test_what_is_no_number_of_processes_is_one_line_and_exit_code_3(
        self, processes: str
    ) -> None:
        ran = subprocess.run(
            [sys.executable, "-m", "ztdx_devnet", "sweep", "crash", "a.yaml", "-n", processes],
            capture_output=True,
            check=False,
            text=True,
        )
        assert (ran.returncode, ran.stdout) == (3, "")
        assert f"'{processes}': expected 'auto' or a number of processes from 1" in ran.stderr
        assert ran.stderr.count("\n") == 1

    @pytest.mark.parametrize(
        ("first", "told"),
        [
            ("0", "1 run (1 ended alike) in "),
            ("1", "--first {beyond} is beyond the last: there are {runs} runs\n"),
        ],
    )
    def test_begun_at_the_last_run_and_behind_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swept: Sweep, first: str, told: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        runs = swept.boundaries
        begun = str(runs + int(first))
        code, output = self.run(tmp_path, "crash", "short.yaml", "--first", begun)
        assert told.format(beyond=begun, runs=runs) in output
        assert code == (3 if int(first) else 0)

    def test_several_processes_find_the_same(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        one = self.run(tmp_path, "schedules", "short.yaml", "--seeds", "6")
        two = self.run(tmp_path, "schedules", "short.yaml", "--seeds", "6", "-n", "2")
        assert one[0] == two[0] == 0
        assert one[1].partition(" in ")[0] == two[1].partition(" in ")[0]

    @pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no terminals here")
    @pytest.mark.parametrize("processes", ["1", "2"])
    def test_ctrl_c_ends_it_with_how_far_it_came(self, tmp_path: Path, processes: str) -> None:
        (tmp_path / "short.yaml").write_text(SHORT, "utf-8")
        terminal, theirs = os.openpty()
        command = [sys.executable, "-m", "ztdx_devnet", "sweep", "crash", "short.yaml"]
        process = subprocess.Popen(
            [*command, "-n", processes],
            cwd=tmp_path,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
            start_new_session=True,
        )
        os.close(theirs)
        shown = ""
        try:
            while not re.search(r"[1-9][0-9]*/[0-9]+", shown):
                shown += _read(terminal)
            os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: to all of them
            while more := _read(terminal):
                shown += more
            told, _ = process.communicate(timeout=30)
        finally:
            process.kill()
            os.close(terminal)
        assert process.returncode == 130
        assert "Traceback" not in shown
        match = re.fullmatch(
            r"crash sweep of short.yaml: interrupted after (\d+) of (\d+) runs: (.+)\n", told
        )
        assert match is not None, told
        assert 0 < int(match[1]) < int(match[2])
        assert sum(map(int, re.findall(r"\d+", match[3]))) == int(match[1])
        assert "ended alike" in match[3]

    def test_an_error_of_our_own_is_no_finding(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)

        def fail(*_: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(Sweep, "run", fail)
        code, output = self.run(tmp_path, "crash", "short.yaml")
        assert (code, output.count("\n")) == (4, 1)
        assert output.startswith("devnet: an error of our own: ZeroDivisionError()")

    def test_a_failure_is_told_also_when_it_can_not_be_written_down(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "tiny.yaml").write_text(TINY, "utf-8")
        (tmp_path / "runs").write_text("mine")
        cursor_before_credit(monkeypatch)
        code, output = self.run(tmp_path, "crash", "tiny.yaml")
        assert code == 1
        assert "  expected: " in output
        assert "devnet: can't write runs/sweeps/" in output

    def test_the_scenario_of_a_failure_is_not_among_those_of_the_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "tiny.yaml").write_text(TINY, "utf-8")
        cursor_before_credit(monkeypatch)
        code, output = self.run(tmp_path, "crash", "tiny.yaml")
        assert code == 1
        (kept,) = (tmp_path / "runs" / "sweeps").glob("*.yaml")
        assert f"  again: devnet run {kept.relative_to(tmp_path)}" in output
        assert kept not in loader.find([tmp_path])
        assert loader.find([kept]) == [kept]


def _read(terminal: int) -> str:
    """What a terminal shows next; nothing when nobody writes to it any more."""
    try:
        return os.read(terminal, 4096).decode("utf-8", "replace")
    except OSError:
        return ""
