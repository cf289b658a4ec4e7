"""What a scripted world raises. Failures are AssertionErrors, so that test runners show them so."""

from __future__ import annotations


class BadStep(ValueError):
    """A step that can't be: an unknown verb, name or field, a value of the wrong shape."""


class NoSuchVerb(BadStep, AttributeError):
    """A word that is neither a verb nor anything else of a world."""


class StepFailed(AssertionError):
    """A step, or the settling, expected one thing and saw another."""

    def __init__(self, rule: str, expected: str, actual: str) -> None:
        super().__init__(f"{rule}\nexpected: {expected}\nactual:   {actual}")
        self.rule = rule
        self.expected = expected
        self.actual = actual


class Violated(StepFailed):
    """An invariant does not hold. It is raised by the step during which that came to light."""


class Inconclusive(AssertionError):
    """A fault was armed and never hit anything, so the test shows nothing about it."""
