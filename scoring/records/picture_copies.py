"""Where a picture is known by its content: its names, the reports of runs, its reviews."""

from __future__ import annotations

from scoring.records.ledger_reader import LedgerReader

NAMES = """
SELECT batch, path FROM predictions WHERE content_hash = ?1
UNION SELECT batch, path FROM reviews WHERE content_hash = ?1
UNION SELECT batch, path FROM audit_sample WHERE content_hash = ?1 ORDER BY 1, 2
"""
CONTENTS = """
SELECT content_hash FROM predictions WHERE batch = ?1 AND path = ?2
UNION SELECT content_hash FROM reviews WHERE batch = ?1 AND path = ?2
"""
# The facts of a report name the pictures it shows. A run without kept facts may show its own.
REPORTING = """
SELECT r.id FROM runs r LEFT JOIN run_reports f ON f.run_id = r.id
WHERE instr(f.facts, ?1) > 0 OR (f.facts IS NULL AND r.id IN
    (SELECT run_id FROM predictions WHERE content_hash = ?1))
ORDER BY r.number
"""
REVIEWS = "SELECT count(*) FROM reviews WHERE content_hash = ?"


def names(ledger: LedgerReader, content_hash: str) -> list[tuple[str, str]]:
    """Return the batch and path of every image that had the content."""
    return list(ledger.database.query(NAMES, (content_hash,)))


def contents(ledger: LedgerReader, name: str) -> list[str]:
    """Return what contents an image ``BATCH/path`` had; a batch's name may have slashes, too."""
    cuts = [place for place, character in enumerate(name) if character == "/"]
    found: dict[str, None] = {}
    for cut in cuts:
        for (content_hash,) in ledger.database.query(CONTENTS, (name[:cut], name[cut + 1 :])):
            if content_hash:
                found[content_hash] = None
    return list(found)


def reporting_runs(ledger: LedgerReader, content_hash: str) -> list[str]:
    """Return the runs whose report may show a picture, in order."""
    return [run_id for (run_id,) in ledger.database.query(REPORTING, (content_hash,))]


def count_reviews(ledger: LedgerReader, content_hash: str) -> int:
    """Return how many reviews there are of a content, wherever it lay."""
    return int(ledger.database.query(REVIEWS, (content_hash,))[0][0])
