"""Which version of a model took another's place: when, by whom, and by which figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct, field

from scoring.records.database import Database

Action = Literal["promote", "rollback"]
COLUMNS = "model_name, from_version, to_version, action, who, at, facts"


class ModelSwitch(Struct, frozen=True):
    """One switch; ``at`` is UTC in text, ``facts`` plain JSON: the gate's figures, and hashes."""

    model_name: str
    from_version: str
    to_version: str
    action: Action
    who: str
    at: str
    facts: dict[str, Any] = field(default_factory=dict)


def add(database: Database, switch: ModelSwitch) -> None:
    """Write a switch down, once however often it is asked for; raises LedgerError."""
    facts = json.dumps(switch.facts, ensure_ascii=False, allow_nan=False)
    row = (switch.model_name, switch.from_version, switch.to_version, switch.action, switch.who)
    with database.transaction() as connection:
        there = connection.execute(
            "SELECT 1 FROM model_switches WHERE model_name = ? AND from_version = ?"
            " AND to_version = ? AND action = ? AND who = ? AND at = ?",
            (*row, switch.at),
        ).fetchone()
        if not there:
            connection.execute(
                f"INSERT INTO model_switches ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*row, switch.at, facts),
            )


def switches(database: Database, model_name: str = "") -> list[ModelSwitch]:
    """Return a model's switches, or those of all models, the first one first."""
    rows = database.query(
        f"SELECT {COLUMNS} FROM model_switches WHERE ? IN ('', model_name) ORDER BY id",
        (model_name,),
    )
    return [_read(*row) for row in rows]


def how_switched(database: Database, model_name: str, before: str, version: str) -> str:
    """Say who last let a version take another's place; "" where that is not written down."""
    words = {"promote": "promoted", "rollback": "rolled back"}
    for one in reversed(switches(database, model_name)):
        if (one.from_version, one.to_version) == (before, version):
            return f"{words[one.action]} by {one.who}"
    return ""


def _read(
    model_name: str,
    from_version: str,
    to_version: str,
    action: Action,
    who: str,
    at: str,
    facts: str,
) -> ModelSwitch:
    return ModelSwitch(model_name, from_version, to_version, action, who, at, json.loads(facts))


def versions_before(history: Sequence[ModelSwitch]) -> list[str]:
    """Return the versions that a model's rollbacks lead back to, the nearest one last.

    ``history`` is of one model. A rollback takes back the promotion before it.
    """
    before: list[str] = []
    for switch in history:
        if switch.action == "promote":
            before.append(switch.from_version)
        elif switch.to_version in before:
            while before.pop() != switch.to_version:
                pass
        else:
            before.clear()
    return before
