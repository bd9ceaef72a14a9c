"""The images that a run scored itself, as monitoring judges them: one model's, in bulk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.records.database import Database

NUMBERS = (
    "confidence",
    "second_confidence",
    "outlier_score",
    "brightness",
    "contrast",
    "foreground",
)
ROWS = f"""
SELECT batch, label, second_label, review IS NOT NULL, {", ".join(NUMBERS)} FROM predictions
WHERE run_id = ? AND model_version = ? AND label IS NOT NULL ORDER BY id
"""


@dataclass(frozen=True)
class ScoredRows:
    """N images in the order in which they were scored; failed ones are none of them.

    ``batches``: their names; ``batch`` int64 [N]: which of them. ``label`` and ``second`` int64
    [N]: which of the model's labels, -1 for none of them. ``flagged`` bool [N]. ``numbers``
    float64 [N] by their names (``NUMBERS``), NaN where the ledger has none.
    """

    batches: tuple[str, ...]
    batch: NDArray[np.int64]
    label: NDArray[np.int64]
    second: NDArray[np.int64]
    flagged: NDArray[np.bool_]
    numbers: dict[str, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.batch)


def scored_rows(
    database: Database, run_id: str, model_version: str, labels: Sequence[str]
) -> ScoredRows:
    """Return what a run scored itself with one version of a model."""
    columns: list[Sequence[Any]] = list(
        zip(*database.query(ROWS, (run_id, model_version)), strict=True)
    )
    batch, label, second, flagged, *numbers = columns or [()] * (4 + len(NUMBERS))
    names = tuple(sorted(set(batch)))
    places = {name: place for place, name in enumerate(names)}
    codes = {name: code for code, name in enumerate(labels)}
    return ScoredRows(
        names,
        np.array([places[name] for name in batch], np.int64),
        np.array([codes.get(name, -1) for name in label], np.int64),
        np.array([codes.get(name, -1) for name in second], np.int64),
        np.array(flagged, np.bool_),
        {name: np.array(of, np.float64) for name, of in zip(NUMBERS, numbers, strict=True)},
    )
