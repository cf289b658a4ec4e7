"""Dumps: the same bytes for the same chain, and a chain that goes on as the dumped one."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.devnet import ALICE, BOB, CAROL, NOBODY, SERVER, VAULT, DevnetNode
from tests.conformance.devnet import PARAMS as INVALID_PARAMS
from tests.unit.chain.builders import add_deposit, deploy, sign, sign_delegation
from tests.unit.chain.likeness import picture, standing
from ztdx_devnet.chain.building.reorgs import Reorg
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.devnet import Devnet
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.chain.origin.genesis import CHAIN_ID, TIMESTAMP_S, build, template
from ztdx_devnet.chain.rpc.errors import RpcError
from ztdx_devnet.chain.rpc.node import node_of
from ztdx_devnet.chain.signing import Unsigned, impersonate
from ztdx_devnet.chain.store import dump as dumps
from ztdx_devnet.chain.store.chain_file import ChainFile
from ztdx_devnet.chain.store.dump import BadDump, dump, load
from ztdx_devnet.chain.store.packing import pack, unpack

MAGIC = b"ztdx-devnet state 1\n"
NO_KEY = bytes.fromhex(NOBODY[2:])


def eventful() -> Chain:
    """All kinds of transactions, blocks, branches and edits; some transactions wait."""
    chain = Chain()
    chain.edit_state(lambda state: state.set_balance_wei(NO_KEY, 10**20))
    add_deposit(chain, "alice", 7)
    chain.add(impersonated(0))
    chain.add(sign_delegation("carol", 0, "dave", 0))
    chain.mine()
    deploy(chain, bytes.fromhex("60006000fd"))
    chain.mine_empty(1_000)
    for price_wei in range(5):
        chain.mine_empty(1, None, 60)
        chain.edit_next_header(base_fee_wei=price_wei)
    add_deposit(chain, "bob", 8)
    chain.mine()
    chain.reorg(Reorg(depth=1, length=1, delay_blocks=5, drop=frozenset(last(chain)[:1])))
    chain.reorg(Reorg(depth=2, delay_blocks=2, branch="side \ud800"))
    chain.edit_next_header(coinbase=NO_KEY, base_fee_wei=7)
    chain.edit_state(lambda state: state.set_storage(NO_KEY, 1, 2))
    chain.add(sign_delegation("carol", 1, "frank", 0))
    chain.add(impersonated(1))
    chain.add(sign("erin", 5))
    chain.set_finality(3, 6)
    return chain


def last(chain: Chain) -> list[bytes]:
    return [receipt.transaction.hash for receipt in chain.head.receipts]


def impersonated(nonce: int) -> Any:
    unsigned = Unsigned(
        chain_id=CHAIN_ID, nonce=nonce, to=NO_KEY, gas=21_000, max_fee_wei=10**10, tip_wei=1
    )
    return impersonate(unsigned, NO_KEY)


def packed(content: bytes) -> bytes:
    return MAGIC + zlib.compress(content)


def unpacked(raw: bytes) -> bytes:
    return zlib.decompress(raw.removeprefix(MAGIC))


DUMP = dump(eventful())


# --- the same bytes -------------------------------------------------------------------------------


def test_the_same_chain_is_the_same_bytes_in_every_process() -> None:
    script = (
        "import hashlib; from tests.unit.chain.test_dump import DUMP; "
        "print(hashlib.sha256(DUMP).hexdigest())"
    )
    for seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", script]
        told = subprocess.run(
            command, capture_output=True, check=True, text=True, env=environment
        ).stdout.strip()
        assert told == hashlib.sha256(DUMP).hexdigest()


def test_a_loaded_chain_is_the_dumped_one_and_dumps_the_same() -> None:
    chain, loaded = eventful(), Chain()
    load(loaded, DUMP)
    assert picture(loaded) == picture(chain)
    assert dump(loaded) == DUMP == dump(chain)


def test_a_chain_that_was_kept_in_a_file_dumps_the_same(tmp_path: Path) -> None:
    file, chain = ChainFile(tmp_path), eventful()
    file.create(chain, {})
    file.close()
    file = ChainFile(tmp_path)
    assert dump(file.load(CHAIN_ID)) == DUMP
    file.close()


def test_to_dump_changes_nothing() -> None:
    chain = eventful()
    before = picture(chain)
    dump(chain)
    assert picture(chain) == before


def test_a_long_run_takes_no_room_and_keeps_its_hashes() -> None:
    chain, loaded = Chain(), Chain()
    short = len(dump(chain))
    chain.mine_empty(100_000)
    raw = dump(chain)
    assert len(raw) < short + 1_000
    load(loaded, raw)
    assert loaded.height == 100_000
    for number in (1, 2, 50_000, 100_000):
        place = loaded.tree.at(number)
        assert place is not None
        assert place == loaded.tree.by_hash(chain.tree.at(number).hash)  # type: ignore[union-attr]


# --- to load --------------------------------------------------------------------------------------


def test_what_was_there_is_replaced() -> None:
    chain = Chain()
    chain.mine_empty(2_000)
    chain.set_min_gas_price(5)
    chain.add(sign("bob", 0))
    moment = chain.snapshot()
    gone = chain.head.hash
    load(chain, DUMP)
    assert picture(chain) == picture(eventful())
    assert chain.tree.by_hash(gone) is None
    assert not chain.revert(moment)


def test_a_loaded_chain_goes_on_with_the_same_hashes() -> None:
    chain, loaded = eventful(), Chain()
    load(loaded, DUMP)
    for each in (chain, loaded):
        each.mine()
        each.reorg(Reorg(depth=3))
        add_deposit(each, "grace", 3)
        each.mine()
        each.mine_empty(10)
        each.switch(next(b for b in each.branches if b.name == "main").tip.hash)
        moment = each.snapshot()
        each.mine_empty(7)
        assert each.revert(moment)
    assert picture(loaded) == picture(chain)
    assert dump(loaded) == dump(chain)
    for each in (chain, loaded):
        each.reset()
    assert dump(loaded) == dump(chain) == dump(Chain())


def test_a_load_is_stored_in_one_transaction(tmp_path: Path) -> None:
    file, chain = ChainFile(tmp_path), Chain()
    file.create(chain, {})
    chain.mine_empty(10)
    statements: list[str] = []
    file._connection.set_trace_callback(statements.append)
    load(chain, DUMP)
    assert statements.count("COMMIT") == 1
    chain.mine()
    chain.mine_empty(4)
    assert statements.count("COMMIT") == 3
    file.close()
    file = ChainFile(tmp_path)
    assert picture(file.load(CHAIN_ID)) == picture(chain)
    file.close()


def test_over_json_rpc_a_dump_is_hex_and_clients_are_not_told() -> None:
    source, target = DevnetNode(), DevnetNode()
    source.deposit("alice", 5)
    created = source.send(to=None, data="0x6001600055", gas=100_000)
    target.ask("eth_subscribe", "newHeads")
    filters = [target.ask("eth_newBlockFilter"), target.ask("eth_newFilter", {})]
    target.ask("evm_increaseTime", 1_000)
    target.ask("evm_mine")
    for each in filters:
        target.ask("eth_getFilterChanges", each)
    target.pushed()
    state = source.ask("anvil_dumpState")
    assert state == source.ask("hardhat_dumpState")
    assert target.ask("anvil_loadState", state) is True
    assert target.pushed() == []
    assert [target.ask("eth_getFilterChanges", each) for each in filters] == [[], []]
    assert target.head() == source.head()
    assert target.receipt(created) == source.receipt(created)
    logs = {"fromBlock": "0x0", "address": VAULT}
    assert target.ask("eth_getLogs", logs) == source.ask("eth_getLogs", logs) != []
    assert target.ask("anvil_dumpState") == state
    assert target.send(BOB, CAROL, value=1) == source.send(BOB, CAROL, value=1)
    assert target.head() == source.head()
    assert [len(target.ask("eth_getFilterChanges", each)) for each in filters] == [1, 0]


def test_a_filter_s_waiting_changes_survive_a_load() -> None:
    """They were true when they were noted; to ask for them must not fail."""
    node = DevnetNode()
    number, state = node.ask("eth_newBlockFilter"), node.ask("anvil_dumpState")
    node.ask("anvil_mine", "0x5")
    node.deposit("alice", 5)
    node.ask("anvil_loadState", state)
    assert len(node.ask("eth_getFilterChanges", number)) == 7


# --- what is no dump ------------------------------------------------------------------------------


def refused(raw: bytes) -> str:
    """Why; and nothing has changed."""
    chain = Chain()
    add_deposit(chain, "alice", 1)
    chain.mine()
    before = standing(chain)
    with pytest.raises(BadDump) as caught:
        load(chain, raw)
    assert standing(chain) == before
    return str(caught.value)


def edited(change: Callable[[Any, list[Any]], None]) -> bytes:
    """The dump with its JSON and its lists changed: segments, nodes, waiting transactions."""
    about_json, segments, nodes, waiting = unpack(unpacked(DUMP))
    flat = unpack(nodes)
    lists: list[Any] = [
        [unpack(segment) for segment in unpack(segments)],
        [list(pair) for pair in zip(flat[::2], flat[1::2], strict=True)],
        unpack(waiting),
    ]
    about = json.loads(about_json)
    change(about, lists)
    packers: list[Callable[[Any], bytes]] = [
        lambda segments: pack(map(pack, segments)),
        lambda pairs: pack(item for pair in pairs for item in pair),
        pack,
    ]
    parts = [packer(part) for packer, part in zip(packers, lists, strict=False)]
    return packed(pack([json.dumps(about).encode(), *parts, *lists[3:]]))


def test_the_edited_dump_is_the_dump_when_nothing_is_edited() -> None:
    assert edited(lambda _about, _lists: None) == DUMP


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "not a state dump of ztdx-devnet"),
        (b"{}", "not a state dump of ztdx-devnet"),
        (MAGIC, "cut short"),
        (MAGIC + b"\x00", "cut short"),
        (MAGIC + b"\x00" * 9, "damaged"),
        (DUMP[:-1], "cut short"),
        (DUMP[: len(DUMP) // 2], "cut short"),
        (DUMP.replace(b"state 1", b"state 2", 1), "not a state dump of ztdx-devnet"),
        (packed(b""), "damaged"),
        (packed(b"\xc0"), "damaged"),
        (packed(b"\xc1" * 100_000), "damaged"),
    ],
    ids=range(11),
)
def test_other_bytes_are_refused(raw: bytes, told: str) -> None:
    assert told in refused(raw)


def test_a_long_forged_list_is_refused_in_linear_time() -> None:
    about_json, *_ = unpack(unpacked(DUMP))
    many = bytes(4 * 5_000_000)  # five million empty items, 20 kB packed
    assert "damaged" in refused(packed(pack([about_json, many, many, b""])))


def test_a_dump_of_another_chain_id_is_refused() -> None:
    other = dump(Chain(template(5, TIMESTAMP_S)))
    assert refused(other) == "the dump is of chain 5, this is 97"


def test_a_dump_of_another_genesis_is_taken_whole() -> None:
    """The chain is then the dumped one, its genesis included."""
    other, chain = Chain(build(CHAIN_ID, TIMESTAMP_S, addresses="deployed")), Chain()
    other.mine_empty(3)
    load(chain, dump(other))
    assert picture(chain) == picture(other)


def test_a_dump_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dumps, "_MAX_BYTES", 2**16)
    bomb = MAGIC + zlib.compress(bytes(2**24))
    assert len(bomb) < 2**16
    assert "cut short, or longer than 65536 bytes unpacked" in refused(bomb)


EDITS: list[Callable[[Any, list[Any]], None]] = [
    lambda about, _: about.pop("position"),
    lambda about, _: about.update(patches=None),
    lambda about, _: about.update(patches=[]),
    lambda about, _: about.update(patches={"00": {}}),
    lambda about, _: about.update(patches={"00" * 32: {"state_root": "11" * 32}}),
    lambda about, _: about.update(patches={"00" * 32: {"coinbase": "11"}}),
    lambda about, _: about.update(patches={"00" * 32: {"gas_limit": -1}}),
    lambda about, _: about.update(patches={"00" * 32: {"gas_limit": 1.5}}),
    lambda about, _: about.update(patches={"00" * 32: {"x": 1}}),
    lambda about, _: about["position"].update(head=[0, 1]),
    lambda about, _: about["position"].update(head=[-1, 0]),
    lambda about, _: about["position"].update(head=[10**9, 0]),
    lambda about, _: about["position"].update(head=[2]),
    lambda about, _: about["position"].update(head="x"),
    lambda about, _: about["position"].update(current_branch="nowhere"),
    lambda about, _: about["position"].update(tips={}),
    lambda about, _: about["position"].update(finality={"safe_depth": "1"}),
    lambda about, _: about["position"].update(finality={"safe_number": 10**9}),
    lambda about, _: about["position"].update(opened_branches=None),
    lambda about, _: about["position"].update(opened_branches=-1),
    lambda about, _: about["position"].update(min_gas_price_wei="1"),
    lambda about, _: about["position"].update(first_nodes=10**9),
    lambda about, _: about["position"].update(first_nodes=-1),
    lambda about, _: about["position"].update(more=1),
    lambda _, lists: lists[0].clear(),
    lambda _, lists: lists[0].pop(0),
    lambda _, lists: lists[0].pop(1),
    lambda _, lists: lists[0].reverse(),
    lambda _, lists: lists[0][1].__setitem__(1, pack([b"\x01", b""])),
    lambda _, lists: lists[0][1].__setitem__(1, pack([b"", b"\x01"])),
    lambda _, lists: lists[0][1].__setitem__(1, b"\x01"),
    lambda _, lists: lists[0].__setitem__(0, lists[0][1]),
    lambda _, lists: lists[0].__setitem__(1, lists[0][2]),
    lambda _, lists: [s.__setitem__(2, b"") for s in lists[0] if len(s) == 4],
    lambda _, lists: [s.__setitem__(3, b"") for s in lists[0] if len(s) == 4],
    lambda _, lists: [s.__setitem__(3, b"\xff" * 40) for s in lists[0] if len(s) == 4],
    lambda _, lists: [s.append(b"") for s in lists[0]],
    lambda _, lists: lists[1].clear(),
    lambda _, lists: lists[1][0].__setitem__(0, b"\x00" * 32),
    lambda _, lists: lists[1][0].__setitem__(1, b"\x00"),
    lambda _, lists: lists[2].append(lists[2][0]),
    lambda _, lists: lists[2].append(b"\xc0"),
    lambda _, lists: lists.append(b""),
    lambda _, lists: lists.pop(),
]


@pytest.mark.parametrize("number", range(len(EDITS)))
def test_a_dump_whose_parts_make_no_chain_is_refused(number: int) -> None:
    assert "damaged" in refused(edited(EDITS[number]))


def test_over_json_rpc_a_bad_dump_is_a_documented_error() -> None:
    node = DevnetNode()
    node.deposit("alice", 1)
    head = node.head()
    for state in ("0x", "0x1234", "0x" + DUMP[:-20].hex()):
        assert node.fail("anvil_loadState", state)[0] == SERVER
    for state in (None, 7, {}, "{}", "0x1", "0xzz"):
        assert node.fail("anvil_loadState", state)[0] == INVALID_PARAMS
    assert node.head() == head


@given(st.data())
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
def test_bytes_that_changed_on_the_way_are_found(data: st.DataObject) -> None:
    """The packed bytes carry a checksum."""
    raw = bytearray(DUMP)
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(raw) - 1))
        raw[position] ^= data.draw(st.integers(1, 255))
    if bytes(raw) != DUMP:
        refused(bytes(raw))


@given(st.data())
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_a_forged_dump_is_refused_or_makes_a_chain_that_answers(data: st.DataObject) -> None:
    """What somebody changed and packed again, checksum and all."""
    raw = bytearray(unpacked(DUMP))
    for _ in range(data.draw(st.integers(1, 2))):
        position = data.draw(st.integers(0, len(raw) - 1))
        raw[position] ^= 1 << data.draw(st.integers(0, 7))
    chain = Chain()
    before = standing(chain)
    try:
        load(chain, packed(bytes(raw)))
    except BadDump:
        assert standing(chain) == before
        return
    answers(chain)


def answers(chain: Chain) -> None:
    """Whatever it holds, to read it and to build on it raises nothing but documented errors."""
    picture(chain)
    node = node_of(Devnet(chain))
    requests: list[tuple[str, list[Any]]] = [
        ("txpool_content", []),
        ("eth_getBalance", [ALICE, "latest"]),
        ("eth_getBalance", [USERS["bob"].address_hex, "pending"]),
        ("eth_getStorageAt", [VAULT, "0x0", "latest"]),
        ("eth_getProof", [VAULT, ["0x0"], "latest"]),
        ("eth_getTransactionCount", [ALICE, "pending"]),
        ("eth_feeHistory", ["0xa", "latest", [50]]),
        ("eth_getBlockByNumber", ["safe", True]),
        ("eth_getBlockByNumber", ["finalized", True]),
        ("evm_mine", []),
        ("devnet_reorg", [{"depth": 3}]),
        ("devnet_switchBranch", ["main"]),
        ("anvil_mine", ["0x3"]),
        ("anvil_dumpState", []),
        ("anvil_reset", []),
    ]
    for method, params in requests:
        with suppress(RpcError):
            node.call(method, params)
