"""Scenarios in Python: the same world and the same verbs, step by step."""

from ztdx_devnet.scripted.errors import BadStep, Inconclusive, NoSuchVerb, StepFailed, Violated
from ztdx_devnet.scripted.world import DepositFacts, ScriptedWorld

__all__ = [
    "BadStep",
    "DepositFacts",
    "Inconclusive",
    "NoSuchVerb",
    "ScriptedWorld",
    "StepFailed",
    "Violated",
]
