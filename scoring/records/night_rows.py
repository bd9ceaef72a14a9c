"""The images that a run scored itself, as monitoring judges them: one model's, in bulk."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
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

BATCHES = """
SELECT DISTINCT batch FROM predictions
WHERE run_id = ? AND model_version = ? AND label IS NOT NULL ORDER BY batch
"""

# One image, 57 bytes: of a million no list of numbers is made first.
ROW = np.dtype(
    [("batch", "i4"), ("label", "i2"), ("second", "i2"), ("flagged", "?")]
    + [(name, "f8") for name in NUMBERS]
)


class ScoredRows(Struct, frozen=True):
    """N images in the order in which they were scored; failed ones are none of them.

    ``batches``: their names; ``batch`` int32 [N]: which of them. ``label`` and ``second`` int16
    [N]: which of the model's labels, -1 for none of them. ``flagged`` bool [N]. ``numbers``
    float64 [N] by their names (``NUMBERS``), NaN where the ledger has none.
    """

    batches: tuple[str, ...]
    batch: NDArray[np.int32]
    label: NDArray[np.int16]
    second: NDArray[np.int16]
    flagged: NDArray[np.bool_]
    numbers: dict[str, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.batch)


def scored_rows(
    database: Database, run_id: str, model_version: str, labels: Sequence[str]
) -> ScoredRows:
    """Return what a run scored itself with one version of a model."""
    which = (run_id, model_version)
    names = tuple(name for (name,) in database.query(BATCHES, which))
    places = {name: place for place, name in enumerate(names)}
    codes = {name: code for code, name in enumerate(labels)}
    rows = np.fromiter(
        (
            (places[batch], codes.get(label, -1), codes.get(second, -1), *others)
            for batch, label, second, *others in database.stream(ROWS, which)
        ),
        ROW,
    )
    numbers = {name: rows[name] for name in NUMBERS}
    return ScoredRows(names, rows["batch"], rows["label"], rows["second"], rows["flagged"], numbers)
