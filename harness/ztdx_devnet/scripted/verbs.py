"""The verbs as methods. Written by `make docs` from the verbs themselves."""

# ruff: noqa: A002, S107 - the fields' own words, and symbols of tokens
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ztdx_devnet.scripted.calls import verb


class Verbs:
    """What can be done in a world: each verb with its fields, values as in a scenario file."""

    @verb
    def deposit(
        self, user: str, amount: str | int, *, as_: str, token: str = "DF", approved: bool = True
    ) -> None:
        """A user approves and deposits: two transactions, in the next block.

        With `approved: false` only the deposit is sent, on the allowance that is there: without
        one its transaction fails. So it does for an amount of 0 and for more than the user has.
        """

    @verb
    def multi_deposit(self, parts: Sequence[Mapping[str, Any]]) -> None:
        """Several deposits in one transaction, which the first user sends."""

    @verb
    def deposit_series(
        self, users: Sequence[str], amount: str | int, count: int, every_blocks: int, *, as_: str
    ) -> None:
        """`count` deposits named as-1, as-2, …, by the users in turn, `every_blocks` blocks apart.

        With `every_blocks: 0` all wait for the next block; then each user approves once, for
        all.
        """

    @verb
    def deposit_other_token(self, user: str, amount: str | int, *, as_: str) -> None:
        """A deposit of the token OTHER, which is registered and answers nothing to a transfer."""

    @verb
    def deposit_lookalike(self, user: str, amount: str | int, *, as_: str) -> None:
        """A deposit of the token that looks like DF: same name, symbol and decimals."""

    @verb
    def fee_token_deposit(self, user: str, amount: str | int, *, as_: str) -> None:
        """A deposit of the token FEE, which burns 1 % on the way: the event has what arrived."""

    @verb
    def deposit_native(self, user: str, amount: str | int, *, as_: str) -> None:
        """A deposit of BNB; its transaction fails unless BNB is registered.

        Nobody can send more than there is: each user has 10,000 BNB, for gas too.
        """

    @verb
    def deposit_through_wallet(self, user: str, amount: str | int, *, as_: str) -> None:
        """The user funds the contract `wallet`, which approves and deposits: three transactions.

        The wallet is the account that is credited; the user only sends.
        """

    @verb
    def foreign_event(
        self, user: str, victim: str, amount: str | int, *, around: Mapping[str, Any] | None = None
    ) -> None:
        """The vault's clone emits a SpotDeposit of `victim` that nobody made; `user` sends it.

        With `around`, the clone also makes a real deposit of DF in the same transaction, between
        two forged events; the account of that one is `clone`, and the user gives it the tokens.
        """

    @verb
    def transfer_to_vault(self, user: str, amount: str | int) -> None:
        """A plain token transfer to the vault: nobody's deposit."""

    @verb
    def approve(self, user: str, amount: str | int, *, token: str = "DF") -> None:
        """A user lets the vault take that much; it replaces what was approved before."""

    @verb
    def withdraw(self, user: str, amount: str | int, *, token: str = "DF") -> None:
        """A user takes tokens out of the vault, with a voucher of its authorisation signer."""

    @verb
    def debit(
        self, user: str, amount: str | int, *, token: str = "DF", within: str | None = None
    ) -> None:
        """A user spends: that much leaves the available balance, or the step fails.

        The user may wait for the money `within` that long.
        """

    @verb
    def mint_tokens(self, user: str, amount: str | int, *, token: str = "DF") -> None:
        """The owner makes tokens for a user, who starts with 1,000,000 of each."""

    @verb
    def pause_vault(self) -> None:
        """From the next block on the vault refuses deposits and withdrawals."""

    @verb
    def unpause_vault(self) -> None:
        """The vault takes deposits and pays withdrawals again."""

    @verb
    def register_token(self, token: str) -> None:
        """From the next block on the vault takes deposits of that token, or of BNB."""

    @verb
    def unregister_token(self, token: str) -> None:
        """From the next block on the vault refuses deposits of that token."""

    @verb
    def mine(self, blocks: int, *, order: Sequence[str] | None = None) -> None:
        """Let that many blocks be produced; everything else runs on. The first takes `order` first.

        A halted chain produces them too, and is halted again after the last one.
        """

    @verb
    def mine_empty(self, blocks: int) -> None:
        """Let that many empty blocks be produced; transactions wait in the pool."""

    @verb
    def halt_chain(self) -> None:
        """No more blocks until `resume_chain`; only `mine` still adds some."""

    @verb
    def resume_chain(self) -> None:
        """Blocks come again."""

    @verb
    def reorg(
        self,
        depth: int,
        *,
        length: int | None = None,
        drop: Sequence[str] | None = None,
        keep: Sequence[str] | None = None,
        replace: Sequence[Mapping[str, Any]] | None = None,
        order: Sequence[str] | None = None,
        delay_blocks: int = 0,
        branch: str | None = None,
    ) -> None:
        """Replace the last `depth` blocks by `length` new ones (default one more).

        The new branch wins however short it is. Deposits of the replaced blocks come back in the
        new ones, `order` first, at the earliest `delay_blocks` blocks after the fork point.
        Those in `drop` are gone for good; with `keep`, so is every other transaction of those
        blocks. `replace` puts another deposit in the place of one: of another amount or user, or
        the same anew. `branch` names the new branch, for `switch_branch`.
        """

    @verb
    def switch_branch(self, branch: str) -> None:
        """Make a branch canonical again that a reorg has left, however long it is.

        The first branch is `main`, others have the name that `branch` of a reorg gave them.
        Deposits that only the left branch holds wait for the next block.
        """

    @verb
    def reset_chain(self, *, same_genesis: bool = False) -> None:
        """The chain begins anew at height 0, as when a devnet is started again.

        Blocks, branches and what waited are gone, and balances are those of the beginning;
        deposits keep their names and are in no block. The new genesis is another one, with
        another hash, unless `same_genesis` is true.
        """

    @verb
    def set_block_time(self, block_time: str) -> None:
        """From now on blocks come that far apart, from 5ms to 1h; headers carry whole seconds."""

    @verb
    def charge_token_fees(self) -> None:
        """From the next block of this branch on, the DF token burns 1 % of each transfer.

        A reorg that begins below undoes it, so a deposit that comes back is then a larger one.
        """

    @verb
    def answer_fault(
        self,
        method: str,
        kind: Literal[
            "error",
            "null_result",
            "no_result",
            "result_text",
            "empty",
            "truncated",
            "drop_one",
            "duplicated",
            "shuffled",
            "stale",
            "pre_reorg",
            "removed",
            "foreign",
            "unfiltered",
            "widened",
            "renumbered",
            "undecodable",
            "swapped_topics",
            "unindexed",
            "dirty_topics",
            "missing_fields",
            "null_fields",
            "failed_receipt",
            "bloom_zeroed",
            "head_ahead",
            "head_behind",
            "head_garbage",
            "wrong_chain",
        ],
        *,
        as_: str,
        first: int = 1,
        last: int | None = None,
        percent: int = 100,
        for_: str | None = None,
        node: str | None = None,
        blocks: Mapping[str, Any] | None = None,
        code: int | None = None,
        message: str | None = None,
        lag_blocks: int | None = None,
        ahead_blocks: int | None = None,
        behind_blocks: int | None = None,
        numbering: Literal["per_transaction", "repeated", "from_one"] | None = None,
        head: str | None = None,
        fields: Sequence[str] | None = None,
        deposit: str | None = None,
    ) -> None:
        """The answers to `method`, of all nodes or of one `node`, are wrong.

        Counted are only answers that the fault changes, and with `blocks` only those about any
        of these heights. The other fields go with single kinds: docs/faults/answers.md.
        """

    @verb
    def transport_fault(
        self,
        kind: Literal[
            "delay",
            "hang",
            "trickle",
            "reset",
            "reset_mid_body",
            "cut_body",
            "rate_limited",
            "too_large",
            "gateway",
            "html",
            "wrong_id",
            "bad_gzip",
            "not_json",
            "refused",
        ],
        *,
        as_: str,
        first: int = 1,
        last: int | None = None,
        percent: int = 100,
        for_: str | None = None,
        method: str | None = None,
        answer_bytes_over: int | None = None,
        delay: str | None = None,
        pieces: int | None = None,
        pause: str | None = None,
        status: int | None = None,
        retry_after_s: int | None = None,
        code: int | None = None,
        text: str | None = None,
    ) -> None:
        """HTTP exchanges with the node go wrong, each as a whole, batches included.

        `method` touches only those that hold a call to it, `answer_bytes_over` only those whose
        honest answer is larger. `delay` is how late a late answer is; a `trickle` sends its body
        in `pieces` with a `pause` before each; `status` is that of `gateway` or `rate_limited`,
        which may say `retry_after_s` and answer with an error object of that `code`, or with a
        `text`.
        """

    @verb
    def node_view(
        self,
        *,
        as_: str,
        first: int = 1,
        last: int | None = None,
        percent: int = 100,
        for_: str | None = None,
        profile: str | None = None,
        lag_blocks: int | None = None,
        log_lag_blocks: int | None = None,
        beyond: Literal["empty", "error"] | None = None,
        branch: str | None = None,
        pruned_below: int | None = None,
        pruned: Literal["empty", "error", 4444] | None = None,
        hole: Sequence[str] | None = None,
        hole_blocks: Sequence[int] | None = None,
        numbering: Literal["per_transaction", "repeated", "from_one"] | None = None,
        limits: str | None = None,
        range_blocks: int | None = None,
        results: int | None = None,
        chain_id: int | None = None,
        ignores_filter: bool | None = None,
        answer_bytes: int | None = None,
        busy_every: int | None = None,
        resets_every: int | None = None,
        filter_polls: int | None = None,
        filter_gone: Literal["geth", "reth", "alchemy", "erigon"] | None = None,
    ) -> None:
        """Names a node that shows something else than an honest one; a `pool` puts it behind the
        URL.

        Counted are HTTP requests that it answers otherwise than an honest node. A `profile` is a
        whole bundle: docs/faults/profiles.md; for the other fields see docs/faults/views.md.
        """

    @verb
    def pool(
        self,
        nodes: Sequence[str],
        *,
        as_: str,
        pick: Literal["in_turn", "random", "sticky"] = "in_turn",
        listeners: Sequence[str] | None = None,
        for_: str | None = None,
    ) -> None:
        """The URL of all listeners, or of some, is a pool of these nodes; `honest` is always there.

        Each HTTP request, a batch as a whole, goes to one of them: `in_turn`, at `random`, or
        always to the one that the listener got first (`sticky`). A later pool takes the place of
        an earlier.
        """

    @verb
    def clear_faults(self) -> None:
        """Lift all faults."""

    @verb
    def db_fault(
        self,
        kind: Literal["busy", "full", "read_only", "io_error", "corrupt"],
        *,
        as_: str,
        first: int = 1,
        last: int | None = None,
        percent: int = 100,
        for_: str | None = None,
        at: Literal["statement", "commit"] = "statement",
        statement: str | None = None,
        process: str | None = None,
    ) -> None:
        """The database fails the product.

        `busy`: another process takes the write lock and holds it `for` that long. The others
        fail statements, or at: commit the COMMIT of what was written: `full` and `read_only`
        those that write, `io_error` and `corrupt` those that read too; `statement` narrows it
        down, `process` is the one process that meets it.
        """

    @verb
    def tamper(self, user: str, available: str | int, *, token: str = "DF") -> None:
        """Somebody writes a user's balance by hand, past the product: what I4 is there for.

        There must be one: the user has been credited with that token before.
        """

    @verb
    def second_listener(self, *, as_: str) -> None:
        """One more listener process on the same database, which starts now."""

    @verb
    def start_listener(self, listener: str = "main") -> None:
        """Start a listener, if it does not run."""

    @verb
    def stop_listener(self, listener: str = "main") -> None:
        """SIGTERM: the listener stops at its next sleep, and is killed if that takes over 2 s.

        The step ends when the process has.
        """

    @verb
    def kill_listener(self, listener: str = "main") -> None:
        """kill -9 a listener: open transactions are lost, nothing of it runs on."""

    @verb
    def restart_listener(self, listener: str = "main") -> None:
        """kill -9 a listener and start it again."""

    @verb
    def start_api(self) -> None:
        """Start the API server, if it does not run."""

    @verb
    def kill_api(self) -> None:
        """kill -9 the API server: whoever waits for an answer gets none."""

    @verb
    def restart_api(self) -> None:
        """kill -9 the API server and start it again."""

    @verb
    def crash_at(self, nth: int, *, kind: str = "", process: str = "main") -> None:
        """kill -9 a process at the `nth` boundary from now, of those whose kind starts with `kind`.

        `process` is a listener's name, or api. Boundaries are crossed before the act: `kind:
        "sql:COMMIT"` dies with everything uncommitted. Kinds: rpc:send, rpc:receive,
        http:accept, sleep, pause, sql:BEGIN, sql:SELECT, sql:COMMIT, and for writes the table
        too, such as sql:INSERT spot_deposits or sql:UPDATE spot_balances.
        """

    @verb
    def clock_jump(self, by: str, *, process: str = "main") -> None:
        """From now on a process's time is `by` off, forward or back; how long it sleeps is not.

        `process` is a listener's name, or api.
        """

    @verb
    def api_fault(
        self,
        kind: Literal["latency", "error", "dropped", "dropped_before"],
        *,
        as_: str,
        first: int = 1,
        last: int | None = None,
        percent: int = 100,
        for_: str | None = None,
        path: str = "/",
        method: Literal["GET", "POST", "PUT", "DELETE", "OPTIONS"] | None = None,
        delay: str | None = None,
        status: int | None = None,
    ) -> None:
        """What stands between the API and its clients is bad, for requests whose path begins so.

        `latency` delays them by `delay`; `error` answers with `status` (default 500) in the
        API's place; `dropped_before` breaks the connection before the API hears of the request,
        `dropped` after it has done it. `path` comes after /api/v1, as in `api`.
        """

    @verb
    def admin_credit(
        self,
        amount: Any,
        *,
        user: str | None = None,
        address: Any = None,
        token: Any = "DF",
        reason: Any = None,
        key: Literal["right", "wrong", "missing"] = "right",
        idempotency_key: str | None = None,
        expect: Mapping[str, Any] | None = None,
    ) -> None:
        """An admin credits a user. Fields are sent as they are, so that bad ones can be tried.

        `key` is the admin key: right, wrong or missing.
        """

    @verb
    def api(
        self,
        path: str,
        expect: Mapping[str, Any],
        *,
        method: Literal["GET", "POST", "PUT", "DELETE", "OPTIONS"] = "GET",
        as_: str | None = None,
        auth: Literal["jwt", "hmac"] = "jwt",
        headers: Mapping[str, Any] | None = None,
        json: Any = None,
        text: str | None = None,
    ) -> None:
        """Any request. `as` signs it for a user: with a JWT, or with an API key (`auth: hmac`).

        `path` comes after /api/v1 and is sent as it is, its query included. `json` or `text` is
        the body.
        """

    @verb
    def set_environment(self, variables: Mapping[str, Any]) -> None:
        """Change what the running API server reads from its environment; null unsets."""

    @verb
    def ws(
        self,
        *,
        as_: str | None = None,
        socket: str | None = None,
        auth: str | None = None,
        subscribe: str | None = None,
        user: str | None = None,
        send: Mapping[str, Any] | None = None,
        text: str | None = None,
        times: int = 1,
        expect: Mapping[str, Any] | None = None,
        expect_none: str | None = None,
        expect_closed: int | None = None,
        close: Literal[True] | None = None,
        within: str | None = None,
    ) -> None:
        """One act of a client of the WebSocket: `as` connects a new one, `socket` names the one
        that acts.

        `auth` proves a user by a JWT; `subscribe` names a channel and may carry the JWT of a
        `user`; `send` is any other frame and `text` any message, sent so many `times`. `expect`
        is part of the next frame that nobody has expected yet, `expect_none` how long none
        comes, `expect_closed` the code of the connection's end; `close` ends it.
        """

    @verb
    def at_once(self, steps: Sequence[Mapping[str, Any]], *, times: int = 1) -> None:
        """Do all of it at the same instant, each step by an actor of its own, and wait for the
        last.

        Which of them comes first is up to the seed. `times` does each step that often, also at
        once.
        """

    @verb
    def wait(self, duration: str | None = None, *, until: str | None = None) -> None:
        """Let that much virtual time pass, or let time pass until the run is that old."""

    @verb
    def wait_until(
        self,
        within: str,
        *,
        balance: Mapping[str, Any] | None = None,
        total: Mapping[str, Any] | None = None,
        credited: Sequence[str] | Mapping[str, Any] | None = None,
        not_credited: Sequence[str] | Mapping[str, Any] | None = None,
        reversed: Sequence[str] | Mapping[str, Any] | None = None,
        rows: int | Mapping[str, Any] | None = None,
        sightings: Mapping[str, Any] | None = None,
        admin_credits: Mapping[str, Any] | None = None,
        quarantined: int | Mapping[str, Any] | None = None,
        mined: Sequence[str] | Mapping[str, Any] | None = None,
        waiting: Sequence[str] | Mapping[str, Any] | None = None,
        orphaned: Sequence[str] | Mapping[str, Any] | None = None,
        remined: Sequence[str] | Mapping[str, Any] | None = None,
        failed: Sequence[str] | Mapping[str, Any] | None = None,
        confirmations: Mapping[str, Any] | None = None,
        deposited: Mapping[str, Any] | None = None,
        vault_balance: Mapping[str, Any] | None = None,
        vault_solvent: bool | Mapping[str, Any] | None = None,
        vault_paused: bool | Mapping[str, Any] | None = None,
        height: int | Mapping[str, Any] | None = None,
        on_branch: str | Mapping[str, Any] | None = None,
        cursor: int | Mapping[str, Any] | None = None,
        cursor_lag: int | Mapping[str, Any] | None = None,
        passed: Sequence[str] | Mapping[str, Any] | None = None,
        listener_runs: bool | Mapping[str, Any] | None = None,
        listener_exited: str | Mapping[str, Any] | None = None,
        health: bool | Mapping[str, Any] | None = None,
    ) -> None:
        """Let time pass until all conditions hold at once, at most `within`."""

    @verb
    def expect(
        self,
        *,
        balance: Mapping[str, Any] | None = None,
        total: Mapping[str, Any] | None = None,
        credited: Sequence[str] | Mapping[str, Any] | None = None,
        not_credited: Sequence[str] | Mapping[str, Any] | None = None,
        reversed: Sequence[str] | Mapping[str, Any] | None = None,
        rows: int | Mapping[str, Any] | None = None,
        sightings: Mapping[str, Any] | None = None,
        admin_credits: Mapping[str, Any] | None = None,
        quarantined: int | Mapping[str, Any] | None = None,
        mined: Sequence[str] | Mapping[str, Any] | None = None,
        waiting: Sequence[str] | Mapping[str, Any] | None = None,
        orphaned: Sequence[str] | Mapping[str, Any] | None = None,
        remined: Sequence[str] | Mapping[str, Any] | None = None,
        failed: Sequence[str] | Mapping[str, Any] | None = None,
        confirmations: Mapping[str, Any] | None = None,
        deposited: Mapping[str, Any] | None = None,
        vault_balance: Mapping[str, Any] | None = None,
        vault_solvent: bool | Mapping[str, Any] | None = None,
        vault_paused: bool | Mapping[str, Any] | None = None,
        height: int | Mapping[str, Any] | None = None,
        on_branch: str | Mapping[str, Any] | None = None,
        cursor: int | Mapping[str, Any] | None = None,
        cursor_lag: int | Mapping[str, Any] | None = None,
        passed: Sequence[str] | Mapping[str, Any] | None = None,
        listener_runs: bool | Mapping[str, Any] | None = None,
        listener_exited: str | Mapping[str, Any] | None = None,
        health: bool | Mapping[str, Any] | None = None,
    ) -> None:
        """All conditions hold now."""

    @verb
    def note(self, text: str) -> None:
        """Words for the journal and the reader."""
