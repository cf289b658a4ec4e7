"""py-evm's computation with two detours cut off; gas and results are the same.

Every deposit executes about 1,100 instructions, so what each one costs is what a block costs.
"""

from __future__ import annotations

from typing import Any

from ztdx_devnet.chain.py_evm import PragueComputation, PragueState

CODES_KEPT = 256


class DevnetComputation(PragueComputation):
    """One message of a transaction."""

    def __init__(self, state: Any, message: Any, transaction_context: Any) -> None:
        super().__init__(state, message, transaction_context)
        # py-evm finds out anew for each message where code may be jumped to.
        stream: Any = self.code
        positions = _jump_positions.get(message.code)
        if positions is not None:
            stream.valid_positions, stream.invalid_positions = positions
            return
        if len(_jump_positions) >= CODES_KEPT:
            del _jump_positions[next(iter(_jump_positions))]
        _jump_positions[message.code] = (stream.valid_positions, stream.invalid_positions)

    def extend_memory(self, start_position: int, size: int) -> None:
        """Memory that is there already costs nothing and needs no arithmetic."""
        if start_position + size > len(self._memory):
            super().extend_memory(start_position, size)


# Code → (where an instruction stands, where data of a PUSH stand), as far as was asked.
_jump_positions: dict[bytes, tuple[set[int], set[int]]] = {}


class DevnetState(PragueState):
    """The state of a block, with our computation."""

    computation_class = DevnetComputation
