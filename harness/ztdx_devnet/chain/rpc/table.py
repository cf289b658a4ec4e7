"""The method table: functions by JSON-RPC name, each called with a node and its parameters.

A method returns a JSON value or raises RpcError. Its docstring is its line in the documents.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ztdx_devnet.chain.errors import ChainError
from ztdx_devnet.chain.rpc.errors import METHOD_NOT_FOUND, SERVER_ERROR, RpcError, invalid_params

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Method:
    """One entry: the function, and how many parameters it takes at least and at most.

    A `control` changes the chain from outside; only a devnet has it.
    """

    name: str
    function: Function
    least: int
    most: int
    control: bool

    @property
    def summary(self) -> str:
        return (self.function.__doc__ or "").strip().partition("\n")[0]


_TABLE: dict[str, Method] = {}


def method(*names: str, control: bool = False) -> Callable[[Function], Function]:
    """Enter a function under one or more names."""

    def enter(function: Function) -> Function:
        code = function.__code__
        most = code.co_argcount - 1
        least = most - len(function.__defaults__ or ())
        for name in names:
            assert name not in _TABLE, name
            _TABLE[name] = Method(name, function, least, most, control)
        return function

    return enter


def call(node: Any, name: str, arguments: list[Any]) -> Any:
    """Answer one request. Raises RpcError for everything that is not an answer."""
    entry = _TABLE.get(name)
    if entry is None or (entry.control and node.devnet is None):
        raise RpcError(METHOD_NOT_FOUND, f"the method {name} does not exist/is not available")
    if not entry.least <= len(arguments) <= entry.most:
        least, most = entry.least, entry.most
        wanted = f"{least}" if least == most else f"{least} to {most}"
        raise invalid_params(f"{name}: expected {wanted} parameters, got {len(arguments)}")
    try:
        return entry.function(node, *arguments)
    except ChainError as error:
        raise RpcError(SERVER_ERROR, str(error)) from error


def methods() -> tuple[Method, ...]:
    """Every entry, in the order of the modules."""
    return tuple(_TABLE.values())


def is_control(name: str) -> bool:
    """Whether a method of that name changes the chain from outside."""
    entry = _TABLE.get(name)
    return entry is not None and entry.control


def names() -> tuple[str, ...]:
    """Every method's name, sorted."""
    return tuple(sorted(_TABLE))
