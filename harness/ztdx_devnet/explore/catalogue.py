"""The failure catalogue: what goes wrong with deposit listeners, by numbers that scenarios guard.

`guards: [F10]` in a scenario says that it would turn red for a listener with that failure. What no
scenario can guard is excused, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ROWS: Mapping[str, str] = {
    "F01": "a node that lags answers eth_getLogs with less, and no error",
    "F02": "an error, null or missing result is read as 'no logs'",
    "F03": "a node knows the block, but its log index has a hole",
    "F04": "an admin's credit is submitted twice",
    "F05": "a crash between credit and cursor",
    "F06": "a provider's range cap is met by the same request again",
    "F07": "a request never returns",
    "F08": "the process lives and indexes nothing, and nobody sees it",
    "F09": "kill -9 at any statement, in the middle of a page",
    "F10": "a transaction mined again elsewhere is credited twice",
    "F11": "a deep reorg drops a deposit that was credited",
    "F12": "the head is told too high once",
    "F13": "a page is cut short without a word",
    "F14": "the cursor is saved before the work",
    "F15": "row and balance are not one transaction",
    "F16": "a row that was ignored as a duplicate moves the balance all the same",
    "F17": "two listeners on one database",
    "F18": "one log that can't be read blocks everybody",
    "F19": "the error of one log is swallowed and the cursor moves on",
    "F20": "another contract emits the same event",
    "F21": "a token that looks like DF",
    "F22": "a start without a cursor begins too late",
    "F23": "amounts that are negative, NaN, exponents, hex or blank",
    "F24": "an admin's credit and the listener write one balance at once",
    "F25": "the rate limit is met",
    "F26": "the head goes backwards",
    "F27": "an address is spelled in two ways",
    "F28": "a float in the path of an amount",
    "F29": "two databases disagree on large numbers",
    "F30": "the same log comes twice in one answer",
    "F31": "a fixed number of confirmations is wrong for the chain",
    "F32": "pruned history is answered with nothing",
    "F33": "the chain is restarted below the cursor",
    "F34": "a gap after downtime",
    "F35": "a push subscription loses events",
    "F36": "confirmations are off by one",
    "F37": "a connection is reset, a body cut, the answer no JSON",
    "F38": "a block is null, or a log lacks fields",
    "F39": "the database is busy or locked",
    "F40": "the event's amount is not what arrived",
    "F41": "the wrong owner: topics swapped, or the sender instead of the account",
    "F42": "the transaction hash alone is the key",
    "F43": "another node numbers logs in another way",
    "F44": "a deep reorg puts a deposit at or below the cursor",
    "F45": "an amount overflows some type on its way",
    "F46": "another chain answers under the URL",
    "F47": "the node stands on a minority fork",
    "F48": "the node ignores the filter",
    "F49": "a log that is marked as removed is accepted",
    "F50": "a failed execution is credited",
    "F51": "a reversal deletes too much",
    "F52": "the answer's body is too large",
    "F53": "one bad endpoint of several stops the start",
    "F54": "the API shows what is orphaned or not confirmed",
    "F55": "equal deposits are taken for one",
    "F56": "the start block is wrong",
    "F57": "the vault has moved",
    "F58": "pages overlap or leave a gap at their seam",
    "F59": "the seam between catching up and following",
    "F60": "logs come out of order, or the cursor is taken from the last log",
    "F61": "a reorg between two pages of a catch-up",
    "F62": "a reorg on a reorg",
    "F63": "a proxy replays an old answer",
    "F64": "the cursor is overwritten on an error's path",
    "F65": "one block holds more than a node will answer",
    "F66": "the wrong number of decimals",
    "F67": "a timestamp or a skewed clock decides something",
    "F68": "pages of the API skip or repeat rows",
    "F69": "the chain is faster than the listener",
    "F70": "the tag `finalized` is missing, stands still or goes back",
    "F71": "numbers that are spelled oddly, or underflow",
    "F72": "the disk is full or the database read-only",
    "F73": "a burst takes all memory",
    "F74": "half of a page is visible to the API",
    "F75": "deposits of nothing and of dust",
    "F76": "a committed transaction is lost with the power",
    "F77": "nulls or mixed types in the unique key",
    "F78": "the event's layout changes under the same topic",
    "F79": "a bloom filter hides a real block",
}

EXCUSED: Mapping[str, str] = {
    "F29": "the product stores on SQLite alone",
    "F35": "the listener polls; it has no subscription",
    "F47": "with one node there is nobody to disagree with it; once it comes back, the reorg is "
    "repaired like any other",
    "F53": "the product has one node's URL",
    "F57": "the product watches the one vault it is configured with",
    "F59": "there is one path: following is catching up by a page",
    "F70": "the listener counts blocks and asks for no tag",
    "F73": "memory is not simulated; an answer beyond 32 MiB is not read to its end, and pages "
    "shrink then as they do for F52",
    "F76": "a power cut can't be simulated in a process; the ledger is written with "
    "synchronous=FULL, and the cursor in the same transaction",
}
"""Rows that no scenario can guard, and why."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """One row of the catalogue, and the scenarios that guard it or the reason why none does."""

    row: str
    sentence: str
    scenarios: tuple[str, ...]
    excuse: str | None


def coverage(guards: Mapping[str, Iterable[str]]) -> list[Guarded]:
    """The catalogue, given the rows that each scenario guards, by the scenario's name."""
    by_row: dict[str, list[str]] = {row: [] for row in ROWS}
    for name in sorted(guards):
        for row in guards[name]:
            by_row[row].append(name)
    return [
        Guarded(row, sentence, tuple(by_row[row]), EXCUSED.get(row))
        for row, sentence in ROWS.items()
    ]
