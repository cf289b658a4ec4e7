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


class ChainMismatchError(SpotError):
    """The node serves another chain than the configured one."""

    code = "CHAIN_MISMATCH"


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
    """The database file was written by another version of this program."""

    code = "SCHEMA"


class StartError(SpotError):
    """A part of the program cannot start."""

    code = "START"
