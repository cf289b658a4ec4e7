"""A world that Python code plays, one step at a time; between two steps time stands still.

The steps are the verbs of the scenarios: the same words, fields, checks of what is given, and the
same invariants watching. What was played can be had as a scenario file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import yaml

from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.journal.journal import Journal
from ztdx_devnet.scenario import loader, yaml_lines
from ztdx_devnet.scenario.conditions import Conditions
from ztdx_devnet.scenario.errors import BadScenario, unknown
from ztdx_devnet.scenario.invariants import SENTENCES, Invariants, Violation
from ztdx_devnet.scenario.names import Names
from ztdx_devnet.scenario.opening import open_world, start_product
from ztdx_devnet.scenario.settling import settle
from ztdx_devnet.scenario.stage import ExpectationFailed, RunBroken, Stage, StepImpossible
from ztdx_devnet.scenario.values import BASE_PATH
from ztdx_devnet.scripted.errors import BadStep, Inconclusive, StepFailed, Violated
from ztdx_devnet.scripted.verbs import Verbs
from ztdx_devnet.sim.ledger_reader import LedgerSnapshot
from ztdx_devnet.sim.processes import ApiAnswer, ApiRequest, ListenerProgram
from ztdx_devnet.sim.world import World

_NO_LINES = yaml_lines.Lines()
