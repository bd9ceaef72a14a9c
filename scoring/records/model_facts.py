"""What the ledger knows of each model that has scored: the desk and a report have no model.

Of each version one row of JSON, as its signature said it: the names of its entries are those of
``scoring.protocol.signature.Signature``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from scoring.protocol.signature import PreprocessingRef, Signature
from scoring.records.database import Database

if TYPE_CHECKING:
    from scoring.records.kept_picture import Shape


def signature_facts(signature: Signature) -> dict[str, Any]:
    """Return what is to be known of a model, as plain JSON values.

    Without what only matters where the model itself is: its files, and what made them.
    """
    facts: dict[str, Any] = to_builtins(signature)
    for entry in ("format", "files", "libraries"):
        del facts[entry]
    return facts


def keep(database: Database, version: str, name: str, facts: Mapping[str, Any]) -> None:
    """Write a model's facts down; a version is known by its content, so the first ones stay."""
    if database.query("SELECT 1 FROM models WHERE version = ?", (version,)):
        return
    text = json.dumps(facts, ensure_ascii=False, allow_nan=False)
    with database.transaction() as connection:
        connection.execute("INSERT OR IGNORE INTO models VALUES (?, ?, ?)", (version, name, text))


def find(database: Database, version: str) -> dict[str, Any] | None:
    """Return a model's facts; None where no run has used it since there is this table."""
    rows = database.query("SELECT facts FROM models WHERE version = ?", (version,))
    return dict(json.loads(rows[0][0])) if rows else None


def nothing_word(database: Database, version: str) -> str:
    """Return how a model calls what is none of what it knows: ``not clothing``; "" for no word."""
    facts = find(database, version) or {}
    return str((facts.get("review") or {}).get("outlier", "")).rstrip("? ")


def pixels_wanted(facts: Mapping[str, Any]) -> tuple[PreprocessingRef, Shape]:
    """Return by which steps a model's pixels are made, and their height, width and channels."""
    height, width, channels = facts["input"]["shape"]
    return PreprocessingRef(**facts["preprocessing"]), (height, width, channels)


def all_labels(database: Database) -> list[str]:
    """Return the labels of all models that are known, each once, a model's in its order."""
    rows = database.query("SELECT facts FROM models ORDER BY name, version")
    return list(dict.fromkeys(label for (facts,) in rows for label in json.loads(facts)["labels"]))


def all_review_words(database: Database) -> list[str]:
    """Return what the models that are known say where they want a person, each once."""
    rows = database.query("SELECT facts FROM models ORDER BY name, version")
    words = (json.loads(facts).get("review") or {} for (facts,) in rows)
    return list(dict.fromkeys(word for found in words for word in found.values()))
