"""What people said of a run's images, as its accuracy is made from it: one model's, in few queries.

Of a picture the last review stands, unless it says 'undone'; it counts where it was of the version
of the model that is asked about.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from scoring.records.database import Database

# How many of a run's images were not marked, and marked: its figures stay when later runs score
# the same images again.
COUNTS = """
SELECT coalesce(sum(images - failed - flagged), 0), coalesce(sum(flagged), 0) FROM run_batches
WHERE run_id = ? AND model_version = ?
"""
STANDING = """
    AND r.id = (SELECT max(l.id) FROM reviews l WHERE l.batch = r.batch AND l.path = r.path
        AND l.content_hash = r.content_hash)
    AND r.model_version = ?2 AND r.predicted IS NOT NULL AND r.verdict <> 'undone'
"""
SAMPLE = f"""
SELECT r.verdict, coalesce(r.label = r.predicted, 0), r.confidence, r.source FROM audit_sample a
LEFT JOIN reviews r ON r.batch = a.batch AND r.path = a.path AND r.content_hash = a.content_hash
{STANDING}
WHERE a.run_id = ?1 AND a.model_version = ?2
"""
# A picture that was scored again is the newest run's in the ledger, and so is what is said of it
# from then on; it stays one of the run that scored it first. Of what a run lists, an earlier one
# had scored what that one lists, too.
MARKED = f"""
WITH marked AS (
    SELECT batch, path, content_hash, confidence FROM predictions
    WHERE run_id = ?1 AND model_version = ?2 AND review IS NOT NULL
    UNION ALL
    SELECT batch, path, content_hash, confidence FROM reviews
    WHERE run_id = ?1 AND model_version = ?2 AND flagged IS NOT NULL
    UNION ALL
    SELECT p.batch, p.path, p.content_hash, p.confidence FROM runs mine
    JOIN run_images i ON i.run_id = mine.id
    JOIN predictions p ON p.id = i.prediction_id
    JOIN runs made ON made.id = p.run_id
    WHERE ?3 AND mine.id = ?1 AND p.model_version = ?2 AND p.review IS NOT NULL
    AND made.number > mine.number AND NOT EXISTS (
        SELECT 1 FROM run_images e JOIN runs before ON before.id = e.run_id
        WHERE e.prediction_id = p.id AND before.number < mine.number)
)
SELECT r.verdict, coalesce(r.label = r.predicted, 0), max(m.confidence) FROM marked m
LEFT JOIN reviews r ON r.batch = m.batch AND r.path = m.path AND r.content_hash = m.content_hash
{STANDING}
GROUP BY m.batch, m.path, m.content_hash
"""
STILL_ITS_OWN = """
SELECT count(*) FROM predictions WHERE run_id = ? AND model_version = ? AND review IS NOT NULL
"""
SHARING = """
SELECT DISTINCT e.run_id FROM run_images i JOIN run_images e ON e.prediction_id = i.prediction_id
WHERE i.run_id = ?1 AND e.run_id <> ?1
"""
CANNOT_TELL = "cannot tell"
# There the sample is judged as it was drawn; elsewhere people say what struck them.
AS_DRAWN = "desk"


class Judged(Struct, frozen=True):
    """An image that a person judged: whether the model was right, and how sure it had been."""

    right: bool
    confidence: float


class AuditedRun(Struct, frozen=True):
    """What is known of a run's images of one model.

    Attributes:
        unmarked: images that the model did not mark; ``drawn`` of them for the sample.
        judged: those of the sample that people judged as they were drawn; where all of it is
            judged, all.
        marked_right, marked_wrong: marked ones that people judged.
        marked_surprise: the sum of (right - confidence) over those.
        waiting: marked ones that nobody judged, or could tell.
        waiting_confidence: how many of those are right if the model is as right as it is sure.
        picked: others of the sample, that somebody picked: who corrects a table, or sends
            feedback, tells of wrong answers first. They stand for themselves only.
    """

    unmarked: int
    drawn: int
    judged: tuple[Judged, ...]
    marked_right: int
    marked_wrong: int
    marked_surprise: float
    waiting: int
    waiting_confidence: float
    picked: tuple[Judged, ...] = ()


def audited_run(database: Database, run_id: str, model_version: str) -> AuditedRun:
    """Return what people said of a run's images of one version of a model."""
    which = (run_id, model_version)
    ((unmarked, marked),) = database.query(COUNTS, which)
    sample = database.query(SAMPLE, which)
    found = _marked(database, which, marked)
    known = _judged(found)
    confidence = sum(row[2] or 0.0 for row in found) / len(found) if found else 0.0
    judged, picked = _as_drawn(sample)
    right = sum(one.right for one in known)
    waiting = max(0, marked - len(known))
    return AuditedRun(
        unmarked=unmarked,
        drawn=len(sample),
        judged=tuple(_judged(judged)),
        marked_right=right,
        marked_wrong=len(known) - right,
        marked_surprise=sum(one.right - one.confidence for one in known),
        waiting=waiting,
        waiting_confidence=waiting * confidence,
        picked=tuple(_judged(picked)),
    )


def runs_sharing_images(database: Database, run_id: str) -> set[str]:
    """Return the other runs that list images, with their answers, which a run lists."""
    return {run for (run,) in database.query(SHARING, (run_id,))}


def _marked(database: Database, which: tuple[str, str], count: int) -> list[Any]:
    """Return the run's marked images with what is said of them; those scored again since, too."""
    ((own,),) = database.query(STILL_ITS_OWN, which)
    # All that a run lists is looked through only where some of its marked ones are no more its own.
    return database.query(MARKED, (*which, own < count))


def _as_drawn(sample: list[Any]) -> tuple[list[Any], list[Any]]:
    """Return what was judged as it was drawn, and what somebody picked; without the source."""
    is_whole = all(verdict is not None for verdict, *_ in sample)
    drawn = [row[:3] for row in sample if is_whole or row[3] == AS_DRAWN]
    return drawn, [] if is_whole else [row[:3] for row in sample if row[3] != AS_DRAWN]


def _judged(rows: list[Any]) -> list[Judged]:
    return [
        Judged(bool(right), confidence or 0.0)
        for verdict, right, confidence in rows
        if verdict is not None and verdict != CANNOT_TELL
    ]
