"""The documented loop and the product's listener side by side, where no scenario reaches yet.

Each test is one way of the field to lose or delay deposits: the documented loop does, the product
does not. The chain is the real one; what stands between it and the listener is said in each test.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.log_limits import PROVIDERS, LogLimits
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.chain.origin.genesis import build, template
from ztdx_devnet.chain.rpc import endpoint
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.view import View
from ztdx_devnet.explore import documented_loop
from ztdx_devnet.sim.processes import ListenerProgram
from ztdx_devnet.sim.seed import SeededEntropy
from ztdx_devnet.sim.wallets import Wallets
from ztdx_spot.config import ListenerSettings
from ztdx_spot.errors import ListenerHalted
from ztdx_spot.ledger import balances, cursor, listener_status
from ztdx_spot.ledger.database import Database, open_connection
from ztdx_spot.ledger.migrations import prepare_schema
from ztdx_spot.listener.loop import run_listener
from ztdx_spot.ports import HttpAnswer, TransportError, TransportTimeout

Post = Callable[[bytes], HttpAnswer]

ALICE = USERS["alice"].address_hex
DOCUMENTED: ListenerProgram = documented_loop.run_listener
PRODUCT: ListenerProgram = run_listener
VAULT, DF_TOKEN = "0x" + contracts.VAULT.hex(), "0x" + contracts.DF_TOKEN.hex()


class Enough(BaseException):
    """The listener has polled often enough."""


class CountedPauses:
    """A clock that ends the listener after so many pauses between polls; others only pass."""

    def __init__(self, polls: int, settings: ListenerSettings) -> None:
        self._left = polls
        self._pause_s = settings.poll_interval_ms / 1000
        self._now_s = 1_800_000_000.0

    def now_s(self) -> float:
        return self._now_s

    def sleep_s(self, duration_s: float) -> None:
        self._now_s += duration_s
        if duration_s == self._pause_s:
            self._left -= 1
            if self._left == 0:
                raise Enough


class Wire:
    """A transport made of a function."""

    def __init__(self, post: Post) -> None:
        self._post = post

    def post(self, body: bytes, timeout_s: float) -> HttpAnswer:
        return self._post(body)


class Rig:
    """A listener's ledger, to be run against whatever answers."""

    def __init__(self, database: Database, settings: ListenerSettings) -> None:
        self._database = database
        self._settings = settings

    def poll(self, listener: ListenerProgram, post: Post, polls: int) -> None:
        clock = CountedPauses(polls, self._settings)
        database = Database(self._database.connection, clock)
        with pytest.raises(Enough):
            listener(self._settings, Wire(post), clock, SeededEntropy(0, "test"), database)

    def available(self) -> str | None:
        with self._database.read() as transaction:
            held = balances.balances_of(transaction, ALICE)
        return held[0].available if held else None

    def cursor_block(self) -> int:
        with self._database.read() as transaction:
            found = cursor.read(transaction, self._settings.chain_id)
        return -1 if found is None else found.block

    def status(self) -> listener_status.ListenerStatus | None:
        with self._database.read() as transaction:
            return listener_status.read(transaction, self._settings.chain_id)


@contextmanager
def rig(path: Path) -> Iterator[Rig]:
    settings = ListenerSettings(
        rpc_url="http://node", vault_address=VAULT, df_token_address=DF_TOKEN, start_block=1
    )
    connection = open_connection(path, synchronous="OFF")
    database = Database(connection, CountedPauses(1_000, settings))
    prepare_schema(database)
    yield Rig(database, settings)
    connection.close()


@pytest.fixture
def documented(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path / "documented.db") as one:
        yield one


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path / "product.db") as one:
        yield one


def chain_with_a_deposit(blocks: int, at_block: int = 50) -> Chain:
    chain = Chain()
    chain.mine_empty(at_block - 1)
    Wallets(chain).deposit("alice", 10**18)
    chain.mine()
    chain.mine_empty(blocks - at_block)
    return chain


def node(chain: Chain, limits: LogLimits | None = None) -> Post:
    view = View(chain) if limits is None else View(chain, log_limits=limits)

    def post(body: bytes) -> HttpAnswer:
        return HttpAnswer(200, {}, endpoint.answer(Node(view), body))

    return post


def calls(body: bytes) -> list[dict[str, Any]]:
    asked = json.loads(body)
    return asked if isinstance(asked, list) else [asked]


def range_of(body: bytes) -> int:
    """How many blocks of logs a request asks for."""
    ranges = [call["params"][0] for call in calls(body) if call["method"] == "eth_getLogs"]
    return sum(int(r["toBlock"], 16) - int(r["fromBlock"], 16) + 1 for r in ranges)


@pytest.mark.parametrize("provider", ["alchemy-free", "quicknode-free"])
def test_f06_a_cap_on_the_range_stops_the_documented_loop_only(
    documented: Rig, product: Rig, provider: str
) -> None:
    chain = chain_with_a_deposit(200)
    post = node(chain, PROVIDERS[provider])
    documented.poll(DOCUMENTED, post, 60)
    assert (documented.available(), documented.cursor_block()) == (None, 0)
    product.poll(PRODUCT, post, 60)
    assert (product.available(), product.cursor_block()) == ("1", 180)


def test_f06_a_cap_on_results_is_bisected_and_the_page_grows_again(
    documented: Rig, product: Rig
) -> None:
    chain = Chain()
    wallets = Wallets(chain)
    for _ in range(20):
        wallets.deposit("alice", 10**18)
        chain.mine()
    chain.mine_empty(3_000)
    post = node(chain, LogLimits(results=7))
    documented.poll(DOCUMENTED, post, 30)
    assert (documented.available(), documented.cursor_block()) == (None, 0)
    asked: list[int] = []

    def watched(body: bytes) -> HttpAnswer:
        asked.append(range_of(body))
        return post(body)

    product.poll(PRODUCT, watched, 140)
    assert (product.available(), product.cursor_block()) == ("20", 3_000)
    assert asked.count(100) > 10


@pytest.mark.parametrize("status", [413, 500, 504])
def test_f52_an_answer_that_is_too_large_stops_the_documented_loop_only(
    documented: Rig, product: Rig, status: int
) -> None:
    good = node(chain_with_a_deposit(200))

    def post(body: bytes) -> HttpAnswer:
        return HttpAnswer(status, {}, b"") if range_of(body) > 20 else good(body)

    documented.poll(DOCUMENTED, post, 20)
    assert documented.available() is None
    product.poll(PRODUCT, post, 20)
    assert (product.available(), product.cursor_block()) == ("1", 180)


def test_f07_a_range_that_never_comes_back_is_asked_for_in_smaller_parts(
    documented: Rig, product: Rig
) -> None:
    good = node(chain_with_a_deposit(200))

    def post(body: bytes) -> HttpAnswer:
        if range_of(body) > 30:
            raise TransportTimeout("not finished within 10 s")
        return good(body)

    documented.poll(DOCUMENTED, post, 20)
    assert documented.available() is None
    product.poll(PRODUCT, post, 20)
    assert product.available() == "1"


def test_f25_a_limit_that_hits_every_second_request_starves_the_documented_loop_only(
    documented: Rig, product: Rig
) -> None:
    good = node(chain_with_a_deposit(100))

    def post() -> Post:
        asked = 0

        def answer(body: bytes) -> HttpAnswer:
            nonlocal asked
            asked += 1
            if asked > 1 and asked % 2 == 1:
                return HttpAnswer(429, {"retry-after": "1"}, b"")
            return good(body)

        return answer

    documented.poll(DOCUMENTED, post(), 20)
    assert documented.available() is None
    product.poll(PRODUCT, post(), 20)
    assert product.available() == "1"


def test_f33_a_chain_that_was_reset_halts_the_product_and_is_half_skipped_by_the_documented_loop(
    documented: Rig, product: Rig
) -> None:
    old, new = node(chain_with_a_deposit(500)), another_chain(deposit_at=100, blocks=700)
    documented.poll(DOCUMENTED, old, 10)
    documented.poll(DOCUMENTED, node(new), 10)
    assert (documented.available(), documented.cursor_block()) == ("1", 680)  # block 100: skipped
    product.poll(PRODUCT, old, 10)
    with pytest.raises(ListenerHalted, match="the chain was reset or is another one"):
        product.poll(PRODUCT, node(new), 10)
    assert (product.available(), product.cursor_block()) == ("1", 480)
    status = product.status()
    assert status is not None
    assert status.halted
    assert "use a new DATABASE_URL" in str(status.trouble)


def test_f46_another_chain_behind_the_url_later_on_credits_nothing_in_the_product(
    documented: Rig, product: Rig
) -> None:
    right = node(chain_with_a_deposit(100, at_block=40))
    wrong = another_chain(deposit_at=120, blocks=200, chain_id=56)
    for one, listener in ((documented, DOCUMENTED), (product, PRODUCT)):
        first = iter([True] * 6)

        def post(body: bytes, first: Iterator[bool] = first) -> HttpAnswer:
            return (right if next(first, False) else node(wrong))(body)

        if listener is DOCUMENTED:
            one.poll(listener, post, 20)
        else:
            with pytest.raises(ListenerHalted, match="serves chain 56, expected"):
                one.poll(listener, post, 20)
    assert documented.available() == "2"  # one of them on a chain that does not count
    assert product.available() == "1"


def test_f65_a_block_above_the_cap_is_read_by_its_receipts(documented: Rig, product: Rig) -> None:
    chain = Chain()
    wallets = Wallets(chain)
    chain.mine_empty(9)
    for _ in range(12):
        wallets.deposit("alice", 10**18)
    chain.mine()
    chain.mine_empty(60)
    post = node(chain, LogLimits(results=10))
    documented.poll(DOCUMENTED, post, 30)
    assert documented.available() is None
    product.poll(PRODUCT, post, 30)
    assert (product.available(), product.cursor_block()) == ("12", 50)


def test_f08_a_listener_that_gets_nowhere_says_so_where_health_reads_it(product: Rig) -> None:
    def post(body: bytes) -> HttpAnswer:
        raise TransportError("connection refused")

    product.poll(PRODUCT, post, 12)
    status = product.status()
    assert status is not None
    assert (status.succeeded_at, status.trouble) == (
        None,
        "the node gave no complete answer: connection refused",
    )
    assert status.failed_polls > 5


def another_chain(*, deposit_at: int, blocks: int, chain_id: int = 97) -> Chain:
    """A chain with another block 0, and a deposit of alice's of its own."""
    genesis = template(chain_id) if chain_id != 97 else build(chain_id, 1_700_000_000)
    chain = Chain(genesis)
    chain.mine_empty(deposit_at - 1)
    Wallets(chain).deposit("alice", 10**18)
    chain.mine()
    chain.mine_empty(blocks - deposit_at)
    return chain
