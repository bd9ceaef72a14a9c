"""The report of a run as a file: as it lies there, or made anew from the ledger.

Another process makes it: what draws pictures smaller is large, and the desk is up all day.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

from scoring.protocol.errors import ScoringError
from scoring.records.ledger import Run
from scoring.settings import CODE_ROOT, Settings

COMMAND = "scoring.monitoring.report"
MOST_SECONDS = 60.0

logger = logging.getLogger("scoring.desk")


def report_file(settings: Settings, run_id: str) -> Path:
    """Return where the page of a run lies, if it does."""
    from scoring.monitoring.report import PAGE, report_folder

    return report_folder(settings, run_id) / PAGE


def read_report(settings: Settings, run: Run) -> bytes:
    """Return a run's page; raises ScoringError where it can be neither read nor made."""
    path = report_file(settings, run.id)
    try:
        return path.read_bytes()
    except OSError:
        make_report(settings, run.id)
    try:
        return path.read_bytes()
    except OSError as error:
        raise ScoringError(f"{path} cannot be read: {error.strerror or error}") from error


def make_report(settings: Settings, run_id: str | None = None) -> None:
    """Write the report of a run, by default the latest, anew; raises ScoringError."""
    command = [sys.executable, "-m", COMMAND, *([run_id] if run_id else [])]
    try:
        done = subprocess.run(
            command,
            cwd=CODE_ROOT,
            env={**os.environ, **settings.handed_on()},
            capture_output=True,
            text=True,
            timeout=MOST_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ScoringError(f"the report could not be made: {error}") from error
    if done.returncode:
        # The last line is the error; what may stand before it is for a log.
        *traceback, said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        if traceback:
            logger.error("the report could not be made: %s", done.stderr)
        said = said.removeprefix("error: ")
        raise ScoringError(f"the report could not be made: {said}")
