"""The id of a run: when it started, and four digits that tell runs of one second apart."""

from __future__ import annotations

import secrets
from datetime import datetime

START = "%Y%m%d-%H%M%S"
START_LENGTH = len("20261121-180500")


def new_run_id(started_at: datetime) -> str:
    """Return an id like ``20261121-180500-3f9c``; ids sort by time."""
    return f"{started_at:{START}}-{secrets.token_hex(2)}"


def start_of(run_id: str) -> datetime | None:
    """Return when a run started, by the wall clock of its zone; None for what is no id of a run."""
    told = run_id[:START_LENGTH]
    try:
        start = datetime.fromisoformat(told)
    except ValueError:
        return None
    # ISO 8601 has other ways to write a time, which are no id.
    return start if f"{start:{START}}" == told else None
