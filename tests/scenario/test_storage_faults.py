"""Faults of the database: they reach the product, leave what SQLite leaves, and lose nothing."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from ztdx_devnet.faults.storage import StatementFault
from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.errors import BadScenario
from ztdx_devnet.scenario.runner import Run
from ztdx_devnet.scenario.verdict import Verdict
from ztdx_devnet.sim.kernel import Kernel
from ztdx_devnet.sim.ports import boundary_connection

DEPOSIT = '  - deposit: {as: d1, user: alice, amount: "1"}\n  - mine: 21\n'
CREDITED = (
    "check:\n  eventually:\n    - credited: [d1]\n    - balance: {user: alice, available: '1'}\n"
)


def play(steps: str, rest: str = "", given: str = "") -> Run:
    text = f"title: t\ngiven: {{{given}}}\nsteps:\n{steps}{rest}"
    return runner.play(loader.parse(text, "t.yaml"))


def fired(run: Run) -> list[tuple[str, str]]:
    """Process and statement of each time that a fault fired."""
    return [
        (entry.payload["process"], entry.payload["statement"])
        for entry in run.journal
        if (entry.actor, entry.kind) == ("faults", "fired")
    ]


KINDS = [
    "kind: full",
    "kind: full, at: commit",
    "kind: full, at: commit, statement: INSERT spot_deposits",
    "kind: full, statement: INSERT spot_deposits",
    "kind: full, statement: INSERT spot_balances",
    "kind: read_only, statement: INSERT spot_deposits",
    "kind: io_error",
    "kind: io_error, at: commit",
    "kind: io_error, statement: SELECT",
    "kind: corrupt, statement: SELECT",
    "kind: corrupt, statement: INSERT spot_deposits",
]


@pytest.mark.parametrize("fault", KINDS)
def test_a_listener_whose_database_failed_for_a_while_credits_once_afterwards(fault: str) -> None:
    run = play(
        f"  - wait: 5s\n  - db_fault: {{as: disk, {fault}, process: main, last: 4}}\n{DEPOSIT}"
        "  - wait: 40s\n",
        CREDITED,
    )
    assert run.outcome.verdict is Verdict.HELD, run.outcome.failure
    assert run.outcome.faults[0].hits == 4
    assert [process for process, _ in fired(run)] == ["listener"] * 4


@pytest.mark.parametrize("percent", [20, 60])
def test_a_database_that_fails_by_chance_loses_nothing(percent: int) -> None:
    faults = "".join(
        f"  - db_fault: {{as: f{i}, kind: {kind}, percent: {percent}}}\n"
        for i, kind in enumerate(["full", "io_error", "io_error, at: commit", "full, at: commit"])
    )
    run = play(
        f"  - wait: 5s\n{faults}{DEPOSIT}"
        '  - deposit: {as: d2, user: bob, amount: "2"}\n  - mine: 30\n'
        "  - clear_faults\n  - wait: 20s\n",
        "check:\n  eventually:\n    - credited: [d1, d2]\n",
        "restart_after: 1s",
    )
    assert run.outcome.verdict is Verdict.HELD, run.outcome.failure


def test_a_fault_meets_only_its_process() -> None:
    run = play(
        "  - wait: 5s\n  - db_fault: {as: disk, kind: full, process: api, last: 1}\n"
        f"{DEPOSIT}  - wait: 5s\n  - expect: {{credited: [d1]}}\n"
        '  - admin_credit: {user: bob, amount: "1", expect: {status: 500}}\n'
        '  - admin_credit: {user: bob, amount: "1"}\n',
        'check:\n  eventually:\n    - balance: {user: bob, available: "1"}\n',
    )
    assert run.outcome.verdict is Verdict.HELD, run.outcome.failure
    assert [process for process, _ in fired(run)] == ["api"]


@pytest.mark.parametrize("at", ["statement", "commit"])
def test_an_admin_credit_that_met_a_full_disk_can_be_sent_again(at: str) -> None:
    credit = '  - admin_credit: {user: bob, amount: "1", idempotency_key: k'
    run = play(
        f"  - wait: 5s\n  - db_fault: {{as: disk, kind: full, at: {at}, process: api, last: 1}}\n"
        f"{credit}, expect: {{status: 500, body: {{error: DB_ERROR}}}}}}\n{credit}}}\n{credit}}}\n",
        'check:\n  eventually:\n    - balance: {user: bob, available: "1"}\n',
    )
    assert run.outcome.verdict is Verdict.HELD, run.outcome.failure


def test_a_listener_whose_tables_cannot_be_made_exits_and_is_started_again() -> None:
    run = play(
        "  - kill_api\n  - db_fault: {as: disk, kind: io_error, process: main, last: 1}\n"
        f"  - start_listener\n{DEPOSIT}",
        CREDITED,
        "listener: stopped, restart_after: 2s",
    )
    assert run.outcome.verdict is Verdict.HELD, run.outcome.failure
    assert run.outcome.faults[0].hits == 1


def test_a_lock_is_met_by_the_product_and_outlived() -> None:
    run = play(
        f"  - wait: 5s\n  - db_fault: {{as: lock, kind: busy, for: 30s}}\n{DEPOSIT}"
        '  - admin_credit: {user: bob, amount: "1"}\n',
        CREDITED,
    )
    assert run.outcome.verdict is Verdict.HELD, run.outcome.failure
    assert run.outcome.faults[0].hits > 10


def test_a_database_fault_that_nothing_met_shows_nothing() -> None:
    run = play("  - wait: 5s\n  - db_fault: {as: disk, kind: full, process: api}\n  - wait: 5s\n")
    assert run.outcome.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ("kind: busy", "kind: busy holds the lock for some time: say for: 10s"),
        ("kind: busy, for: 1s, first: 2", "kind: busy has as and for, and no first"),
        ("kind: read_only, at: commit", "at: commit goes with full and io_error: read_only fails"),
        ("kind: full, statement: SELECT", "statement: SELECT writes nothing, which full"),
        ("kind: full, statement: TRUNCATE", "statement: a statement is SELECT, or INSERT, UPDATE"),
        ("kind: full, process: bpi", "unknown listener 'bpi': known: main"),
        ("kind: full, last: 1, first: 2", "last 1 is before first 2"),
    ],
)
def test_a_db_fault_that_makes_no_sense_is_one_line(fields: str, problem: str) -> None:
    with pytest.raises(BadScenario) as caught:
        play(f"  - db_fault: {{as: disk, {fields}}}\n")
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"t.yaml:4: {problem}")


# --- fidelity: what a real file leaves behind --------------------------------------------------

ALONE = "INSERT INTO t VALUES ('alone', '')"
Left = tuple[str, str, int, str, bool, list[str]]
"""Class, message, code and name of the error; whether the transaction is open; rows after it."""


def left_by(connection: sqlite3.Connection, sql: str) -> Left:
    """What a failing statement leaves behind; all but ALONE come after the row 'before'."""
    connection.execute("BEGIN IMMEDIATE")
    if sql != ALONE:
        connection.execute("INSERT INTO t VALUES ('before', '')")
    with pytest.raises(sqlite3.DatabaseError) as caught:
        connection.execute(sql)
    error, is_open = caught.value, connection.in_transaction
    if is_open:
        connection.execute("COMMIT")
    rows = [row for (row,) in connection.execute("SELECT id FROM t ORDER BY id")]
    shown = (type(error).__name__, str(error), error.sqlite_errorcode, error.sqlite_errorname)
    return (*shown, is_open, rows)


def table(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE t (id TEXT PRIMARY KEY, v TEXT)")
    return connection


def simulated(path: Path, fault: StatementFault, sql: str) -> Left:
    """The same with the simulator's connection and a fault."""
    table(path).close()
    kernel, found = Kernel(0), list[Left]()

    def act() -> None:
        factory = boundary_connection(
            kernel,
            "listener",
            lambda _: None,
            lambda: None,
            lambda process, kind, written: (
                fault if fault.concerns(process, kind, written) and fault.takes(CERTAIN) else None
            ),
        )
        found.append(left_by(sqlite3.connect(path, isolation_level=None, factory=factory), sql))

    kernel.run_until_done(kernel.spawn("listener", act))
    return found[0]


class _Certain:
    def random(self) -> float:
        return 0.0


CERTAIN = _Certain()
BIG = "INSERT INTO t VALUES ('big', '" + "x" * 9000 + "')"


def test_a_full_file_loses_the_transaction_as_the_simulated_one_does(tmp_path: Path) -> None:
    real = table(tmp_path / "real.db")
    (pages,) = real.execute("PRAGMA page_count").fetchone()
    real.execute(f"PRAGMA max_page_count={pages}")
    fault = StatementFault("disk", "full", first=2)
    expected = left_by(real, BIG)
    assert expected[:2] == ("OperationalError", "database or disk is full")
    assert simulated(tmp_path / "simulated.db", fault, BIG) == expected


def test_a_read_only_file_keeps_the_transaction_open_as_the_simulated_one_does(
    tmp_path: Path,
) -> None:
    table(tmp_path / "real.db").close()
    uri = f"{(tmp_path / 'real.db').as_uri()}?mode=ro"
    expected = left_by(sqlite3.connect(uri, uri=True, isolation_level=None), ALONE)
    assert expected[:2] == ("OperationalError", "attempt to write a readonly database")
    assert (
        simulated(tmp_path / "simulated.db", StatementFault("disk", "read_only"), ALONE) == expected
    )


COMMIT_AT_A_LIMIT = """
import sqlite3, resource, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("SELECT * FROM t").fetchall()
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
connection.execute("BEGIN IMMEDIATE")
connection.execute("INSERT INTO t VALUES ('before', '')")
try:
    connection.execute("COMMIT")
except sqlite3.DatabaseError as error:
    print(type(error).__name__, error, error.sqlite_errorcode, error.sqlite_errorname,
          connection.in_transaction, connection.execute("SELECT id FROM t").fetchall(), sep="|")
"""


def test_a_commit_that_cannot_be_written_is_rolled_back_as_the_simulated_one_is(
    tmp_path: Path,
) -> None:
    table(tmp_path / "real.db").close()
    ran = subprocess.run(
        [sys.executable, "-c", COMMIT_AT_A_LIMIT, str(tmp_path / "real.db")],
        capture_output=True,
        check=True,
        text=True,
    )
    fault = StatementFault("disk", "io_error", "commit")
    seen = simulated(tmp_path / "simulated.db", fault, "COMMIT")
    assert "|".join(str(value) for value in seen) == ran.stdout.strip()
    assert seen[1] == "disk I/O error"


def test_a_malformed_file_keeps_the_transaction_open_as_the_simulated_one_does(
    tmp_path: Path,
) -> None:
    real = table(tmp_path / "real.db")
    real.executemany("INSERT INTO t VALUES (?, ?)", [(str(i), "y" * 1500) for i in range(50)])
    real.close()
    content = bytearray((tmp_path / "real.db").read_bytes())
    content[4096 : 2 * 4096] = b"\x55" * 4096  # the root page of t
    (tmp_path / "real.db").write_bytes(content)
    real = sqlite3.connect(tmp_path / "real.db", isolation_level=None)
    real.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.DatabaseError) as caught:
        real.execute("SELECT * FROM t").fetchall()
    error = StatementFault("disk", "corrupt").error("sql:SELECT")
    for seen in (caught.value, error):
        assert type(seen) is sqlite3.DatabaseError
        assert (str(seen), seen.sqlite_errorname) == (
            "database disk image is malformed",
            "SQLITE_CORRUPT",
        )
    assert real.in_transaction
    assert not StatementFault("disk", "corrupt").loses_transaction
