"""Reorgs deeper than the confirmations: found by hash links, repaired from the common ancestor."""

from __future__ import annotations

import pytest

from ztdx_spot.errors import ListenerHalted, NodeError
from ztdx_spot.ledger import cursor, debits

from .listener_world import Listener
from .world import (
    ALICE,
    BOB,
    CountingEntropy,
    FakeClock,
    ScriptedNode,
    Wire,
    answers,
    deposit_log,
    refuses,
)


def grown(listener: Listener, head: int, *logs: Wire) -> None:
    """Polls block by block up to a head, so that the hash of every block is kept."""
    listener.node.logs = list(logs)
    start = listener.node.head
    for listener.node.head in range(start, head + 1):
        listener.poll()


class TestRepair:
    def test_a_dropped_deposit_is_reversed_by_an_entry_and_its_row_stays(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        grown(either, 60, deposit_log(30), deposit_log(31, account=BOB))
        node.reorg(25)
        node.logs = [deposit_log(31, account=BOB)]
        poll = either.poll()
        assert (poll.reversed, poll.credited, poll.first_block, poll.last_block) == (1, 0, 25, 40)
        assert (either.available(), either.available(BOB)) == ("0", "1")
        assert either.statuses() == [("1", "orphaned"), ("1", "confirmed")]
        assert either.entries() == [("deposit", "1"), ("deposit", "1"), ("reversal", "-1")]
        assert either.sightings()[2:] == [("orphaned", 30), ("moved", 31)]

    @pytest.mark.parametrize(
        ("block", "log_index"),
        [(33, 0), (33, 4), (26, 0), (26, 4), (30, 0), (30, 4), (40, 0), (25, 0)],
    )
    def test_a_deposit_that_moved_keeps_its_row_and_its_credit(
        self, node: ScriptedNode, either: Listener, block: int, log_index: int
    ) -> None:
        grown(either, 60, deposit_log(30, tx=7))
        (before,) = either.rows()
        node.reorg(25)
        node.logs = [deposit_log(block, tx=7, log_index=log_index)]
        either.poll()
        (after,) = either.rows()
        assert (after.id, after.block_number) == (before.id, block)
        assert either.places() == [(7, block, log_index)]
        assert either.entries() == [("deposit", "1")]
        assert either.ask("SELECT block_hash FROM spot_deposits") == [(node.hash_of(block),)]

    def test_a_deposit_that_moved_above_the_target_is_reversed_until_it_is_confirmed(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        grown(either, 60, deposit_log(30, tx=7))
        node.reorg(25)
        node.logs = [deposit_log(41, tx=7)]
        either.poll()
        assert (either.available(), either.statuses()) == ("0", [("1", "orphaned")])
        node.head = 61
        either.poll()
        assert (either.available(), either.statuses()) == ("1", [("1", "confirmed")])
        assert [act for act, _ in either.sightings()] == ["credited", "orphaned", "restored"]

    def test_a_deposit_that_first_appears_below_the_cursor_is_credited(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        grown(either, 60)
        node.reorg(25)
        node.logs = [deposit_log(26)]
        either.poll()
        assert (either.available(), either.cursor_block()) == ("1", 40)

    def test_two_deposits_of_a_transaction_may_swap_their_places(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        first = deposit_log(30, tx=7, log_index=0, account=ALICE, amount_wei=1)
        second = deposit_log(31, tx=8, log_index=1, account=BOB)
        grown(either, 60, first, second)
        node.reorg(25)
        node.logs = [
            deposit_log(31, tx=7, log_index=1, account=ALICE, amount_wei=1),
            deposit_log(30, tx=8, log_index=0, account=BOB),
        ]
        either.poll()
        assert (either.places(ALICE), either.places(BOB)) == ([(7, 31, 1)], [(8, 30, 0)])
        assert len(either.entries()) == 2

    def test_the_events_of_a_transaction_may_shift_by_one(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        grown(either, 60, *(deposit_log(30, tx=7, log_index=i) for i in range(3)))
        node.reorg(25)
        node.logs = [deposit_log(30, tx=7, log_index=i + 1) for i in range(3)]
        either.poll()
        assert either.places() == [(7, 30, 1), (7, 30, 2), (7, 30, 3)]
        assert len(either.entries()) == 3

    def test_events_that_swap_inside_of_their_transaction_are_other_credits(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        grown(either, 60, deposit_log(30, tx=7), deposit_log(30, tx=7, log_index=1, account=BOB))
        node.reorg(25)
        node.logs = [deposit_log(30, tx=7, account=BOB), deposit_log(30, tx=7, log_index=1)]
        either.poll()
        assert (either.available(), either.available(BOB)) == ("1", "1")
        assert [status for _, status in either.statuses()] == ["orphaned"] * 2 + ["confirmed"] * 2

    def test_another_amount_is_another_credit_and_the_old_row_keeps_its_own(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        grown(either, 60, deposit_log(30, tx=7))
        node.reorg(25)
        node.logs = [deposit_log(30, tx=7, amount_wei=2 * 10**18)]
        either.poll()
        assert either.statuses() == [("1", "orphaned"), ("2", "confirmed")]
        assert either.entries()[1:] == [("reversal", "-1"), ("deposit", "2")]

    def test_an_old_credit_is_taken_before_the_new_one_is_given(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        one, two = deposit_log(30, tx=7), deposit_log(30, tx=7, amount_wei=2 * 10**18)
        grown(either, 60, one)
        for branch, log in ((None, two), (0, one)):
            node.reorg(25, branch)
            node.logs = [log]
            either.poll()
        sums = either.ask("SELECT kind, amount, available FROM spot_ledger_entries ORDER BY seq")
        assert sums == [
            ("deposit", "1", "1"),
            ("reversal", "-1", "0"),
            ("deposit", "2", "2"),
            ("reversal", "-2", "0"),
            ("deposit", "1", "1"),
        ]

    def test_a_balance_shows_no_credit_of_two_branches_at_once(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        grown(either, 60, deposit_log(26, tx=7), deposit_log(38, tx=8, amount_wei=4 * 10**18))
        node.reorg(25)
        node.logs = [deposit_log(27, tx=9, amount_wei=2 * 10**18)]
        either.poll()
        sums = either.ask("SELECT available FROM spot_ledger_entries ORDER BY seq")
        assert sums == [("1",), ("5",), ("4",), ("0",), ("2",)]

    def test_spent_money_leaves_a_debt_that_is_told(
        self, node: ScriptedNode, either: Listener, caplog: pytest.LogCaptureFixture
    ) -> None:
        grown(either, 60, deposit_log(30))
        with either.database.write() as transaction:
            debits.debit(transaction, ALICE, "DF", "0.75", 1)
        node.reorg(25)
        node.logs = []
        either.poll()
        assert either.available() == "-0.75"
        assert any(f"{ALICE} has -0.75 DF" in message for message in caplog.messages)

    def test_a_debt_of_somebody_else_is_not_told_again(
        self, node: ScriptedNode, either: Listener, caplog: pytest.LogCaptureFixture
    ) -> None:
        grown(either, 60, deposit_log(30), deposit_log(31, account=BOB))
        with either.database.write() as transaction:
            debits.debit(transaction, ALICE, "DF", "1", 1)
        node.reorg(25)
        node.logs = [deposit_log(31, account=BOB)]
        either.poll()
        assert sum("was spent" in message for message in caplog.messages) == 1
        node.reorg(26)
        node.logs = []
        either.poll()
        assert sum("was spent" in message for message in caplog.messages) == 1

    def test_a_reorg_within_the_confirmations_is_no_matter(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        grown(either, 60, deposit_log(40), deposit_log(41))
        node.reorg(41)
        node.logs = [deposit_log(40)]
        node.head = 62
        either.poll_to_the_end()
        assert (either.available(), len(either.entries())) == ("1", 1)

    def test_a_reorg_of_blocks_without_deposits_moves_the_links_only(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        grown(either, 60)
        node.reorg(25)
        either.poll()
        cursor = either.cursor()
        assert cursor is not None
        assert (cursor.block, cursor.block_hash) == (40, node.hash_of(40))
        assert either.poll().first_block == 41


class TestBranches:
    def test_a_b_a_ends_where_it_began_with_the_first_row_restored(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        on_a, on_b = [deposit_log(30, tx=7)], [deposit_log(31, tx=8, account=BOB)]
        grown(either, 60, *on_a)
        (row,) = either.rows()
        branch = node.reorg(25)
        for _ in range(3):
            node.reorg(25, branch)
            node.logs = on_b
            either.poll()
            assert (either.available(), either.available(BOB)) == ("0", "1")
            node.reorg(25, branch=0)
            node.logs = on_a
            either.poll()
            assert (either.available(), either.available(BOB)) == ("1", "0")
        assert [each.id for each in either.rows()] == [row.id]
        assert len(either.statuses()) == 2

    def test_a_reorg_on_a_reorg_is_repaired_from_the_lower_ancestor(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        grown(either, 60, deposit_log(20), deposit_log(30))
        node.reorg(25)
        either.poll()
        node.reorg(15)
        node.logs = [deposit_log(30)]
        assert either.poll().first_block == 15
        assert (either.available(), either.cursor_block()) == ("1", 40)

    def test_a_shorter_branch_takes_the_cursor_back(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        grown(either, 60, deposit_log(30), deposit_log(38))
        node.reorg(25)
        node.head = 55
        either.poll()
        assert (either.available(), either.cursor_block()) == ("1", 35)
        node.head = 58
        either.poll_to_the_end()
        assert (either.available(), either.cursor_block()) == ("2", 38)

    def test_a_branch_whose_target_is_below_the_ancestor_takes_it_back_to_the_ancestor(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        either.settings["confirmation_depth_blocks"] = 3
        grown(either, 60, deposit_log(30), deposit_log(57))
        node.reorg(57)
        node.logs = [deposit_log(30)]
        node.head = 58
        either.poll()
        assert (either.available(), either.cursor_block()) == ("1", 56)
        cursor = either.cursor()
        assert cursor is not None
        assert cursor.block_hash == node.hash_of(56)

    def test_a_branch_that_has_not_reached_the_cursor_is_waited_for(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        grown(either, 60, deposit_log(30))
        before = either.state()
        node.reorg(25)
        node.logs, node.head = [], 39
        either.poll()
        assert either.state() == before
        node.head = 40
        either.poll()
        assert either.available() == "0"

    def test_a_reorg_below_the_first_scanned_block_scans_all_of_it_again_and_no_more(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        either.settings["start_block"] = 20
        grown(either, 60, deposit_log(30))
        node.reorg(10)
        node.logs = [deposit_log(15), deposit_log(20), deposit_log(35)]
        assert either.poll().first_block == 20
        assert [row.block_number for row in either.rows()] == [35, 20]
        node.reorg(5)
        node.logs = []
        assert either.poll().first_block == 20
        assert either.available() == "0"

    def test_a_reorg_right_at_the_cursor_is_found_by_its_own_hash(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        grown(either, 60, deposit_log(40))
        node.reorg(40)
        node.logs = []
        either.poll()
        assert (either.available(), either.cursor_block()) == ("0", 40)

    def test_a_reorg_between_two_pages_of_a_catch_up_is_found_by_the_seam(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        node.head, node.logs = 500, [deposit_log(90), deposit_log(150)]
        either.poll()
        node.reorg(80)
        node.logs = [deposit_log(95), deposit_log(150)]
        either.poll_to_the_end()
        assert [row.block_number for row in either.rows()] == [150, 95]
        assert (either.available(), either.cursor_block()) == ("2", 480)

    def test_a_reorg_between_the_two_requests_of_a_poll_is_found_by_the_page(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        grown(either, 60, deposit_log(30))
        node.head = 65

        def reorg(method: str) -> None:
            if method == "eth_getLogs":
                node.before = lambda _method: None
                node.reorg(25)
                node.logs = []

        node.before = reorg
        either.poll()
        assert (either.available(), either.cursor_block()) == ("0", 45)


class TestTwoChains:
    """One file for both, with one transaction hash on both."""

    @pytest.fixture
    def other(self, either: Listener, clock: FakeClock, entropy: CountingEntropy) -> Listener:
        node, settings = ScriptedNode(chain=56), {**either.settings, "chain_id": 56}
        return Listener(node, clock, entropy, either.database, either.path, settings)

    def rows_of_chains(self, listener: Listener) -> list[tuple[int, int, str]]:
        return listener.ask(
            "SELECT chain_id, block_number, status FROM spot_deposits ORDER BY rowid"
        )

    def test_a_reorg_on_one_changes_nothing_of_the_other(
        self, node: ScriptedNode, either: Listener, other: Listener
    ) -> None:
        grown(either, 60, deposit_log(30, tx=7), deposit_log(31, tx=8))
        grown(other, 60, deposit_log(30, tx=7), deposit_log(31, tx=8))
        sightings = either.sightings()
        node.reorg(25)
        node.logs = [deposit_log(33, tx=8)]
        assert either.poll().reversed == 1
        other.poll()
        assert self.rows_of_chains(either) == [
            (97, 30, "orphaned"),
            (97, 33, "confirmed"),
            (56, 30, "confirmed"),
            (56, 31, "confirmed"),
        ]
        assert either.available() == "3"
        assert either.sightings() == [*sightings, ("orphaned", 30), ("moved", 33)]

    def test_an_orphaned_row_of_one_is_not_restored_by_the_other(
        self, node: ScriptedNode, either: Listener, other: Listener
    ) -> None:
        grown(either, 60, deposit_log(30, tx=7))
        node.reorg(25)
        node.logs = []
        either.poll()
        grown(other, 60, deposit_log(35, tx=7))
        assert self.rows_of_chains(either) == [(97, 30, "orphaned"), (56, 35, "confirmed")]
        assert either.available() == "1"


class TestWhatStands:
    """A repair takes back what is orphaned and nothing else, not even for a moment."""

    def test_credits_below_the_fork_are_spared_however_few_hashes_were_kept(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        grown(either, 240, *(deposit_log(block) for block in (110, 120, 130)))
        kept = either.entries()
        node.reorg(199)
        either.poll_to_the_end()
        assert either.entries() == kept

    def test_what_comes_back_on_the_new_branch_is_never_gone(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        node.batch_calls_max = 14  # pages of a few blocks
        deposits = [deposit_log(block, tx=block) for block in range(50, 140, 9)]
        grown(either, 240, *deposits)
        kept = either.entries()
        node.reorg(45)
        node.logs = [deposit_log(block + 2, tx=block) for block in range(50, 140, 9)]
        either.poll_to_the_end()
        assert either.entries() == kept
        assert either.cursor_block() == 220

    def test_a_cursor_that_was_removed_takes_nothing_back(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        grown(either, 540, deposit_log(5), deposit_log(350), deposit_log(510))
        kept = either.entries()
        with either.database.write() as transaction:
            transaction.execute("DELETE FROM spot_block_sync_state")
        either.poll_to_the_end()
        assert either.entries() == kept
        assert either.cursor_block() == 520

    def test_a_cursor_that_was_set_back_takes_nothing_back(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        grown(either, 540, deposit_log(5), deposit_log(350), deposit_log(510))
        kept = either.entries()
        with either.database.write() as transaction:
            transaction.execute("UPDATE spot_block_sync_state SET last_processed_block = 300")
        either.poll_to_the_end()
        assert either.entries() == kept
        assert either.cursor_block() == 520

    def test_a_repair_of_many_pages_keeps_the_hash_of_each(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        grown(either, 640)
        node.reorg(101)
        either.poll_to_the_end()
        with either.database.read() as transaction:
            kept = cursor.kept_blocks(transaction, 97, 100, 10**6, 100)
        assert [block for block, _ in kept] == [620, 600, 500, 400, 300, 200]
        assert all(block_hash == node.hash_of(block) for block, block_hash in kept)


class TestWalk:
    def test_hundreds_of_kept_hashes_are_walked_in_batches(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.logs = [deposit_log(30), deposit_log(250)]
        for node.head in range(20, 421):
            listener.poll()
        node.reorg(101)
        node.logs = [deposit_log(30)]
        node.batches.clear()
        assert listener.poll().first_block == 101
        walk = [batch for batch in node.batches if len(batch) > 90][:3]
        assert [len(batch) for batch in walk] == [103, 103, 103]
        listener.poll_to_the_end()
        assert (listener.available(), listener.cursor_block()) == ("1", 400)

    @pytest.mark.parametrize("fork", [150, 901, 1550, 2499])
    def test_thinned_hashes_still_lead_to_an_ancestor_at_most_a_hundred_blocks_below(
        self, node: ScriptedNode, listener: Listener, fork: int
    ) -> None:
        listener.settings["verify"] = "boundary"
        kept_logs = [deposit_log(block) for block in (5, fork - 1)]
        node.logs = [*kept_logs, deposit_log(fork), deposit_log(2500)]
        for node.head in range(20, 2550, 10):
            listener.poll()
        (kept,) = listener.ask("SELECT count(*) FROM spot_processed_blocks")[0]
        assert kept < 2530 / 10 * 0.6
        node.reorg(fork)
        node.logs = kept_logs
        assert fork - 100 <= listener.poll().first_block <= fork
        listener.poll_to_the_end()
        assert listener.places() == [(5000, 5, 0), ((fork - 1) * 1000, fork - 1, 0)]

    def test_a_node_that_changes_its_mind_on_the_way_is_believed_nothing(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        grown(either, 60, deposit_log(30))
        before = either.state()
        node.reorg(25)
        heads = iter(["first", "walk"])

        def again(method: str) -> None:
            if method == "eth_chainId" and next(heads, None) == "walk":
                node.reorg(24)

        node.before = again
        with pytest.raises(NodeError, match="changed again"):
            either.poll()
        assert either.state() == before
        node.before = lambda _method: None
        either.poll()
        assert (either.available(), either.cursor_block()) == ("1", 40)

    def test_a_node_that_changes_its_mind_before_the_page_is_believed_nothing(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        grown(either, 60, deposit_log(30))
        before = either.state()
        node.reorg(25)

        def again(method: str) -> None:
            if method == "eth_getLogs":
                node.before = lambda _method: None
                node.reorg(20)

        node.before = again
        with pytest.raises(NodeError):
            either.poll()
        assert either.state() == before

    def test_another_chain_behind_the_walk_halts_and_reverses_nothing(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        grown(either, 60, deposit_log(30))
        before = either.state()
        node.reorg(0)
        node.logs = []
        with pytest.raises(ListenerHalted, match="block 0 of the node"):
            either.poll()
        assert either.state() == before

    def test_another_chain_id_behind_the_walk_halts_too(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        grown(either, 60, deposit_log(30))
        before = either.state()
        node.reorg(25)
        calls = iter([97, 56])

        def other(method: str) -> None:
            if method == "eth_chainId":
                node.chain = next(calls)

        node.before = other
        with pytest.raises(ListenerHalted, match="serves chain 56"):
            either.poll()
        assert either.state() == before

    @pytest.mark.parametrize("entry", [answers(result=None), refuses(-32000), answers(result={})])
    def test_an_unusable_answer_on_the_way_reverses_nothing(
        self, node: ScriptedNode, either: Listener, entry: object
    ) -> None:
        grown(either, 60, deposit_log(30))
        before = either.state()
        node.reorg(25)
        node.logs = []
        asked: list[str] = []

        def fail_in_walk(method: str) -> None:
            asked.append(method)
            if asked.count("eth_chainId") == 2 and method == "eth_chainId":
                node.lies["eth_getBlockByNumber"] = lambda _parameters, _block: entry

        node.before = fail_in_walk
        with pytest.raises(NodeError):
            either.poll()
        assert either.state() == before
        node.before = lambda _method: None
        node.lies.clear()
        either.poll()
        assert either.available() == "0"

    def test_a_node_that_takes_small_batches_only_is_walked_in_small_steps(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        grown(listener, 160, deposit_log(30))
        node.reorg(25)
        node.logs = []
        node.batch_calls_max = 20
        for _ in range(40):
            listener.poll()
        assert (listener.available(), listener.cursor_block()) == ("0", 140)


class TestMigratedFile:
    """A cursor without a hash, as files have it that are older than the keeping of hashes."""

    def forget_hashes(self, listener: Listener) -> None:
        with listener.database.write() as transaction:
            transaction.execute(
                "UPDATE spot_block_sync_state SET last_processed_hash = NULL, first_block = NULL,"
                " genesis_hash = NULL"
            )
            transaction.execute("DELETE FROM spot_processed_blocks")
            transaction.execute("UPDATE spot_deposits SET block_hash = NULL")

    def test_it_links_to_whatever_the_node_has_and_keeps_hashes_from_there(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        grown(either, 60, deposit_log(30))
        self.forget_hashes(either)
        either.restart()
        node.head = 61
        either.poll()
        cursor = either.cursor()
        assert cursor is not None
        assert (cursor.block_hash, cursor.genesis_hash) == (node.hash_of(41), node.hash_of(0))
        assert (either.available(), cursor.first_block) == ("1", None)

    def test_its_chain_is_known_from_the_first_connection_on(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        grown(either, 60)
        self.forget_hashes(either)
        either.restart()
        either.poll()
        node.reorg(0)
        either.restart()
        with pytest.raises(ListenerHalted):
            either.poll()

    def test_a_reorg_below_its_oldest_hash_is_scanned_again_from_far_below(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        listener.settings["verify"] = "boundary"
        node.head, node.logs = 2000, [deposit_log(500), deposit_log(1950)]
        listener.poll_to_the_end()
        self.forget_hashes(listener)
        listener.restart()
        node.head = 2002
        listener.poll()
        node.reorg(1900)
        node.logs = [deposit_log(500), deposit_log(1940)]
        node.head = 2010
        assert listener.poll().first_block == 983
        listener.poll_to_the_end()
        assert [row.block_number for row in listener.rows()] == [1940, 500]
        assert listener.available() == "2"

    def test_with_a_low_oldest_hash_the_scan_begins_at_block_0_again(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        either.settings["start_block"] = 0
        node.head, node.logs = 30, [deposit_log(0), deposit_log(5)]
        either.poll_to_the_end()
        self.forget_hashes(either)
        either.restart()
        node.head = 32
        either.poll()
        node.reorg(1)
        node.logs = [deposit_log(0)]
        assert either.poll().first_block == 0
        assert node.windows()[-1] == (0, 12)
        assert (either.places(), either.available()) == ([(0, 0, 0)], "1")
