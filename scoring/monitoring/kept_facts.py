"""Single figures out of what monitoring kept as JSON; what is not there, or odd, is None."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Facts = Mapping[str, Any]


def table(facts: Facts, name: str) -> Facts:
    """Return a table of the facts; an empty one where there is none."""
    found = facts.get(name)
    return found if isinstance(found, Mapping) else {}


def number(facts: Facts, name: str) -> float | None:
    """Return a number of a table."""
    value = facts.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if value is not None and is_number else None


def truth(facts: Facts, name: str) -> bool | None:
    """Return a yes or no of a table."""
    value = facts.get(name)
    return value if isinstance(value, bool) else None


def alarms(drift: Facts) -> dict[str, bool]:
    """Return of each detector whether its alarm stands."""
    found = {name: truth(table(drift, name), "alarm") for name in drift}
    return {name: stands for name, stands in found.items() if stands is not None}
