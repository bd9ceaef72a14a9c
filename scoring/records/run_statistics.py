"""What a report asks of the ledger: how a run's own images are spread, and the worst of them.

Each goes by the index of the run's predictions and returns no more rows than a page shows.
"""

from __future__ import annotations

from msgspec import Struct

from scoring.records.database import Database

CONFIDENCES = """
SELECT model_version, min(CAST(confidence * ?2 AS INTEGER), ?2 - 1), count(*), count(review)
FROM predictions WHERE run_id = ?1 AND label IS NOT NULL GROUP BY 1, 2
"""
REASONS = """
SELECT model_version, review, count(*) FROM predictions WHERE run_id = ? AND review IS NOT NULL
GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
"""
# Of each reason the least certain, in turn: the rare reason is not drowned by the frequent one.
FLAGGED = """
SELECT batch, path, content_hash, label, confidence, review FROM (
    SELECT *, row_number() OVER (PARTITION BY review ORDER BY confidence, batch, path) AS place
    FROM predictions WHERE run_id = ?1 AND review IS NOT NULL)
WHERE place <= ?2 ORDER BY place, confidence, batch, path LIMIT ?2
"""
ERRORS = """
SELECT error, count(*) FROM predictions WHERE run_id = ? AND error IS NOT NULL
GROUP BY error ORDER BY 2 DESC, 1
"""
FAILED = """
SELECT batch, path, content_hash, error FROM (
    SELECT *, row_number() OVER (PARTITION BY error ORDER BY batch, path) AS place
    FROM predictions WHERE run_id = ?1 AND error IS NOT NULL)
WHERE place <= ?2 ORDER BY place, batch, path LIMIT ?2
"""
SHOWN = "SELECT batch, count(*), count(prediction_id) FROM run_images WHERE run_id = ? GROUP BY 1"


class Bin(Struct, frozen=True):
    """Scored images of one model whose confidence lies in one of equal bins, from 0."""

    model_version: str
    place: int
    images: int
    flagged: int


class Flagged(Struct, frozen=True):
    """One image that wants a person; of a failed one ``label`` is None and ``reason`` its error."""

    batch: str
    path: str
    content_hash: str
    label: str | None
    confidence: float | None
    reason: str


def confidence_bins(database: Database, run_id: str, bins: int) -> list[Bin]:
    """Return how the confidences of a run's images are spread over so many equal bins."""
    return [Bin(*row) for row in database.query(CONFIDENCES, (run_id, bins))]


def reasons(database: Database, run_id: str) -> list[tuple[str, str, int]]:
    """Return (model version, what stands in Review, how often), the most frequent first."""
    return [(version, why, count) for version, why, count in database.query(REASONS, (run_id,))]


def flagged(database: Database, run_id: str, most: int) -> list[Flagged]:
    """Return the images that want a person most, of each reason in turn the least certain."""
    return [Flagged(*row) for row in database.query(FLAGGED, (run_id, most))]


def errors(database: Database, run_id: str) -> list[tuple[str, int]]:
    """Return why a run's images failed and how often, the most frequent first."""
    return [(error, count) for error, count in database.query(ERRORS, (run_id,))]


def failed(database: Database, run_id: str, most: int) -> list[Flagged]:
    """Return images that failed, of each error in turn."""
    rows = database.query(FAILED, (run_id, most))
    return [Flagged(batch, path, digest, None, None, error) for batch, path, digest, error in rows]


def shown_images(database: Database, run_id: str) -> dict[str, tuple[int, int]]:
    """Return how many images a run shows of each batch, and how many of them are not scored yet."""
    rows = database.query(SHOWN, (run_id,))
    return {batch: (images, images - scored) for batch, images, scored in rows}
