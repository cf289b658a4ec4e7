"""`devnet chain` as a process of its own, for as long as a test needs it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_S = 30


@dataclass(frozen=True)
class ChainProcess:
    """A running chain. `ready_file` is what it wrote when it could answer."""

    process: subprocess.Popen[str]
    rpc_url: str
    ws_rpc_url: str
    ready_file: Path


@contextmanager
def started(folder: Path, *flags: str) -> Iterator[ChainProcess]:
    """Start one on a free port; ends it with SIGTERM and expects exit code 0."""
    ready_file = folder / "ready.json"
    program = Path(sys.executable).with_name("devnet")
    command = [str(program), "chain", "--port", "0", "--ready-file", str(ready_file), *flags]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        deadline = time.monotonic() + START_S
        while not ready_file.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise AssertionError(f"the chain did not start: {process.communicate()[0]}")
            time.sleep(0.02)
        ready = json.loads(ready_file.read_text("utf-8"))
        try:
            yield ChainProcess(process, ready["rpc_url"], ready["ws_rpc_url"], ready_file)
        finally:
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=START_S)
        assert process.returncode == 0, output
