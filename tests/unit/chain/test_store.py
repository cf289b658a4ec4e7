"""The file of a chain: what it takes, what it refuses, and what it does when the disk is full."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.devnet import ALICE, BOB, SERVER, DevnetNode
from tests.unit.chain.builders import add_deposit, deploy, sign_delegation
from tests.unit.chain.likeness import picture, standing
from ztdx_devnet.chain.building.reorgs import Reorg
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.devnet import Devnet
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.chain.origin.genesis import CHAIN_ID
from ztdx_devnet.chain.store.chain_file import FILE_NAME, FORMAT, ChainFile
from ztdx_devnet.live.chain_source import ChainSource, NoChain, open_chain

HEIDI = USERS["heidi"].address


def kept(directory: Path) -> tuple[Chain, ChainFile]:
    """A new chain that is kept there."""
    chain, file = Chain(), ChainFile(directory)
    file.create(chain, {"chain_id": CHAIN_ID})
    return chain, file


def loaded(directory: Path) -> Chain:
    """What is in the directory now."""
    file = ChainFile(directory)
    try:
        return file.load(CHAIN_ID)
    finally:
        file.close()


def eventful(chain: Chain) -> None:
    """A bit of everything."""
    add_deposit(chain, "alice", 7)
    chain.mine()
    deploy(chain, bytes.fromhex("60006000fd"))
    chain.mine_empty(1_000)
    chain.mine_empty(5)
    chain.mine_empty(3, None, 60)
    add_deposit(chain, "bob", 8)
    chain.mine()
    chain.reorg(Reorg(depth=2, delay_blocks=2, branch="side"))
    chain.edit_state(lambda state: state.set_balance_wei(HEIDI, 1))
    chain.edit_next_header(coinbase=HEIDI)
    chain.add(sign_delegation("carol", 0, "dave", 0))
    chain.set_finality(3, 6)
    chain.mine()
    chain.reorg(Reorg(depth=1, length=1, delay_blocks=5))  # what it held is held back now


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "state"


# --- round trips ----------------------------------------------------------------------------------


def test_a_chain_comes_back_as_it_was(directory: Path) -> None:
    chain, file = kept(directory)
    eventful(chain)
    file.close()
    assert picture(loaded(directory)) == picture(chain)


def test_a_chain_that_comes_back_builds_the_same_blocks(directory: Path) -> None:
    chain, file = kept(directory)
    eventful(chain)
    file.close()
    chain.on_act.clear()
    again = loaded(directory)
    again.on_act.clear()
    eventful_again(chain)
    eventful_again(again)
    assert picture(again) == picture(chain)


def eventful_again(chain: Chain) -> None:
    chain.reorg(Reorg(depth=900))
    add_deposit(chain, "erin", 1)
    chain.mine()
    chain.switch(next(b for b in chain.branches if b.name == "side").tip.hash)
    chain.mine_empty(2)


def test_nothing_is_written_that_was_there_already(directory: Path) -> None:
    chain, file = kept(directory)
    eventful(chain)
    file.close()
    file = ChainFile(directory)
    chain = file.load(CHAIN_ID)
    chain.mine_empty(1)
    written: list[str] = []
    file._connection.set_trace_callback(written.append)
    chain.mine_empty(1)
    file.close()
    inserted = [line.split("VALUES")[0] for line in written if line.startswith("INSERT INTO")]
    assert inserted == ["INSERT INTO run_hashes "]
    assert not any(line.startswith("DELETE") for line in written)


def test_a_reset_after_a_restart_forgets_what_was_built_before_it(directory: Path) -> None:
    chain, file = kept(directory)
    fresh = standing(chain)
    eventful(chain)
    file.close()
    file = ChainFile(directory)
    chain = file.load(CHAIN_ID)
    chain.reset()
    file.close()
    assert standing(chain) == fresh
    assert standing(loaded(directory)) == fresh
    with sqlite3.connect(directory / FILE_NAME) as raw:
        assert raw.execute("SELECT count(*) FROM node").fetchone() == (fresh["nodes"],)
    raw.close()


def test_a_run_that_a_revert_cut_back_is_as_short_in_the_file(directory: Path) -> None:
    chain, file = kept(directory)
    chain.mine_empty(10)
    chain.mine_empty(5)
    first = chain.snapshot()
    chain.mine_empty(100)
    chain.snapshot()
    chain.mine_empty(7)
    chain.revert(first)
    assert standing(loaded(copied(directory, 1))) == standing(chain)
    chain.mine_empty(3)
    assert picture(loaded(copied(directory, 2))) == picture(chain)
    file.close()


def copied(directory: Path, number: int) -> Path:
    """The file and its -wal as they are on the disk, without a close."""
    copy = directory / f"copy-{number}"
    copy.mkdir()
    for path in directory.glob(f"{FILE_NAME}*"):
        shutil.copy(path, copy)
    return copy


def test_what_a_miner_finds_invalid_is_gone_from_the_file_too(directory: Path) -> None:
    """A transaction that leaves the pool without a block, when no block is built."""
    chain, file = kept(directory)
    add_deposit(chain, "alice", 1)
    chain.edit_state(lambda state: state.set_nonce(USERS["alice"].address, 9))
    assert chain.mine_waiting(chain.next_timestamp_s()) is None
    assert len(chain.pool) == 0
    file.close()
    assert standing(loaded(directory)) == standing(chain)


def test_an_empty_file_is_a_new_one(directory: Path) -> None:
    ChainFile(directory).close()
    file = ChainFile(directory)
    assert file.is_empty
    file.close()


def test_a_process_that_is_killed_between_two_acts_left_the_first_one(directory: Path) -> None:
    chain, file = kept(directory)
    copies = []
    for number, act in enumerate((lambda: eventful(chain), chain.reset, lambda: eventful(chain))):
        act()
        copies.append((copied(directory, number), picture(chain)))
    for copy, expected in copies:
        assert picture(loaded(copy)) == expected
    file.close()


def test_a_branch_that_ends_where_another_does_keeps_its_name(directory: Path) -> None:
    """Two branches end in one block; each goes on and comes back; the file tells them apart."""
    chain, file = kept(directory)
    chain.mine_empty(5)
    main = chain.head.hash
    chain.rollback(2)
    chain.switch(main)
    chain.switch(chain.tree.at(3).hash)  # type: ignore[union-attr]
    chain.switch(main)
    chain.mine_empty(1)
    last = chain.head.hash
    chain.switch(main)
    chain.switch(last)
    file.close()
    again = loaded(directory)
    for each in (chain, again):
        each.on_act.clear()
        each.rollback(1)
        each.switch(last)
        each.rollback(2)
        each.switch(main)
    assert standing(again) == standing(chain)


# --- what it refuses ------------------------------------------------------------------------------


def refusal(directory: Path) -> str:
    """Why no chain can be opened there, which is one line."""
    with pytest.raises(NoChain) as caught:
        open_chain(ChainSource(state=directory))
    told = str(caught.value)
    assert "\n" not in told
    assert str(directory) in told
    return told


def test_a_second_process_is_refused(directory: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from ztdx_devnet.chain.store.chain_file import BadStore, ChainFile\n"
        "try: ChainFile(Path(sys.argv[1]))\n"
        "except BadStore as error: print(error)\n"
        "else: print('opened')\n"
    )

    def second() -> str:
        command = [sys.executable, "-c", script, str(directory)]
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()

    _, file = kept(directory)
    refused = f"{directory / FILE_NAME} is in use by another devnet; stop that one, or choose "
    assert second() == refused + "another directory"
    file.close()
    assert second() == "opened"


def a_file_in_its_place(directory: Path) -> None:
    directory.write_text("a file")


def a_directory_in_the_files_place(directory: Path) -> None:
    (directory / FILE_NAME).mkdir(parents=True)


def garbage(directory: Path) -> None:
    directory.mkdir()
    (directory / FILE_NAME).write_bytes(bytes(range(256)) * 100)


def another_program_s_file(directory: Path) -> None:
    directory.mkdir()
    raw = sqlite3.connect(directory / FILE_NAME)
    raw.execute("CREATE TABLE deposits (id INTEGER)")
    raw.close()


def another_application_id(directory: Path) -> None:
    kept(directory)[1].close()
    raw = sqlite3.connect(directory / FILE_NAME)
    raw.execute("PRAGMA application_id = 7")
    raw.close()


def a_newer_format(directory: Path) -> None:
    kept(directory)[1].close()
    raw = sqlite3.connect(directory / FILE_NAME)
    raw.execute(f"PRAGMA user_version = {FORMAT + 1}")
    raw.close()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (a_file_in_its_place, "exists"),
        (a_directory_in_the_files_place, "unable to open database file"),
        (garbage, "is not a chain's file"),
        (another_program_s_file, "is not a chain's file; choose another directory"),
        (another_application_id, "is not a chain's file; choose another directory"),
        (a_newer_format, f"has format {FORMAT + 1}, this devnet reads format {FORMAT}"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_no_chain_of_ours_is_refused_and_left_alone(
    directory: Path, make: Callable[[Path], None], told: str
) -> None:
    make(directory)
    path = directory if directory.is_file() else directory / FILE_NAME
    before = path.read_bytes() if path.is_file() else b""
    assert told in refusal(directory).lower().replace("ztdx", "") or told in refusal(directory)
    assert (path.read_bytes() if path.is_file() else b"") == before


@pytest.mark.parametrize("directory", [Path("/proc/state"), Path("/proc/self/fd")])
def test_a_directory_that_takes_no_file_is_refused(directory: Path) -> None:
    refusal(directory)


def statements_of_damage() -> Iterator[str]:
    yield "DELETE FROM about"
    yield "DELETE FROM about WHERE key = 'chain_id'"
    yield "DELETE FROM about WHERE key = 'position'"
    yield "UPDATE about SET value = '{' WHERE key = 'chain_id'"
    yield "UPDATE about SET value = '\"x\"' WHERE key = 'chain_id'"
    yield "UPDATE about SET value = '{}' WHERE key = 'position'"
    yield "UPDATE about SET value = 'null' WHERE key = 'position'"
    yield "UPDATE about SET value = '7' WHERE key = 'vault'"
    yield "UPDATE about SET value = json_set(value, '$.head[0]', 999) WHERE key = 'position'"
    yield "UPDATE about SET value = json_set(value, '$.head[0]', -1) WHERE key = 'position'"
    yield "UPDATE about SET value = json_set(value, '$.head[1]', 9999) WHERE key = 'position'"
    yield "UPDATE about SET value = json_set(value, '$.first_nodes', 1.5) WHERE key = 'position'"
    yield "UPDATE about SET value = json_set(value, '$.finality.x', 1) WHERE key = 'position'"
    yield "UPDATE about SET value = json_set(value, '$.tips', 1) WHERE key = 'position'"
    yield "DELETE FROM segment WHERE id = 0"
    yield "DELETE FROM segment WHERE id = 2"
    yield "DELETE FROM segment WHERE id = (SELECT max(id) FROM segment)"
    yield "UPDATE segment SET header = x'c0'"
    yield "UPDATE segment SET header = x'80' WHERE id = 1"
    yield "UPDATE segment SET header = substr(header, 2) WHERE id = 3"
    yield "UPDATE segment SET header = 7 WHERE id = 3"
    yield "UPDATE segment SET receipts = x'c180' WHERE receipts IS NOT NULL"
    yield "UPDATE segment SET receipts = x'80' WHERE receipts IS NOT NULL"
    yield "UPDATE segment SET receipts = NULL WHERE id = 1"
    yield "UPDATE segment SET parent = NULL WHERE id = 3"
    yield "UPDATE segment SET parent = 99 WHERE id = 3"
    yield "UPDATE segment SET parent_offset = 99999 WHERE id > 0"
    yield "UPDATE segment SET parent_offset = 'x' WHERE id > 0"
    yield "UPDATE segment SET parent = id WHERE id = 4"
    yield "DELETE FROM run_hashes"
    yield "UPDATE run_hashes SET hashes = substr(hashes, 2)"
    yield "UPDATE run_hashes SET hashes = substr(hashes, 1, 33)"
    yield "UPDATE run_hashes SET hashes = zeroblob(length(hashes))"
    yield "DELETE FROM node"
    yield "DELETE FROM node WHERE seq % 2"
    yield "UPDATE node SET content = x'c0'"
    yield "UPDATE waiting SET entry = x'c0'"
    yield "UPDATE waiting SET entry = x''"
    yield "INSERT INTO waiting SELECT position + 100, entry FROM waiting"
    yield "UPDATE patch SET fields = '{\"x\": 1}'"
    yield "UPDATE patch SET fields = '[]'"
    yield 'UPDATE patch SET fields = \'{"state_root": "zz"}\''
    yield "UPDATE patch SET fields = '{\"state_root\": 7}'"
    yield "DROP TABLE patch"
    yield "DROP TABLE segment"
    yield "DROP TABLE about"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an eventful chain and a transaction that waits."""
    directory = tmp_path_factory.mktemp("sound")
    opened = open_chain(ChainSource(state=directory))
    assert opened.file is not None
    eventful(opened.chain)
    add_deposit(opened.chain, "frank", 1)
    opened.file.close()
    return directory


@pytest.mark.parametrize("statement", list(statements_of_damage()))
def test_a_damaged_file_is_refused_in_one_line(sound: Path, tmp_path: Path, statement: str) -> None:
    shutil.copy(sound / FILE_NAME, tmp_path)
    raw = sqlite3.connect(tmp_path / FILE_NAME)
    raw.execute(statement)
    raw.commit()
    raw.close()
    assert "is damaged" in refusal(tmp_path)


@pytest.mark.parametrize("left", [0.0, 0.01, 0.3, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_refused(sound: Path, tmp_path: Path, left: float) -> None:
    content = (sound / FILE_NAME).read_bytes()
    (tmp_path / FILE_NAME).write_bytes(content[: int(len(content) * left)])
    if left:
        refusal(tmp_path)
    else:  # that is a file which was just created
        file = open_chain(ChainSource(state=tmp_path)).file
        assert file is not None
        file.close()


def test_a_refused_directory_is_free_again(directory: Path) -> None:
    """What refuses it holds no lock on it."""
    file = open_chain(ChainSource(state=directory)).file
    assert file is not None
    file.close()
    with pytest.raises(NoChain, match="holds chain 97") as caught:
        open_chain(ChainSource(state=directory, chain_id=5))
    with pytest.raises(NoChain, match="has its contracts already"):
        open_chain(ChainSource(state=directory, addresses="deployed"))
    del caught
    file = open_chain(ChainSource(state=directory)).file
    assert file is not None
    file.close()


# --- a full disk ----------------------------------------------------------------------------------


class FullDisk:
    """A devnet whose file can't grow until there is `room` again."""

    def __init__(self, directory: Path) -> None:
        chain, self.file = kept(directory)
        self.devnet = DevnetNode(Devnet(chain), automine=False)
        self.chain = chain
        self.devnet.ask("anvil_mine", "0x2")
        self.devnet.ask("anvil_setCoinbase", BOB)
        self.devnet.ask("evm_mine")
        connection = self.file._connection
        (self.pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {self.pages}")

    def room(self) -> None:
        self.file._connection.execute("PRAGMA max_page_count = 1000000")

    def refuse(self, method: str, *params: Any) -> None:
        code, message = self.devnet.fail(method, *params)
        assert code == SERVER
        assert message == f"{self.file.path} can't be written: database or disk is full"


@pytest.fixture
def full_disk(directory: Path) -> Iterator[FullDisk]:
    disk = FullDisk(directory)
    yield disk
    disk.file.close()


def test_on_a_full_disk_the_chain_goes_on_in_memory(full_disk: FullDisk, directory: Path) -> None:
    devnet = full_disk.devnet
    before = standing(full_disk.chain)
    full_disk.refuse("anvil_mine", hex(5_000))
    assert devnet.height() == 5_003
    full_disk.refuse("eth_sendTransaction", {"from": ALICE, "to": BOB, "gas": hex(21_000)})
    assert len(devnet.waiting()) == 1
    full_disk.refuse("devnet_reorg", {"depth": 2})
    full_disk.refuse("anvil_setBalance", ALICE, hex(10**20))
    assert devnet.height() == 5_004
    full_disk.file.close()
    assert standing(loaded(directory)) == before


def test_the_next_save_that_works_writes_everything(full_disk: FullDisk, directory: Path) -> None:
    full_disk.refuse("anvil_mine", hex(5_000))
    full_disk.refuse("eth_sendTransaction", {"from": ALICE, "to": BOB, "gas": hex(21_000)})
    full_disk.room()
    full_disk.devnet.ask("devnet_setFinality", 1, 2)
    full_disk.devnet.ask("evm_mine")
    full_disk.file.close()
    assert picture(loaded(directory)) == picture(full_disk.chain)


def test_a_revert_that_can_t_be_saved_uses_its_snapshots_up(
    full_disk: FullDisk, directory: Path
) -> None:
    devnet = full_disk.devnet
    first = devnet.ask("evm_snapshot")
    full_disk.refuse("anvil_mine", hex(5_000))
    second = devnet.ask("evm_snapshot")
    full_disk.file._connection.execute("PRAGMA query_only = ON")  # however small it is
    assert "can't be written" in devnet.fail("evm_revert", first)[1]
    full_disk.file._connection.execute("PRAGMA query_only = OFF")
    assert devnet.height() == 3
    assert devnet.ask("evm_revert", second) is False
    assert devnet.ask("evm_revert", first) is False
    full_disk.room()
    devnet.ask("evm_mine")
    full_disk.file.close()
    assert picture(loaded(directory)) == picture(full_disk.chain)


def test_a_reset_that_can_t_be_saved_uses_the_snapshots_up(full_disk: FullDisk) -> None:
    devnet = full_disk.devnet
    moment = devnet.ask("evm_snapshot")
    full_disk.file._connection.execute("PRAGMA query_only = ON")
    assert "can't be written" in devnet.fail("anvil_reset")[1]
    full_disk.file._connection.execute("PRAGMA query_only = OFF")
    assert devnet.height() == 0
    assert devnet.ask("evm_revert", moment) is False
    devnet.ask("evm_mine")
    assert devnet.height() == 1


def test_a_load_that_can_t_be_saved_has_happened(full_disk: FullDisk, directory: Path) -> None:
    other = DevnetNode(automine=False)
    other.ask("anvil_mine", hex(7_000))
    state = other.ask("anvil_dumpState")
    full_disk.refuse("anvil_loadState", state)
    assert full_disk.devnet.height() == 7_000
    full_disk.room()
    full_disk.devnet.ask("evm_mine")
    full_disk.file.close()
    assert standing(loaded(directory)) == standing(full_disk.chain)
