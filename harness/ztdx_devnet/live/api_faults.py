"""The faults that `devnet up --api-fault` asks for, in the words of the scenarios' `api_fault`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ztdx_devnet.live.serving import CannotServe

if TYPE_CHECKING:
    from ztdx_devnet.scenario.verbs.api import ApiFault

FLAG = "--api-fault"


def read_api_faults(texts: Sequence[str]) -> list[ApiFault]:
    """Faults from texts such as 'path=/api/v1/spot,kind=latency,delay=2s'. Raises CannotServe.

    Fields are those of a scenario's `api_fault`, but for two: `path` is the whole path, and `as`
    need not be given.
    """
    from ztdx_devnet.scenario import loader  # the language is loaded only where it is spoken
    from ztdx_devnet.scenario.errors import BadScenario
    from ztdx_devnet.scenario.verbs.api import ApiFault

    faults = []
    for number, text in enumerate(texts, 1):
        try:
            verb = loader.read_step({ApiFault.KEY: _fields(text, number)}, FLAG)
        except BadScenario as error:
            raise CannotServe(f"{FLAG} {text}: {error.problems[0].message}") from error
        assert isinstance(verb, ApiFault)
        faults.append(verb)
    return faults


def _fields(text: str, number: int) -> dict[str, Any]:
    fields: dict[str, Any] = {"as": f"api-fault-{number}"}
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals:
            raise CannotServe(
                f"{FLAG} {text}: {part.strip()!r} has no '=': write fields as name=value, with "
                "commas between them"
            )
        fields[name] = int(value) if value.isascii() and value.isdigit() else value
    return fields
