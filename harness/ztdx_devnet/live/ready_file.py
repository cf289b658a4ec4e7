"""The ready file: there, whole, from the first answer of a devnet to its stop."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from ztdx_devnet.live.serving import CannotServe


class ReadyFile:
    """The file of this process; with `path` None there is none, and nothing happens."""

    def __init__(self, path: Path | None) -> None:
        """Remove what a devnet that is no more left there. Raises CannotServe."""
        if path is not None and not path.parent.is_dir():
            raise CannotServe(f"--ready-file: no such directory: {path.parent}")
        self._path = path
        self.remove()

    def write(self, content: dict[str, Any]) -> None:
        """Write it whole or not at all. Raises CannotServe."""
        if self._path is None:
            return
        partial = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            try:
                partial.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
                partial.replace(self._path)
            finally:
                partial.unlink(missing_ok=True)
        except OSError as error:
            raise CannotServe(f"--ready-file: {error}") from error

    def remove(self) -> None:
        """Remove it if it is ours, or of a devnet that is no more. Never raises."""
        if self._path is None:
            return
        # Whatever a file holds that no devnet wrote: no JSON, no pid, one that no process can have.
        not_ours = (ValueError, TypeError, KeyError, OverflowError, RecursionError)
        with contextlib.suppress(OSError, *not_ours):
            pid = json.loads(self._path.read_text("utf-8"))["pid"]
            if pid == os.getpid() or not _is_running(pid):
                self._path.unlink()


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
