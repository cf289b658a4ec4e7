"""The value of `-n`: how many processes."""

from __future__ import annotations

import click


class Processes(click.ParamType[int]):
    """A number of processes, or `auto`: one for each core that there is for us."""

    name = "processes"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        from ztdx_devnet.runs.machine import PROCESSES_MAX, cores

        text = str(value)
        if text == "auto":
            return cores()
        if not (text.isdecimal() and text.isascii() and 1 <= int(text) <= PROCESSES_MAX):
            self.fail(
                f"{text[:40]!r}: expected 'auto' or a number of processes from 1 to "
                f"{PROCESSES_MAX}.",
                param,
                ctx,
            )
        return int(text)
