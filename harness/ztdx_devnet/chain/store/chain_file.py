"""The file of one chain under `--state DIR`: SQLite, one transaction for each act of the chain.

What a client was answered is in the file, whatever kills the process next. The file is locked for
as long as a chain is on it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ztdx_devnet.chain.blocktree.blocks import EmptyRun, ExecutedBlock, Place, Segment
from ztdx_devnet.chain.blocktree.patches import Patch
from ztdx_devnet.chain.blocktree.tree import BlockTree
from ztdx_devnet.chain.building.pool import Waiting
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.errors import ChainError
from ztdx_devnet.chain.evm.execution import Execution
from ztdx_devnet.chain.image import ChainImage
from ztdx_devnet.chain.origin.genesis import Genesis
from ztdx_devnet.chain.store import records
from ztdx_devnet.chain.store.soundness import refuse_unsound

FILE_NAME = "chain.sqlite3"
FORMAT = 1
_APPLICATION_ID = 0x7A746478  # "ztdx"
_SCHEMA = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE node (seq INTEGER PRIMARY KEY, hash BLOB NOT NULL, content BLOB NOT NULL);
CREATE TABLE segment (
  id INTEGER PRIMARY KEY,
  parent INTEGER, parent_offset INTEGER,
  header BLOB NOT NULL,
  receipts BLOB,                     -- of an executed block
  interval_s INTEGER                 -- of a run
);
CREATE TABLE run_hashes (run INTEGER NOT NULL, first_offset INTEGER NOT NULL, hashes BLOB NOT NULL,
  PRIMARY KEY (run, first_offset)) WITHOUT ROWID;
CREATE TABLE waiting (position INTEGER PRIMARY KEY, entry BLOB NOT NULL);
CREATE TABLE patch (block BLOB PRIMARY KEY, fields TEXT NOT NULL) WITHOUT ROWID;
"""


class NotSaved(ChainError):
    """The act is done, but not in the file: the disk is full, or the file was taken away."""

    code = "NOT_SAVED"


class BadStore(Exception):
    """The directory holds no chain that can be used; the message says why and what to do."""


class ChainFile:
    """The open file. `about` is what its maker wrote of the chain: chain id, addresses."""

    def __init__(self, directory: Path) -> None:
        """Open or create it. Raises BadStore."""
        self.path = directory / FILE_NAME
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, isolation_level=None, timeout=0)
            self._open()
        except OSError as error:
            raise BadStore(f"{directory}: {error.strerror or error}") from error
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise BadStore(
                    f"{self.path} is in use by another devnet; stop that one, or choose another "
                    "directory"
                ) from error
            raise BadStore(f"{self.path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise BadStore(f"{self.path} is not a chain's file: {error}") from error
        self._tree: BlockTree | None = None
        self._ids: dict[Segment, int] = {}
        self._counts: dict[Segment, int] = {}
        # The chain's own nodes have the seqs from `_first_node` up; what it began with is below.
        self._first_node = 0
        self._nodes_saved = 0
        self._waiting_saved: list[Waiting] = []
        self._patches_saved: tuple[int, int] = (0, 0)

    @property
    def about(self) -> dict[str, Any]:
        """Raises BadStore."""
        try:
            rows = self._connection.execute("SELECT key, value FROM about")
            return {key: json.loads(value) for key, value in rows}
        except (sqlite3.DatabaseError, ValueError, TypeError) as error:
            raise self._damaged(error) from error

    @property
    def is_empty(self) -> bool:
        """Whether no chain was created in it yet. Raises BadStore."""
        try:
            query = "SELECT 1 FROM about UNION SELECT 1 FROM segment LIMIT 1"
            found = self._connection.execute(query).fetchone()
        except sqlite3.DatabaseError as error:
            raise self._damaged(error) from error
        return found is None

    def _damaged(self, error: Exception) -> BadStore:
        told = f"{error!r:.200}".replace("\n", " ")
        return BadStore(f"{self.path} is damaged ({told}); choose another directory")

    def create(self, chain: Chain, about: dict[str, Any]) -> None:
        """Write a new chain, and what is to be known of it, and follow it."""
        with self._transaction():
            self._write_about(about)
            self._rewrite(chain)
        self._follow(chain)

    def load(self, chain_id: int) -> Chain:
        """The chain that the file holds, which it follows from now on. Raises BadStore."""
        try:
            image = self._read()
            refuse_unsound(image)
        except Exception as error:  # whatever a decoder meets in bytes that somebody changed
            raise self._damaged(error) from error
        chain = Chain(Genesis(image.segments[0].header_at(0), Execution(chain_id)))
        chain.load(image)
        self._remember(chain)
        self._follow(chain)
        return chain

    def close(self) -> None:
        self._connection.close()

    # --- writing -------------------------------------------------------------------------------

    def _follow(self, chain: Chain) -> None:
        chain.on_act.append(lambda: self._save(chain))

    def _save(self, chain: Chain) -> None:
        """Write what the last act changed. Raises NotSaved; the next save then writes all."""
        try:
            with self._transaction():
                if chain.tree is self._tree:
                    self._write_changes(chain)
                else:  # another chain was loaded in its place, or the last save failed
                    self._rewrite(chain)
        except sqlite3.Error as error:
            self._tree = None
            raise NotSaved(f"{self.path} can't be written: {error}") from error

    def _rewrite(self, chain: Chain) -> None:
        for table in ("node", "segment", "run_hashes", "waiting", "patch"):
            self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
        self._tree = chain.tree
        self._ids, self._counts = {}, {}
        self._nodes_saved, self._waiting_saved = 0, []
        self._patches_saved = (-1, -1)
        added = set(chain.execution.nodes.added)
        first = [(h, c) for h, c in chain.execution.nodes.kv_store.items() if h not in added]
        self._connection.executemany(
            "INSERT INTO node VALUES (?, ?, ?)", ((seq, *pair) for seq, pair in enumerate(first))
        )
        self._first_node = len(first)
        self._write_changes(chain)

    def _write_changes(self, chain: Chain) -> None:
        self._write_nodes(chain)
        self._write_segments(chain.tree)
        self._write_waiting(list(chain.pool))
        if self._patches_saved != (patches_saved := (id(chain.patches), chain.patches.version)):
            self._patches_saved = patches_saved
            self._write_patches(chain.patches.items())
        self._write_about({"position": records.encode_position(chain, self._ids)})

    def _write_nodes(self, chain: Chain) -> None:
        nodes = chain.execution.nodes
        if len(nodes.added) < self._nodes_saved:
            self._nodes_saved = len(nodes.added)
            end = self._first_node + self._nodes_saved
            self._connection.execute("DELETE FROM node WHERE seq >= ?", (end,))
        new = nodes.added[self._nodes_saved :]
        start = self._first_node + self._nodes_saved
        self._connection.executemany(
            "INSERT INTO node VALUES (?, ?, ?)",
            ((start + i, key, nodes.kv_store[key]) for i, key in enumerate(new)),
        )
        self._nodes_saved = len(nodes.added)

    def _write_segments(self, tree: BlockTree) -> None:
        if len(tree.segments) < len(self._ids):
            self._forget_segments(len(tree.segments))
        for segment in tree.segments[len(self._ids) :]:
            self._insert(segment)
        for run in tree.take_changed_runs():
            if run in self._ids:
                self._write_hashes(run)

    def _forget_segments(self, first_id: int) -> None:
        self._connection.execute("DELETE FROM segment WHERE id >= ?", (first_id,))
        self._connection.execute("DELETE FROM run_hashes WHERE run >= ?", (first_id,))
        for segment in [s for s, number in self._ids.items() if number >= first_id]:
            del self._ids[segment]
            self._counts.pop(segment, None)

    def _insert(self, segment: Segment) -> None:
        number = self._ids[segment] = len(self._ids)
        parent = segment.parent
        executed = segment if isinstance(segment, ExecutedBlock) else None
        self._connection.execute(
            "INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?)",
            (
                number,
                None if parent is None else self._ids[parent.segment],
                None if parent is None else parent.offset,
                records.encode_header(segment.header_at(0)),
                None if executed is None else records.encode_receipts(executed.receipts),
                segment.headers.interval_s if isinstance(segment, EmptyRun) else None,
            ),
        )
        if isinstance(segment, EmptyRun):
            self._write_hashes(segment)

    def _write_hashes(self, run: EmptyRun) -> None:
        saved, number = self._counts.get(run, 0), self._ids[run]
        if run.count < saved:
            self._connection.execute("DELETE FROM run_hashes WHERE run = ?", (number,))
            saved = 0
        if run.count > saved:
            self._connection.execute(
                "INSERT INTO run_hashes VALUES (?, ?, ?)",
                (number, saved, b"".join(run.headers.hashes[saved:])),
            )
        self._counts[run] = run.count

    def _write_waiting(self, waiting: list[Waiting]) -> None:
        kept = len(self._waiting_saved)
        if waiting[:kept] != self._waiting_saved:
            self._connection.execute("DELETE FROM waiting")
            kept = 0
        self._connection.executemany(
            "INSERT INTO waiting VALUES (?, ?)",
            ((kept + i, records.encode_waiting(each)) for i, each in enumerate(waiting[kept:])),
        )
        self._waiting_saved = waiting

    def _write_patches(self, patches: dict[bytes, Patch]) -> None:
        self._connection.execute("DELETE FROM patch")
        self._connection.executemany(
            "INSERT INTO patch VALUES (?, ?)",
            ((block, json.dumps(records.encode_patch(patch))) for block, patch in patches.items()),
        )

    def _write_about(self, about: dict[str, Any]) -> None:
        self._connection.executemany(
            "INSERT OR REPLACE INTO about VALUES (?, ?)",
            ((key, json.dumps(value)) for key, value in about.items()),
        )

    # --- reading -------------------------------------------------------------------------------

    def _read(self) -> ChainImage:
        execute = self._connection.execute
        hashes: dict[int, bytearray] = {}
        for number, part in execute(
            "SELECT run, hashes FROM run_hashes ORDER BY run, first_offset"
        ):
            hashes.setdefault(number, bytearray()).extend(part)
        segments: list[Segment] = []
        for number, parent_id, offset, header, receipts, interval_s in execute(
            "SELECT id, parent, parent_offset, header, receipts, interval_s"
            " FROM segment ORDER BY id"
        ):
            parent = None if parent_id is None else Place(segments[parent_id], offset)
            if receipts is not None:
                segments.append(records.restore_block(parent, header, receipts))
            else:
                assert parent is not None
                run_hashes = bytes(hashes[number])
                segments.append(records.restore_run(parent, header, interval_s, run_hashes))
        return ChainImage(
            segments=segments,
            nodes=dict(execute("SELECT hash, content FROM node ORDER BY seq")),
            waiting=[
                records.decode_waiting(entry)
                for (entry,) in execute("SELECT entry FROM waiting ORDER BY position")
            ],
            patches={
                block: records.decode_patch(json.loads(fields))
                for block, fields in execute("SELECT block, fields FROM patch")
            },
            **records.decode_position(self.about["position"], segments),
        )

    def _remember(self, chain: Chain) -> None:
        """What was just loaded is what is saved."""
        self._tree = chain.tree
        self._ids = {segment: i for i, segment in enumerate(chain.tree.segments)}
        self._counts = {s: s.count for s in chain.tree.segments if isinstance(s, EmptyRun)}
        chain.tree.take_changed_runs()
        nodes = chain.execution.nodes
        self._first_node = len(nodes.kv_store) - len(nodes.added)
        self._nodes_saved = len(nodes.added)
        self._waiting_saved = list(chain.pool)
        self._patches_saved = (id(chain.patches), chain.patches.version)

    # --- the file ------------------------------------------------------------------------------

    def _open(self) -> None:
        execute = self._connection.execute
        execute("PRAGMA locking_mode = EXCLUSIVE")
        with self._transaction():  # takes the lock
            (tables,) = execute("SELECT count(*) FROM sqlite_schema").fetchone()
            if tables == 0:
                for statement in _SCHEMA.split(";\n"):
                    execute(statement)
                execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                execute(f"PRAGMA user_version = {FORMAT}")
            (application,) = execute("PRAGMA application_id").fetchone()
            (version,) = execute("PRAGMA user_version").fetchone()
        if application != _APPLICATION_ID:
            raise BadStore(f"{self.path} is not a chain's file; choose another directory")
        if version != FORMAT:
            raise BadStore(
                f"{self.path} has format {version}, this devnet reads format {FORMAT}; "
                "choose another directory"
            )
        execute("PRAGMA journal_mode = WAL")  # not before it is known to be ours
        execute("PRAGMA synchronous = NORMAL")  # a killed process loses nothing; a power cut may

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:  # SQLite has ended it itself when the disk is full
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
