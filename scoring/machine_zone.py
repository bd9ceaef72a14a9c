"""Which time zone this machine keeps: the one that its clock shows, and what else it says.

The clock of a POSIX system goes by the variable TZ, else by /etc/localtime, else it shows UTC; so
do ``date``, cron and every log. /etc/timezone only names a zone, and nobody keeps it true.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from msgspec import Struct

from scoring.protocol.errors import SettingsError

ROOT = Path("/")
LOCALTIME, TIMEZONE = "etc/localtime", "etc/timezone"
ZONE_FILES = "usr/share/zoneinfo"
# The names that are no older name of another: of several equal files this is the one to tell.
CANONICAL_NAMES = "usr/share/zoneinfo/zone1970.tab"
LINKS_FOLLOWED = 8
# Two zones whose clocks show the same for that long are one, whatever they are called.
DAYS_COMPARED = 400
UTC_ZONE = ZoneInfo("UTC")
# What lies beside the zones and is none, as ``zoneinfo.available_timezones`` has it.
NO_ZONES = ("posix", "right", "posixrules")
# What a zone's file calls a time before any rule holds.
NO_NAME = b"-00\0"


class ZoneSource(Struct, frozen=True):
    """A place that tells a zone, like ``/etc/localtime``."""

    place: str
    zone: tzinfo

    def __str__(self) -> str:
        return f"{zone_name(self.zone)} by {self.place}"


def zone_name(zone: tzinfo) -> str:
    """Return the IANA name, or what the zone calls the present time where it has none."""
    return getattr(zone, "key", None) or datetime.now(zone).tzname() or "unnamed"


@lru_cache(maxsize=1)
def machine_zone(root: Path = ROOT) -> ZoneSource:
    """Return the zone that the machine's clock shows; ``root`` is where ``etc`` lies.

    It is looked up once; ``look_anew`` is for a program that stays. Raises SettingsError where
    what counts names no zone.
    """
    if sys.platform == "win32":
        return ZoneSource("Windows", _windows_zone())
    variable = os.environ.get("TZ")
    if variable is not None:
        return ZoneSource("TZ", _zone_of_variable(variable, root))
    file = root / LOCALTIME
    if file.exists():
        return ZoneSource(f"/{LOCALTIME}", _zone_of_file(file, root))
    return ZoneSource(f"a missing /{LOCALTIME}", UTC_ZONE)


def look_anew() -> None:
    """Have the next look at any zone read its file, for a program that stays.

    Another zone may be set, and the rules of one change: Python keeps those that it has read.
    """
    machine_zone.cache_clear()
    ZoneInfo.clear_cache()


def same_zone(one: tzinfo, other: tzinfo) -> bool:
    """Tell whether two zones have one name, and show the same times for a year to come."""
    return one is other or (zone_name(one) == zone_name(other) and not _differ(one, other))


def other_zones(root: Path = ROOT) -> list[ZoneSource]:
    """Return the places that tell another zone than the clock's, so that somebody erred."""
    clock = machine_zone(root)
    told = () if sys.platform == "win32" else _told(root)
    return [one for one in told if one.place != clock.place and _differ(one.zone, clock.zone)]


def describe_zones(clock: ZoneSource, others: list[ZoneSource]) -> str:
    """Say that the machine names several zones, and what to do about it."""
    names = dict.fromkeys(getattr(one.zone, "key", None) for one in (clock, *others))
    # What a rule's or a nameless file's zone calls the time is no name for it: EST has no summer.
    choice = " or ".join(
        f'zone = "{name}"' if name else 'the name of its zone, like zone = "Europe/Berlin",'
        for name in names
    )
    told = ", but ".join(str(one) for one in (clock, *others))
    return (
        f"the machine's zone is {told}; the clock's is used. To be sure, write {choice} below "
        "[schedule] in settings.local.toml"
    )


def _told(root: Path) -> Iterator[ZoneSource]:
    file = root / LOCALTIME
    name = _name_in_path(file)
    if file.exists():
        yield ZoneSource(f"/{LOCALTIME}", _zone_of_file(file, root))
    elif zone := _known(name):  # a link to zones that are not installed
        yield ZoneSource(f"/{LOCALTIME}", zone)
    try:
        words = (root / TIMEZONE).read_text(encoding="ascii").split("#")[0].split()
        if words:
            yield ZoneSource(f"/{TIMEZONE}", ZoneInfo(words[0]))
    except (OSError, ValueError, ZoneInfoNotFoundError):
        pass  # no such file, or no zone in it


def _zone_of_variable(variable: str, root: Path) -> tzinfo:
    name = variable.removeprefix(":")
    if os.path.isabs(name):
        return _zone_of_file(Path(name), root)
    try:
        return ZoneInfo(name) if name else UTC_ZONE
    except (OSError, ValueError, ZoneInfoNotFoundError):
        pass
    try:
        return _zone_of_rule(name)
    except ValueError as error:
        raise _no_zone(f"TZ={variable!r} is no zone like Europe/Berlin") from error


@lru_cache(maxsize=8)
def _zone_of_rule(rule: str) -> tzinfo:
    """Return the zone of a rule like ``CET-1CEST,M3.5.0,M10.5.0/3`` (POSIX.1, 8.3).

    Python reads such a rule only at the end of a zone's file (RFC 9636), so it is given one that
    holds nothing else. Raises ValueError.
    """
    if not rule.isascii() or not rule.isprintable():
        raise ValueError(rule)
    counts = struct.pack(">6l", 0, 0, 0, 0, 1, len(NO_NAME))
    part = b"TZif2" + bytes(15) + counts + struct.pack(">lBB", 0, 0, 0) + NO_NAME
    return ZoneInfo.from_file(BytesIO(part + part + b"\n" + rule.encode("ascii") + b"\n"))


def _zone_of_file(file: Path, root: Path) -> tzinfo:
    """Return a file's zone, under the name that it is a link to, or a copy of, if any."""
    name = _name_in_path(file)
    try:
        return _known(name) or _zone_of_bytes(file.read_bytes(), root)
    except (OSError, ValueError) as error:
        raise _no_zone(f"{file} cannot be read: {error}") from error


def _known(name: str) -> ZoneInfo | None:
    """Return the zone of that name, if there is one; the list of all takes 600 files to make."""
    if not name or name.split("/")[0] in NO_ZONES:
        return None
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return None


def _name_in_path(file: Path) -> str:
    """Return what stands behind ``zoneinfo/`` in a path, or in what it is a link to."""
    for _ in range(LINKS_FOLLOWED):
        if "zoneinfo" in file.parts:
            parts = file.parts[::-1]
            return "/".join(parts[: parts.index("zoneinfo")][::-1])
        if not file.is_symlink():
            break
        file = file.parent / file.readlink()
    return ""


@lru_cache(maxsize=8)
def _zone_of_bytes(content: bytes, root: Path) -> tzinfo:
    """Return the zone of a file's content: the same object for the same content."""
    try:
        canonical = (root / CANONICAL_NAMES).read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        canonical = []
    for name in sorted(available_timezones(), key=lambda name: (name not in canonical, name)):
        try:
            if (root / ZONE_FILES / name).read_bytes() == content:
                return ZoneInfo(name)
        except OSError:
            continue
    return ZoneInfo.from_file(BytesIO(content))


def _differ(one: tzinfo, other: tzinfo) -> bool:
    """Tell whether two clocks differ on any day of the coming year."""
    start = datetime.now(UTC)
    days = (start + timedelta(days=day) for day in range(DAYS_COMPARED))
    return any(day.astimezone(one).utcoffset() != day.astimezone(other).utcoffset() for day in days)


def _windows_zone() -> tzinfo:
    # APScheduler's own dependency: it knows what IANA calls the zones of Windows.
    from tzlocal import reload_localzone

    try:
        return reload_localzone()
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise _no_zone(str(error).splitlines()[0]) from error


def _no_zone(reason: str) -> SettingsError:
    return SettingsError(f"the machine's time zone: {reason}; set schedule.zone")
