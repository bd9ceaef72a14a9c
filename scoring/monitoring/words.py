"""Numbers, days and names as a person reads them, in English whatever the machine's locale."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from scoring.protocol.percent import in_percent

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
ELLIPSIS = "…"


def count(number: int) -> str:
    """Return a whole number with commas between thousands."""
    return f"{number:,}"


def number_of(number: int, one: str, many: str = "") -> str:
    """Return ``1 picture``, ``12 pictures``."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def wants_a_person(number: int) -> str:
    """Return ``1 wants a person``, ``12 want a person``."""
    return f"{count(number)} {'wants' if number == 1 else 'want'} a person"


def for_review(flagged: int, drawn: int, failed: int = 0) -> str:
    """Return why pictures are to be looked at: ``33 flagged, and 60 drawn at random to …``."""
    parts = [f"{count(flagged)} flagged"] if flagged else []
    parts += [f"{count(failed)} not read"] if failed else []
    check = [f"{count(drawn)} drawn at random to check how right the model is"] if drawn else []
    return ", and ".join([*([", ".join(parts)] if parts else []), *check])


def percent(share: float | None) -> str:
    """Return a share of 1 in percent: whole, but near 0 and 100 with a decimal that says more."""
    if share is None:
        return "–"
    near_an_end = 0 < share < 0.01 or 0.9 < share < 1
    text = in_percent(share, 1 if near_an_end else 0)
    return f"{text.removesuffix('.0')} %"


def seconds(duration: float | None) -> str:
    """Return a duration as a person says it."""
    if duration is None:
        return "–"
    if duration < 10:
        return f"{duration:.1f} s"
    if duration < 120:
        return f"{duration:.0f} s"
    hours, minutes = divmod(round(duration / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def amount(value: float | None) -> str:
    """Return a number with about three digits."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def day(of: date) -> str:
    """Return ``Wednesday 25 November 2026``."""
    return f"{WEEKDAYS[of.weekday()]} {of.day} {MONTHS[of.month - 1]} {of.year}"


def short_day(of: date) -> str:
    """Return ``25 Nov``."""
    return f"{of.day} {MONTHS[of.month - 1][:3]}"


def days(of: Sequence[date]) -> str:
    """Return one day, or the first and the last of several."""
    if len(of) == 1:
        return day(of[0])
    return f"{short_day(of[0])} to {day(of[-1])}"


def clock(moment: datetime) -> str:
    """Return ``18:05``, by the clock that told the moment."""
    return f"{moment:%H:%M}"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Return ``a, b and c``; of more than ``most`` the first, and how many more."""
    shown = list(names[:most])
    if len(names) > most:
        return f"{', '.join(shown)} and {count(len(names) - most)} more"
    return " and ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:])))


def cut(text: str, most: int) -> str:
    """Return a text no longer than ``most`` characters; the middle goes, for ends tell apart."""
    if len(text) <= most:
        return text
    head = (most - 1) * 2 // 3
    return text[:head] + ELLIPSIS + text[len(text) - (most - 1 - head) :]


def capitalised(text: str) -> str:
    """Return a text with its first letter large."""
    return text[:1].upper() + text[1:]
