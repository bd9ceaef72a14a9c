"""The rows of a batch as a run shows it, beside what people said of its pictures."""

from __future__ import annotations

from collections.abc import Iterator

from scoring.records.database import LARGEST_ID, Database
from scoring.records.rows import ResultRow

ALL_REVIEWS = LARGEST_ID

# Off indexes, so that rows never pile up in a sort.
ROWS = """
SELECT coalesce(n.number, i.num), i.batch, i.path, p.label, p.confidence, p.review, p.error,
    p.second_label, p.second_confidence,
    CASE WHEN v.verdict <> 'undone' THEN coalesce(v.label, v.verdict) END
FROM run_images i LEFT JOIN predictions p ON p.id = i.prediction_id
LEFT JOIN image_numbers n ON n.batch = i.batch AND n.path = i.path
LEFT JOIN reviews v ON v.id = (SELECT max(id) FROM reviews WHERE batch = p.batch
    AND path = p.path AND content_hash = p.content_hash AND id <= ?3)
WHERE i.run_id = ?1 AND i.batch = ?2 ORDER BY i.num
"""


def of_batch(database: Database, run_id: str, batch: str, reviews: int) -> Iterator[ResultRow]:
    """Yield one batch as a run has it; the review of id ``reviews`` is the last that counts.

    People go on deciding while a file is written: so it shows what stood at one moment.
    """
    for row in database.stream(ROWS, (run_id, batch, reviews)):
        yield ResultRow(*row)
