"""Times as the ledger keeps them: UTC, as text that sorts like the instants it names.

Zones and clocks change between two runs; instants do not. What a person is shown has the offset
that held when it was written.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone


def utc_text(moment: datetime) -> str:
    """Return an instant as ``2026-11-21T17:05:00.000000+00:00``; always as long as that."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def utc_offset(moment: datetime) -> int:
    """Return how many seconds the clock that told this time was ahead of UTC."""
    offset = moment.utcoffset()
    return int(offset.total_seconds()) if offset else 0


def read_moment(text: str, offset: int) -> datetime:
    """Return the instant of ``utc_text``, told by a clock ``offset`` seconds ahead of UTC."""
    return datetime.fromisoformat(text).astimezone(timezone(timedelta(seconds=offset)))


def ago(now: datetime, days: int) -> datetime:
    """Return the time so many days back; the earliest there is where that lies before it."""
    try:
        return now - timedelta(days=days)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)
