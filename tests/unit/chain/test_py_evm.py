"""What the import of py-evm does to the process, and that we undo it."""

from __future__ import annotations

import subprocess
import sys

DEEP = """
import sys
from ztdx_devnet.chain.rpc import endpoint
assert sys.getrecursionlimit() == 12 * 1024, sys.getrecursionlimit()
print(endpoint.answer(None, b"[" * 100_000).decode())
"""


def test_deeply_nested_json_is_a_parse_error_and_not_the_end_of_the_process() -> None:
    ran = subprocess.run([sys.executable, "-c", DEEP], capture_output=True, check=False, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "-32700" in ran.stdout
