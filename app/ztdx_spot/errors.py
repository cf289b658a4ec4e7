"""Every error that the product raises on purpose, under one root.

`code` is stable and safe to show; the message says what was seen, what was expected and the repair.
"""

from __future__ import annotations

from collections.abc import Sequence


class SpotError(Exception):
    """Root of the product's errors."""

    code = "SPOT_ERROR"


class SettingError(SpotError):
    """Environment variables are missing or malformed; each problem is one line that names one."""

    code = "SETTING"

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems: Sequence[str] = problems


class NodeError(SpotError):
    """The node gave no usable answer. Nothing may be concluded from it; ask again later."""

    code = "NODE"


class NodeBusyError(NodeError):
    """The node wants to be asked less often; `retry_after_s` is what it said, if it said so.

    `may_mean_range`: some providers answer a range that is too large with a code for the rate.
    """

    code = "NODE_BUSY"

    def __init__(
        self, message: str, retry_after_s: float | None = None, *, may_mean_range: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.may_mean_range = may_mean_range


class NodeOverloadedError(NodeError):
    """The request was too much for the node: too many blocks, logs or calls, or too slow.

    Not `certain`: it may also have failed for no reason of its own.
    """

    code = "NODE_OVERLOADED"

    def __init__(self, message: str, *, certain: bool = True) -> None:
        super().__init__(message)
        self.certain = certain


class NodeBehindError(NodeError):
    """The node does not know a block that another node has shown, or what happened in it."""

    code = "NODE_BEHIND"


class CursorMovedError(SpotError):
    """Another listener on the same database was faster: its page stands, this one is dropped."""

    code = "CURSOR_MOVED"


class RowRefusedError(SpotError):
    """The database refuses the row of one deposit, by a rule of its own."""

    code = "ROW_REFUSED"

    def __init__(self, message: str, tx_hash: str, event_ordinal: int) -> None:
        super().__init__(message)
        self.tx_hash = tx_hash
        self.event_ordinal = event_ordinal


class EventError(SpotError):
    """A log that the node returned as a SpotDeposit is not one."""

    code = "EVENT"


class AmountError(SpotError):
    """A text is not a plain decimal amount."""

    code = "AMOUNT"


class AddressError(SpotError):
    """A text is not a 20-byte hex address."""

    code = "ADDRESS"


class ChecksumError(AddressError):
    """A mixed-case address whose case is not its EIP-55 checksum: most likely mistyped."""

    code = "CHECKSUM"


class DatabaseBusyError(SpotError):
    """The write lock was not free within the bound."""

    code = "DATABASE_BUSY"


class SchemaError(SpotError):
    """The database file was written by a newer version of this program, or by another one."""

    code = "SCHEMA"


class DebitError(SpotError):
    """More was to be taken from a balance than it holds."""

    code = "DEBIT"


class StartError(SpotError):
    """A part of the program cannot start."""

    code = "START"


class ListenerHalted(SpotError):
    """The listener stopped for good: it follows another chain, or one that began anew."""

    code = "HALTED"
