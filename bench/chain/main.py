"""The command: which servers and rows, in which order, and where the figures go."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from chain import rows, servers, table
from chain.figures import Figure
from chain.servers import Kind

IN_PROCESS = "in-process"
SERVERS = (servers.OURS, servers.ANVIL, servers.HARDHAT)
GROUPS = (*rows.GROUPS, IN_PROCESS)


def main() -> None:
    options = _options()
    kinds = _kinds(options)
    figures: dict[str, dict[str, Figure]] = {kind.name: {} for kind in kinds}
    where = table.machine(_versions(kinds))
    # A group at a time, so that what is compared is measured close together.
    for group in options.rows:
        for kind in kinds:
            started = time.perf_counter()
            figures[kind.name].update(_measure(group, kind))
            elapsed_s = time.perf_counter() - started
            print(f"{group}, {kind.name}: {elapsed_s:.1f} s", file=sys.stderr, flush=True)
    print("\n".join(table.lines(figures, where)))
    if options.json is not None:
        text = json.dumps(table.as_json(figures, where), indent=2, ensure_ascii=False)
        options.json.write_text(text + "\n", "utf-8")


def _measure(group: str, kind: Kind) -> dict[str, Figure]:
    if group != IN_PROCESS:
        return rows.measure(group, kind)
    if kind.name != servers.OURS:
        return {}
    from chain import in_process  # late: it loads an EVM into the client

    return in_process.measure()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/chain.py", description="The chain's figures, beside those of anvil and Hardhat."
    )
    parser.add_argument("--anvil", type=Path, metavar="PATH", help="the anvil program")
    parser.add_argument("--hardhat", type=Path, metavar="DIR", help="where Hardhat is installed")
    parser.add_argument("--only", type=_names(*SERVERS), help="servers, such as ours,anvil")
    parser.add_argument(
        "--rows", type=_names(*GROUPS), default=GROUPS, help=f"of {', '.join(GROUPS)}"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    options = parser.parse_args()
    for path in (options.anvil, options.hardhat):
        if path is not None and not path.exists():
            parser.error(f"there is no {path}")
    return options


def _names(*known: str) -> Callable[[str], Sequence[str]]:
    def names(text: str) -> Sequence[str]:
        for name in (given := text.split(",")):
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return given

    return names


def _kinds(options: argparse.Namespace) -> list[Kind]:
    found = [
        servers.Ours(),
        servers.find_anvil(options.anvil),
        servers.find_hardhat(options.hardhat),
    ]
    kinds: list[Kind] = [kind for kind in found if kind is not None]
    absent = set(SERVERS) - {kind.name for kind in kinds}
    wanted = options.only or SERVERS
    for name in sorted(absent.intersection(wanted)):
        print(f"{name} is not installed here and left out", file=sys.stderr)
    return [kind for kind in kinds if kind.name in wanted]


def _versions(kinds: Sequence[Kind]) -> dict[str, str]:
    """What each server calls itself, or why it does not start."""
    versions = {}
    for kind in kinds:
        try:
            with servers.running(kind) as server:
                versions[kind.name] = str(server.rpc.call("web3_clientVersion"))
        except servers.ServerFailed as error:
            versions[kind.name] = str(error)
    return versions
