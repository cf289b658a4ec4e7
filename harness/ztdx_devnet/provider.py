"""Providers that let web3.py run on a devnet in the same process, without a socket.

Requests pass through the same bytes as at the server, so that code sees the same answers here and
there. Subscriptions need the server: nothing can be pushed to a provider.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

try:
    from web3.providers import JSONBaseProvider
    from web3.providers.async_base import AsyncJSONBaseProvider
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] != "web3":
        raise
    raise ImportError(
        "DevnetProvider needs web3, which is not installed: pip install 'ztdx-devnet[web3]'"
    ) from error

from ztdx_devnet.chain.devnet import Devnet
from ztdx_devnet.chain.rpc.endpoint import answer
from ztdx_devnet.chain.rpc.node import node_of

if TYPE_CHECKING:
    from web3.types import RPCEndpoint, RPCResponse

_Requests = list[tuple["RPCEndpoint", Any]]
_locks: WeakKeyDictionary[Devnet, threading.Lock] = WeakKeyDictionary()


class _Endpoint:
    """Bytes to a devnet and back. One request at a time, whoever shares the devnet."""

    def __init__(self, devnet: Devnet | None) -> None:
        self.devnet = devnet or Devnet()
        self._node = node_of(self.devnet)
        self._lock = _locks.setdefault(self.devnet, threading.Lock())

    def answer(self, body: bytes) -> bytes:
        with self._lock:
            return answer(self._node, body)


class DevnetProvider(JSONBaseProvider):
    """A web3 provider: `Web3(DevnetProvider())` is a devnet of its own.

    It mines a block for every transaction, one block time of virtual time after the last: the same
    calls give the same hashes. `DevnetProvider(devnet)` shows a devnet that others use too; filters
    belong to the provider. May be used from several threads.
    """

    def __init__(self, devnet: Devnet | None = None) -> None:
        super().__init__()
        self._endpoint = _Endpoint(devnet)

    @property
    def devnet(self) -> Devnet:
        """What it shows: the chain, its miner, its accounts."""
        return self._endpoint.devnet

    def __str__(self) -> str:
        return f"devnet {self.devnet.chain.chain_id} in this process"

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Answer one request: any JSON-RPC method of the devnet, `devnet_reorg` for one."""
        return self.decode_rpc_response(
            self._endpoint.answer(self.encode_rpc_request(method, params))
        )

    def make_batch_request(self, requests: _Requests) -> list[RPCResponse] | RPCResponse:
        """Answer requests in their order; a single error when the batch is refused whole."""
        body = self.encode_batch_rpc_request(requests)
        return self.decode_rpc_response(self._endpoint.answer(body))


class AsyncDevnetProvider(AsyncJSONBaseProvider):
    """As DevnetProvider, for AsyncWeb3. Every request is answered before anything else runs."""

    def __init__(self, devnet: Devnet | None = None) -> None:
        super().__init__()
        self._endpoint = _Endpoint(devnet)

    @property
    def devnet(self) -> Devnet:
        """What it shows: the chain, its miner, its accounts."""
        return self._endpoint.devnet

    def __str__(self) -> str:
        return f"devnet {self.devnet.chain.chain_id} in this process"

    async def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Answer one request: any JSON-RPC method of the devnet, `devnet_reorg` for one."""
        return self.decode_rpc_response(
            self._endpoint.answer(self.encode_rpc_request(method, params))
        )

    async def make_batch_request(self, requests: _Requests) -> list[RPCResponse] | RPCResponse:
        """Answer requests in their order; a single error when the batch is refused whole."""
        body = self.encode_batch_rpc_request(requests)
        return self.decode_rpc_response(self._endpoint.answer(body))
