"""Profiles: how the nodes of known providers, and some well-known kinds of bad nodes, behave.

Codes and words are those that their users have reported; `sources` says where.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ztdx_devnet.chain.devnet import Devnet
from ztdx_devnet.chain.log_limits import PROVIDERS
from ztdx_devnet.chain.rpc import table
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.view import View
from ztdx_devnet.faults.transport import methods_of
from ztdx_devnet.faults.views import Backends, FilterGone, Shown

ALCHEMY_BUSY = (
    "Your app has exceeded its compute units per second capacity. If you have retries enabled, "
    "you can safely ignore this message. If not, check out "
    "https://docs.alchemy.com/reference/throughput"
)


@dataclass(slots=True)
class ProfiledNode(Node):
    """A node of a devnet that behaves by a profile, except towards control methods.

    Whoever serves it calls `turn` before each body is answered, and loses the answer if it says so.
    """

    backends: Backends = field(kw_only=True)

    def call(self, method: str, arguments: list[Any]) -> Any:
        if table.is_control(method):
            return Node.call(self, method, arguments)
        return self.backends.current(self).call(method, arguments)

    def turn(self, request_body: bytes) -> bool:
        """Whose turn it is for this body; whether the connection is to be reset instead."""
        if any(table.is_control(method) for method in methods_of(request_body)):
            return False
        return self.backends.next(self).resets


def profiled_node(devnet: Devnet, name: str) -> ProfiledNode:
    """The node that shows and controls a devnet by the profile of that name."""
    return ProfiledNode(View(devnet.chain), devnet=devnet, backends=Backends(PROFILES[name].shows))


@dataclass(frozen=True, slots=True)
class Profile:
    """A named bundle of what a node shows; of several, each HTTP request gets the next in turn."""

    name: str
    says: str
    shows: tuple[Shown, ...]
    sources: tuple[str, ...]


def _filters(name: str, node: FilterGone, says: str) -> Profile:
    return Profile(
        name,
        f"a filter is forgotten after 3 polls; then {says}",
        (Shown(filter_polls=3, filter_gone=node),),
        ("AztecProtocol/aztec-packages#25176", "paradigmxyz/reth#27020", "erigontech/erigon#15089"),
    )


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            "alchemy-free",
            "10 blocks a page (-32600), answers up to 150 MB, each 50th request refused (429)",
            (
                Shown(
                    limits=PROVIDERS["alchemy-free"],
                    answer_bytes=150_000_000,
                    busy_every=50,
                    busy_code=429,
                    busy_message=ALCHEMY_BUSY,
                ),
            ),
            (
                "BobTheBuidler/dank_mids#772",
                "gitcoinco/grants-stack-indexer#156",
                "conduitxyz/node#36",
            ),
        ),
        Profile(
            "quicknode-free",
            "5 blocks a page (-32614)",
            (Shown(limits=PROVIDERS["quicknode-free"]),),
            ("BobTheBuidler/dank_mids#772",),
        ),
        Profile(
            "infura",
            "10,000 blocks (-32602) or logs (-32005) a page, each 50th request refused (-32005)",
            (
                Shown(
                    limits=PROVIDERS["infura"],
                    busy_every=50,
                    busy_code=-32005,
                    busy_message="project ID request rate exceeded",
                ),
            ),
            ("INFURA/infura#237", "ConsenSys-archive/truffle#3200"),
        ),
        Profile(
            "stale-backend",
            "head and headers are new, logs are those of a backend 25 blocks behind, without error",
            (Shown(log_lag_blocks=25),),
            ("ethereum/go-ethereum#24078", "ethereum/go-ethereum#26098"),
        ),
        Profile(
            "load-balanced",
            "three nodes in turn: one at the head, one a block behind, one 25 blocks behind; "
            "a filter is known to one of them",
            (Shown(), Shown(lag_blocks=1), Shown(lag_blocks=25)),
            ("ethereum/go-ethereum#24078", "ethereum/go-ethereum#27353"),
        ),
        _filters("vanishing-filter", "reth", "-32602"),
        _filters("vanishing-filter-alchemy", "alchemy", "-32600"),
        _filters("vanishing-filter-erigon", "erigon", "an empty list without error"),
        Profile(
            "dropped-socket",
            "each 25th request is answered by a reset of the connection",
            (Shown(resets_every=25),),
            ("INFURA/infura#82",),
        ),
    )
}
"""All profiles by name. Real gateways reset after 1,000 requests and more; 25 shows it sooner."""
