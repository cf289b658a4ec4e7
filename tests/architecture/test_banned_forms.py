"""Forms that the source may not use: clocks, chance, environment, threads, hidden transactions.

The one way round each of them is a port, or an entry in a list here that gives its reason.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest

from .source import (
    Module,
    imported_by_call,
    imports_of,
    is_importer,
    last_name,
    modules_of,
    parsed,
)

PACKAGES = ("ztdx_spot", "ztdx_devnet")

WORLD_FORMS = (
    "time.time",
    "time.time_ns",
    "time.monotonic",
    "time.monotonic_ns",
    "time.perf_counter",
    "time.perf_counter_ns",
    "time.process_time",
    "time.process_time_ns",
    "time.thread_time",
    "time.thread_time_ns",
    "time.clock_gettime",
    "time.clock_gettime_ns",
    "time.sleep",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
    "random",
    "secrets",
    "os.urandom",
    "os.getrandom",
    "uuid.uuid1",
    "uuid.uuid4",
    "os.environ",
    "os.environb",
    "os.getenv",
    "os.getenvb",
    "os.putenv",
)
"""Time, chance and environment: a run has its own. A module stands for all that is in it."""

ALLOWED = {
    ("ztdx_spot/edges.py", "time.time"): "the live edge of time",
    ("ztdx_spot/edges.py", "secrets"): "the live edge of chance",
    ("ztdx_spot/__main__.py", "os.environ"): "the program reads its settings",
    ("ztdx_spot/operator_commands.py", "os.environ"): "so do its sub-commands, nobody else",
    ("ztdx_devnet/chain/keccak.py", "os.environ"): "eth_hash takes its backend from there",
    ("ztdx_devnet/sim/seed.py", "random"): "the one place of chance: each stream is seeded",
    ("ztdx_devnet/live/wall_clock.py", "time.time"): "the live edge of time",
    ("ztdx_devnet/live/wall_clock.py", "time.sleep"): "the live edge of time",
    ("ztdx_devnet/scenario/runner.py", "time.perf_counter"): "wall time is shown to people",
    ("ztdx_devnet/cli/run.py", "time.perf_counter"): "so is that of all scenarios together",
    ("ztdx_devnet/explore/sweep/command.py", "time.perf_counter"): "and that of a sweep",
    ("ztdx_devnet/cli/telling.py", "os.environ"): "GitHub's workflows say there that they are",
}
"""(file, form) → why. An entry that nothing needs any more is an error."""

THREAD_FORMS = (
    "_thread",
    "aiohttp",
    "asyncio",
    "concurrent",
    "http.client",
    "multiprocessing",
    "queue",
    "selectors",
    "socket",
    "socketserver",
    "subprocess",
    "threading",
    "urllib.request",
)
"""Threads, processes, sockets and event loops: modules of the product's edges only."""

PRODUCT_EDGES = (
    "ztdx_spot/__main__.py",
    "ztdx_spot/serving/application_thread.py",
    "ztdx_spot/serving/connections.py",
    "ztdx_spot/edges.py",
    "ztdx_spot/serving/refusals.py",
    "ztdx_spot/serving/server.py",
    "ztdx_spot/service.py",
    "ztdx_spot/serving/sockets/client.py",
    "ztdx_spot/serving/sockets/follower.py",
    "ztdx_spot/serving/sockets/reception.py",
    "ztdx_spot/serving/sockets/upgrade.py",
)

CONNECTION_NAMES = ("con", "conn", "connection", "database", "db")
CONNECTION_MAKERS = ("connect", "open_connection")
TRANSACTION_METHODS = ("commit", "executescript", "rollback")

DURATION_ENDINGS = ("_s", "_S", "_ms", "_MS")


@dataclass(frozen=True, order=True)
class Use:
    """One use of a banned form."""

    path: str
    line: int
    form: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.form}"


def uses_of(module: Module, forms: Iterable[str]) -> list[Use]:
    """Where a module imports or names one of these dotted forms, whatever it calls them."""
    names = [(entry.line, entry.name) for entry in imports_of(module)]
    names += _dotted_names(module)
    return sorted(
        {
            Use(module.path, line, form)
            for line, name in names
            for form in forms
            if name == form or name.startswith(f"{form}.") or _is_star_over(name, form)
        }
    )


def _is_star_over(name: str, form: str) -> bool:
    return name.endswith(".*") and form.startswith(name.removesuffix("*"))


def _dotted_names(module: Module) -> Iterator[tuple[int, str]]:
    """Every name and attribute of the module, spelled as where it comes from: `time.time`."""
    origins: dict[str, str] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                origins[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                origins[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def spelled(node: ast.expr) -> str | None:
        match node:
            case ast.Name(id=name):
                return origins.get(name)
            case ast.Attribute(value=value, attr=attribute):
                owner = spelled(value)
                return f"{owner}.{attribute}" if owner else None
            case ast.Call(func=function) if is_importer(function):
                return imported_by_call(node, module)
        return None

    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name | ast.Attribute):
            name = spelled(node)
            if name:
                yield node.lineno, name


def hidden_transactions(module: Module) -> list[Use]:
    """Where a module lets the sqlite3 module begin or end a transaction: `with connection:`."""
    uses = set()
    for node in ast.walk(module.tree):
        match node:
            case ast.With(items=items) | ast.AsyncWith(items=items):
                for item in items:
                    if _is_bare_connection(item.context_expr):
                        line = item.context_expr.lineno
                        uses.add(Use(module.path, line, f"with {ast.unparse(item.context_expr)}"))
            case ast.Call(func=ast.Attribute(attr="enter_context"), args=[entered]):
                if _is_bare_connection(entered):
                    uses.add(Use(module.path, node.lineno, f"enter {ast.unparse(entered)}"))
            case ast.Call(func=ast.Attribute(attr="cursor")):
                uses.add(Use(module.path, node.lineno, ".cursor()"))
            case ast.Attribute(attr=method) if method in TRANSACTION_METHODS:
                uses.add(Use(module.path, node.lineno, f".{method}"))
    return sorted(uses)


def _is_bare_connection(node: ast.expr) -> bool:
    match node:
        case ast.NamedExpr(value=value):
            return _is_bare_connection(value)
        case ast.Call(func=function):
            return last_name(function) in CONNECTION_MAKERS
    name = last_name(node).lower().strip("_")
    return name.rpartition("_")[2] in CONNECTION_NAMES


def floats(module: Module) -> list[Use]:
    """Where a module makes a float or may get one, other than a duration that is named as such."""
    durations = _parts_of_durations(module.tree)
    uses = set()
    for node in ast.walk(module.tree):
        if id(node) in durations:
            continue
        match node:
            case ast.Name(id="float"):
                uses.add(Use(module.path, node.lineno, "float"))
            case ast.Constant(value=float() | complex() as value):
                uses.add(Use(module.path, node.lineno, repr(value)))
            case ast.BinOp(op=ast.Div(), left=left, right=right):
                if not any(last_name(side).endswith(DURATION_ENDINGS) for side in (left, right)):
                    uses.add(Use(module.path, node.lineno, "/"))
            case ast.AugAssign(op=ast.Div()):
                uses.add(Use(module.path, node.lineno, "/="))
            case ast.BinOp(op=ast.Pow(), right=ast.UnaryOp(op=ast.USub())):
                uses.add(Use(module.path, node.lineno, "** -"))
    return sorted(uses)


def _parts_of_durations(tree: ast.Module) -> set[int]:
    """The types and plain values given to names that end as durations do; ids of nodes."""
    given: list[tuple[str, ast.expr | None]] = []
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[target], value=value):
                given.append((last_name(target), value))
            case ast.AugAssign(target=target, value=value):
                given.append((last_name(target), value))
            case ast.AnnAssign(target=target, annotation=annotation, value=value):
                given += [(last_name(target), annotation), (last_name(target), value)]
            case ast.keyword(arg=str(name), value=value):
                given.append((name, value))
            case ast.arg(arg=name, annotation=annotation):
                given.append((name, annotation))
            case ast.arguments():
                ordered = [*node.posonlyargs, *node.args]
                last = ordered[len(ordered) - len(node.defaults) :]
                given += [(a.arg, v) for a, v in zip(last, node.defaults, strict=True)]
                pairs = zip(node.kwonlyargs, node.kw_defaults, strict=True)
                given += [(a.arg, v) for a, v in pairs]
            case ast.FunctionDef(name=name, returns=returns):
                given.append((name, returns))
    return {
        id(part)
        for name, value in given
        if name.endswith(DURATION_ENDINGS)
        and isinstance(value, ast.Constant | ast.Name | ast.BinOp)
        for part in _alternatives(value)
    }


def _alternatives(node: ast.expr) -> list[ast.expr]:
    """`float | None` in its parts."""
    match node:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return [*_alternatives(left), *_alternatives(right)]
    return [node]


def lines(uses: Iterable[Use]) -> list[str]:
    return [str(use) for use in uses]


def amount_modules() -> list[Module]:
    """The modules of the product through which amounts pass on their way into a balance."""
    folders = ("ztdx_spot/ledger/", "ztdx_spot/listener/")
    return [m for m in modules_of("ztdx_spot") if m.path.startswith(folders)]


def inner_modules() -> list[Module]:
    """The modules of the product that are not live edges."""
    return [m for m in modules_of("ztdx_spot") if m.path not in PRODUCT_EDGES]


class TestTheSource:
    @pytest.mark.parametrize("package", PACKAGES)
    def test_time_chance_and_environment_are_touched_only_where_a_reason_is_given(
        self, package: str
    ) -> None:
        found = [u for m in modules_of(package) for u in uses_of(m, WORLD_FORMS)]
        assert lines(u for u in found if (u.path, u.form) not in ALLOWED) == []

    def test_every_allowed_form_is_still_needed(self) -> None:
        modules = [m for package in PACKAGES for m in modules_of(package)]
        used = {(u.path, u.form) for m in modules for u in uses_of(m, WORLD_FORMS)}
        assert set(ALLOWED) - used == set()

    def test_threads_and_sockets_stay_in_the_edges_of_the_product(self) -> None:
        modules = inner_modules()
        assert len(modules) > 20
        assert lines(u for m in modules for u in uses_of(m, THREAD_FORMS)) == []

    def test_every_edge_still_needs_to_be_one(self) -> None:
        edges = {m.path for m in modules_of("ztdx_spot") if uses_of(m, THREAD_FORMS)}
        assert edges == set(PRODUCT_EDGES)

    def test_every_transaction_of_the_product_is_written_out(self) -> None:
        assert lines(u for m in inner_modules() for u in hidden_transactions(m)) == []

    def test_no_amount_is_ever_a_float(self) -> None:
        modules = amount_modules()
        assert {m.name for m in modules} > {"ztdx_spot.ledger.amounts", "ztdx_spot.listener.poller"}
        assert lines(u for m in modules for u in floats(m)) == []


WORLD_SNIPPETS = {
    "import time\ntime.time()": "time.time",
    "import time as t\nt.time()": "time.time",
    "from time import time": "time.time",
    "from time import time as t\nt()": "time.time",
    "from time import *\ntime()": "time.time",
    "import time\nclock = time.monotonic": "time.monotonic",
    "from time import monotonic_ns as now": "time.monotonic_ns",
    "from time import perf_counter": "time.perf_counter",
    "import time\ntime.perf_counter_ns()": "time.perf_counter_ns",
    "def f():\n    import time\n    time.sleep(1)": "time.sleep",
    "from time import sleep as pause": "time.sleep",
    "__import__('time').time_ns()": "time.time_ns",
    "import importlib\nimportlib.import_module('time').time()": "time.time",
    "import datetime\ndatetime.datetime.now(datetime.UTC)": "datetime.datetime.now",
    "import datetime as d\nd.datetime.utcnow()": "datetime.datetime.utcnow",
    "from datetime import datetime\ndatetime.now()": "datetime.datetime.now",
    "from datetime import datetime as dt\ndt.today()": "datetime.datetime.today",
    "from datetime import date\ndate.today()": "datetime.date.today",
    "import random": "random",
    "import random as chance\nchance.Random(1)": "random",
    "from random import Random": "random",
    "import importlib\nimportlib.import_module('random')": "random",
    "from secrets import token_hex as token": "secrets",
    "import os\nos.urandom(8)": "os.urandom",
    "from os import urandom as draw": "os.urandom",
    "from os import *": "os.urandom",
    "import uuid\nuuid.uuid4()": "uuid.uuid4",
    "from uuid import uuid1 as new_id": "uuid.uuid1",
    "import os\nos.environ['X']": "os.environ",
    "import os\nos.environ.get('X')": "os.environ",
    "import os.path\nos.getenv('X')": "os.getenv",
    "from os import environ as settings": "os.environ",
    "if TYPE_CHECKING:\n    import random": "random",
}

THREAD_SNIPPETS = {
    "import threading": "threading",
    "from threading import Lock as Latch": "threading",
    "from queue import Queue": "queue",
    "import socket as s": "socket",
    "from multiprocessing.pool import Pool": "multiprocessing",
    "def f():\n    import subprocess": "subprocess",
    "from concurrent.futures import ThreadPoolExecutor": "concurrent",
    "from concurrent import futures": "concurrent",
    "import asyncio": "asyncio",
    "from http import client": "http.client",
    "import urllib.request": "urllib.request",
}

TRANSACTION_SNIPPETS = [
    "with connection:\n    pass",
    "with self._connection:\n    pass",
    "with self.database.connection as c:\n    pass",
    "with open('x') as f, conn:\n    pass",
    "with db:\n    pass",
    "with reader_db:\n    pass",
    "with (c := connection):\n    pass",
    "with sqlite3.connect('x') as c:\n    pass",
    "with open_connection('x') as c:\n    pass",
    "async def f():\n    async with connection:\n        pass",
    "stack.enter_context(connection)",
    "connection.commit()",
    "commit = connection.commit",
    "self._db.rollback()",
    "connection.cursor()",
    "connection.execute('x').connection.cursor().execute('y')",
    "connection.executescript('x')",
]

FLOAT_SNIPPETS = [
    "amount = float('1')",
    "amounts = list(map(float, texts))",
    "amount = 0.5",
    "amount = 1e18",
    "f(0.5)",
    "f(amount=0.5)",
    "def f(amount=0.5): ...",
    "def f(*, amount: float): ...",
    "def f(amount) -> float: ...",
    "amount: float = 1",
    "amount: float | None = None",
    "scales = 1.0",
    "amount += 0.5",
    "amount = units / 10**18",
    "amount /= 2",
    "amount = units * 10**-18",
    "wait_s = float(amount)",
    "wait_s = f(0.5)",
    "amount, wait_s = 1, 0.5",
]


class TestTheChecksThemselves:
    @pytest.mark.parametrize("source", WORLD_SNIPPETS)
    def test_they_see_time_chance_and_environment_under_any_name(self, source: str) -> None:
        module = parsed(source, "ztdx_spot/x.py")
        assert WORLD_SNIPPETS[source] in {use.form for use in uses_of(module, WORLD_FORMS)}

    @pytest.mark.parametrize("form", WORLD_FORMS)
    def test_they_see_every_banned_form(self, form: str) -> None:
        module = parsed(f"import {form.partition('.')[0]}\nx = {form}", "ztdx_spot/x.py")
        assert {use.form for use in uses_of(module, WORLD_FORMS)} == {form}

    @pytest.mark.parametrize("source", THREAD_SNIPPETS)
    def test_they_see_threads_and_sockets(self, source: str) -> None:
        uses = uses_of(parsed(source, "ztdx_spot/x.py"), THREAD_FORMS)
        assert {use.form for use in uses} == {THREAD_SNIPPETS[source]}

    @pytest.mark.parametrize(
        "source",
        [
            "from datetime import UTC, datetime\ndatetime.fromtimestamp(0, UTC)",
            "import time\ntime.gmtime(0)",
            "from uuid import UUID",
            "import os\nos.path.join(environ, random)",
            "clock.time.time()",
            "time = 1\ntime.sleep",
            "from http import HTTPStatus",
            "from urllib.parse import urlsplit",
            "from ztdx_spot.ledger import queue",
            "from . import secrets",
            "'import random; time.time()'",
        ],
    )
    def test_they_let_what_only_looks_like_it_pass(self, source: str) -> None:
        assert uses_of(parsed(source, "ztdx_spot/x.py"), WORLD_FORMS + THREAD_FORMS) == []

    @pytest.mark.parametrize("source", TRANSACTION_SNIPPETS)
    def test_they_see_a_hidden_transaction(self, source: str) -> None:
        assert len(hidden_transactions(parsed(source, "ztdx_spot/x.py"))) == 1

    @pytest.mark.parametrize(
        "source",
        [
            "with database.write() as transaction:\n    pass",
            "with closing(connection):\n    pass",
            "with closing(open_connection('x')) as connection:\n    pass",
            "with transaction:\n    pass",
            "stack.enter_context(closing(connection))",
            "last = cursor.load(transaction)",
            "from ztdx_spot.ledger import cursor",
            "connection.execute('COMMIT')",
        ],
    )
    def test_they_let_a_written_transaction_pass(self, source: str) -> None:
        assert hidden_transactions(parsed(source, "ztdx_spot/x.py")) == []

    @pytest.mark.parametrize("source", FLOAT_SNIPPETS)
    def test_they_see_a_float_in_the_way_of_an_amount(self, source: str) -> None:
        assert floats(parsed(source, "ztdx_spot/x.py"))

    @pytest.mark.parametrize(
        "source",
        [
            "BUSY_WAIT_S = 5.0",
            "self.waited_s = 0.0",
            "waited_s += 0.05",
            "wait_s: float | None = 0.5",
            "def f(wait_s: float = 0.5, *, step_s: float = 0.1): ...",
            "def now_s() -> float: ...",
            "sleep(step_s=0.5)",
            "clock.sleep_s(settings.poll_interval_ms / 1000)",
            "units = amount // 10**18 * 10**2",
            "text = '0.5'",
            "def f(a, b=1, /, c=2): ...",
        ],
    )
    def test_they_let_named_durations_and_integers_pass(self, source: str) -> None:
        assert floats(parsed(source, "ztdx_spot/x.py")) == []

    def test_a_use_says_where_it_is(self) -> None:
        found = hidden_transactions(parsed("x = 1\nconnection.commit()", "ztdx_spot/x.py"))
        assert lines(found) == ["ztdx_spot/x.py:2: .commit"]
