"""What monitoring found in a run, of each of its models, as JSON that stands as long as the run.

Nothing else keeps a detector's state: it is read from the nights before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from scoring.records.database import Database

BEFORE = """
SELECT r.id, m.facts FROM run_monitoring m JOIN runs r ON r.id = m.run_id
WHERE m.model_version = ?1 AND r.kind = 'nightly'
    AND r.number < coalesce((SELECT number FROM runs WHERE id = ?2), ?4)
ORDER BY r.number DESC LIMIT ?3
"""
LARGEST = 2**63 - 1


class Found(Struct, frozen=True):
    """What was found in one run of a model."""

    run_id: str
    facts: dict[str, Any]


def keep(database: Database, run_id: str, model_version: str, facts: Mapping[str, Any]) -> None:
    """Write down what was found; once more in the same run, it takes the place of what was."""
    text = json.dumps(facts, ensure_ascii=False, allow_nan=False)
    with database.transaction() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO run_monitoring VALUES (?, ?, ?)", (run_id, model_version, text)
        )


def find(database: Database, run_id: str) -> dict[str, dict[str, Any]]:
    """Return what was found in a run, by model version."""
    rows = database.query(
        "SELECT model_version, facts FROM run_monitoring WHERE run_id = ? ORDER BY model_version",
        (run_id,),
    )
    return {version: json.loads(facts) for version, facts in rows}


def of_runs(database: Database, run_ids: Sequence[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what was found in some runs, by their ids and the models' versions."""
    rows = database.query(
        "SELECT run_id, model_version, facts FROM run_monitoring"
        f" WHERE run_id IN ({', '.join('?' * len(run_ids))})",
        run_ids,
    )
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for run_id, version, facts in rows:
        found.setdefault(run_id, {})[version] = json.loads(facts)
    return found


def nights_before(
    database: Database, model_version: str, run_id: str | None, most: int
) -> list[Found]:
    """Return what was found in a model's nights before a run, the newest first.

    None for the run: all its nights. Those of runs by hand are left out.
    """
    rows = database.query(BEFORE, (model_version, run_id, most, LARGEST))
    return [Found(run, json.loads(facts)) for run, facts in rows]
