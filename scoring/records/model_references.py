"""The references of models (``scoring.protocol.reference``), as the ledger keeps them.

Who watches a model for months, and shows what came of it, has no model at hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scoring.records.database import Database

if TYPE_CHECKING:
    from scoring.protocol.reference import Reference


def keep(database: Database, version: str, content: bytes) -> None:
    """Write a model's reference down; a version is known by its content, so the first one stays."""
    with database.transaction() as connection:
        connection.execute(
            "INSERT OR IGNORE INTO model_references VALUES (?, ?)", (version, content)
        )


def is_known(database: Database, version: str) -> bool:
    """Tell whether a model's reference has been written down."""
    rows = database.query("SELECT 1 FROM model_references WHERE version = ?", (version,))
    return bool(rows)


def find(database: Database, version: str, classes: int) -> Reference | None:
    """Return the reference of a model with so many classes, None where none is known.

    Raises BadReference.
    """
    # It reads archives: who only keeps references needs none of that.
    from scoring.protocol.reference import Reference

    rows = database.query("SELECT data FROM model_references WHERE version = ?", (version,))
    return Reference.from_bytes(rows[0][0], classes) if rows else None
