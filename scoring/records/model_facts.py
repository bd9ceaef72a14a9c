"""What the ledger knows of each model that has scored: the desk and a report have no model.

Of each version one row of JSON, as its signature said it: ``signature_facts``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from scoring.records.database import Database


def keep(database: Database, version: str, name: str, facts: Mapping[str, Any]) -> None:
    """Write a model's facts down; a version is known by its content, so the first ones stay."""
    text = json.dumps(facts, ensure_ascii=False, allow_nan=False)
    if find(database, version) is None:
        with database.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO models VALUES (?, ?, ?)", (version, name, text)
            )


def find(database: Database, version: str) -> dict[str, Any] | None:
    """Return a model's facts; None where no run has used it since there is this table."""
    rows = database.query("SELECT facts FROM models WHERE version = ?", (version,))
    return dict(json.loads(rows[0][0])) if rows else None
