"""How is a bug planted on purpose, and how is it entered in the catalogue?

Each is a small change of the core's behaviour, switched on from outside for one test. `laws` are those of which at
least one must be reported as broken, within `runs_max` histories; 0 is no law but something raised that nobody may see.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from trueup.simulation import Scenario

Patch = pytest.MonkeyPatch


def as_drawn(scenario: Scenario) -> Scenario:
    """The history that the seed stands for."""
    return scenario


@dataclass(frozen=True)
class Plant:
    """One bug."""

    name: str
    laws: frozenset[int]
    plant: Callable[[Patch], None]
    runs_max: int = 60
    focus: Callable[[Scenario], Scenario] = as_drawn
    """What a history is bent to, where what the bug needs is drawn too rarely."""


PLANTS: list[Plant] = []


def planted(
    *laws: int, runs_max: int = 60, focus: Callable[[Scenario], Scenario] = as_drawn
) -> Callable[[Callable[[Patch], None]], Callable[[Patch], None]]:
    """Enter a bug in the catalogue."""

    def enter(plant: Callable[[Patch], None]) -> Callable[[Patch], None]:
        PLANTS.append(Plant(plant.__name__, frozenset(laws), plant, runs_max, focus))
        return plant

    return enter


def after(patch: Patch, owner: Any, name: str, change: Callable[..., Any]) -> None:
    """What a function returns, changed: `change(result, *arguments)`."""
    genuine = getattr(owner, name)
    patch.setattr(owner, name, lambda *given, **named: change(genuine(*given, **named), *given))


def always(patch: Patch, owner: Any, name: str, value: Any) -> None:
    """A function that gives the same, whatever it is asked."""
    patch.setattr(owner, name, lambda *given, **named: value)
