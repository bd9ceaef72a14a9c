"""Which images of a run a picture is kept of: those that somebody may be asked about."""

from __future__ import annotations

from scoring.records.database import Database
from scoring.records.kept_picture import Wanted

# A file that could not be read has no content to go by, and of one past the limit it is not known.
HASH_LENGTH = 64
# What brought a decoder to no end is not tried again (``scoring.batches.image_reader.NO_END``).
WANTED = f"""
WITH mine AS (
    SELECT batch, path, content_hash, model_version, label, confidence, review, error
    FROM predictions WHERE run_id = ?1 AND length(content_hash) = {HASH_LENGTH}
), least AS (
    SELECT batch, path FROM mine WHERE label IS NOT NULL ORDER BY confidence, batch, path LIMIT ?2
)
SELECT batch, path, content_hash, CASE WHEN label IS NULL THEN '' ELSE model_version END
FROM mine WHERE review IS NOT NULL OR (error IS NOT NULL AND error NOT LIKE 'decoding it %')
    OR (batch, path) IN (SELECT batch, path FROM least)
    OR (batch, path) IN (SELECT batch, path FROM audit_sample WHERE run_id = ?1)
ORDER BY batch, confidence, path
"""


def wanted_pictures(database: Database, run_id: str, uncertain: int) -> list[Wanted]:
    """Return a run's images that are flagged, failed, in the audit sample or least certain.

    Batch by batch, the least certain first: a run that has no time for all has those.
    """
    return [Wanted(*row) for row in database.query(WANTED, (run_id, uncertain))]
