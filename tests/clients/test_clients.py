"""viem and ethers, unchanged, against `devnet chain`: each file of tests on a chain of its own.

The tests are JavaScript (`*.test.mjs`, node's own runner); `make tests/clients/node_modules/.ready`
installs what they need. `peers.mjs` runs the same files against anvil and Hardhat.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = sorted(path.name for path in HERE.glob("*.test.mjs"))
START_S = 30
RUN_S = 300
PAUSE_S = 0.02


@pytest.fixture(scope="session")
def node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.fail("no `node` on PATH; the client tests need Node 20.11 or later", pytrace=False)
    if not all((HERE / "node_modules" / name).is_dir() for name in ("viem", "ethers")):
        command = "make tests/clients/node_modules/.ready"
        pytest.fail(f"viem and ethers are not installed; run `{command}`", pytrace=False)
    return found


@pytest.fixture
def ready_file(node: str, tmp_path: Path) -> Iterator[Path]:
    """A chain that mines each transaction as it comes; everything it says goes to chain.log."""
    ready, log = tmp_path / "ready.json", tmp_path / "chain.log"
    devnet = [sys.executable, "-m", "ztdx_devnet", "chain"]
    options = ["--port", "0", "--automine", "--ready-file", str(ready)]
    with log.open("w") as output:
        chain = subprocess.Popen([*devnet, *options], stdout=output, stderr=output)
    try:
        _await_ready(chain, ready, log)
        yield ready
    finally:
        if chain.poll() is None:
            chain.send_signal(signal.SIGINT)
        try:
            status = chain.wait(START_S)
        except subprocess.TimeoutExpired:
            chain.kill()
            status = chain.wait()
    assert status == 0, f"the chain ended with {status}:\n{_tail(log)}"


@pytest.mark.parametrize("name", FILES)
def test_client(name: str, node: str, ready_file: Path) -> None:
    run = subprocess.run(
        [node, "--test", "--test-reporter=spec", name],
        cwd=HERE,
        env={**os.environ, "DEVNET_READY_FILE": str(ready_file), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=RUN_S,
    )
    if run.returncode:
        log = _tail(ready_file.with_name("chain.log"))
        pytest.fail(f"{_failures(run.stdout)}{run.stderr}\nchain.log:\n{log}", pytrace=False)


def _await_ready(chain: subprocess.Popen[bytes], ready: Path, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while not ready.exists():
        if chain.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"`devnet chain` did not become ready:\n{_tail(log)}", pytrace=False)
        time.sleep(PAUSE_S)  # the file is all there is to wait for
    # Written atomically, so it is whole when it is there.
    assert json.loads(ready.read_text("utf-8"))["chain_id"] == 97


def _failures(report: str) -> str:
    """The report from its notices on, without the stack frames that are not ours: errors outside of
    any test are among the notices, the list of failed tests is after them."""
    lines = report.splitlines()
    first = next(
        (i for i, line in enumerate(lines) if line.startswith("\N{INFORMATION SOURCE}")), 0
    )
    return "\n".join(line for line in lines[first:] if "node:internal" not in line) + "\n"


def _tail(log: Path) -> str:
    return "\n".join(log.read_text("utf-8").splitlines()[-40:])
