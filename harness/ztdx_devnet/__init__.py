"""The devnet for anybody's Python code: `Devnet` with web3 providers for it, and `ScriptedWorld`.

Nothing is loaded before it is asked for: `import ztdx_devnet` loads neither an EVM nor web3.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ztdx_devnet.chain.devnet import Devnet
    from ztdx_devnet.provider import AsyncDevnetProvider, DevnetProvider
    from ztdx_devnet.scripted import BadStep, Inconclusive, ScriptedWorld, StepFailed, Violated

_SCRIPTED = ("BadStep", "Inconclusive", "ScriptedWorld", "StepFailed", "Violated")

__all__ = [
    "AsyncDevnetProvider",
    "BadStep",
    "Devnet",
    "DevnetProvider",
    "Inconclusive",
    "ScriptedWorld",
    "StepFailed",
    "Violated",
]


def __getattr__(name: str) -> object:
    if name == "Devnet":
        from ztdx_devnet.chain.devnet import Devnet

        return Devnet
    if name in ("AsyncDevnetProvider", "DevnetProvider"):
        from ztdx_devnet import provider

        found: object = getattr(provider, name)
        return found
    if name in _SCRIPTED:
        from ztdx_devnet import scripted

        of_scripts: object = getattr(scripted, name)
        return of_scripts
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
