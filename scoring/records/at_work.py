"""Which of the runs that have not ended somebody is at work on; the others were interrupted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from scoring.records.rows import Run


def run_at_work(runs: Iterable[Run], since: str | None) -> Run | None:
    """Return the run that whoever holds the run lock works on.

    ``since`` is when he took it, as an ISO-8601 time; None: nobody has. One that was begun since
    then, else the latest: it was resumed.
    """
    running = sorted(
        (run for run in runs if run.state == "running"), key=lambda run: run.started_at
    )
    if since is None or not running:
        return None
    began = datetime.fromisoformat(since)
    return next((run for run in running if run.started_at >= began), running[-1])
