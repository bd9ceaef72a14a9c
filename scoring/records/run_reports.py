"""What a run's report shows, as JSON that stands in the ledger as long as the run does."""

from __future__ import annotations

from scoring.records.database import Database


def keep(database: Database, run_id: str, facts: str) -> None:
    """Write a report's facts down, once: what was known at the run's end stays."""
    with database.transaction() as connection:
        connection.execute("INSERT OR IGNORE INTO run_reports VALUES (?, ?)", (run_id, facts))


def find(database: Database, run_id: str) -> str | None:
    """Return a report's facts; None where none were kept."""
    rows = database.query("SELECT facts FROM run_reports WHERE run_id = ?", (run_id,))
    return str(rows[0][0]) if rows else None
