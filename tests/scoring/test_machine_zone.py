from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest

from scoring.machine_zone import (
    ZONE_FILES,
    _known,
    describe_zones,
    machine_zone,
    other_zones,
    zone_name,
)
from scoring.protocol.errors import SettingsError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="files of POSIX systems")
ZONES = Path("/") / ZONE_FILES

Machine = Callable[..., Path]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Return a maker of a root folder with an ``etc`` that says what the test wants."""
    monkeypatch.delenv("TZ", raising=False)
    machine_zone.cache_clear()
    (tmp_path / "etc").mkdir()

    def make(link: str | None = None, copy: str | None = None, named: str | None = None) -> Path:
        if link:
            os.symlink(link, tmp_path / "etc" / "localtime")
        if copy:
            shutil.copyfile(ZONES / copy, tmp_path / "etc" / "localtime")
        if named is not None:
            (tmp_path / "etc" / "timezone").write_text(named)
        return tmp_path

    yield make
    machine_zone.cache_clear()


def told(root: Path) -> tuple[str, list[str]]:
    return str(machine_zone(root)), [str(other) for other in other_zones(root)]


def test_the_clock_goes_by_localtime_and_what_timezone_says_is_told(machine: Machine) -> None:
    root = machine(link=f"{ZONES}/Europe/Berlin", named="UTC\n")
    assert told(root) == ("Europe/Berlin by /etc/localtime", ["UTC by /etc/timezone"])
    assert machine_zone(root).zone is ZoneInfo("Europe/Berlin")


def test_a_copy_of_a_zone_is_that_zone(machine: Machine) -> None:
    """So a container's ``cp`` makes it, and it has no name of its own."""
    root = machine(copy="Europe/Berlin", named="Etc/UTC")
    (root / "usr").symlink_to("/usr")
    assert told(root) == ("Europe/Berlin by /etc/localtime", ["Etc/UTC by /etc/timezone"])


def test_a_copy_that_no_installed_zone_equals_still_counts(
    machine: Machine, tmp_path: Path
) -> None:
    root = machine(copy="Asia/Kathmandu", named="Asia/Kathmandu")
    assert zone_name(machine_zone(root).zone) == "+0545"
    assert other_zones(root) == []


@pytest.mark.parametrize(
    ("link", "named"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("Europe/Berlin", "Europe/Paris\n"),
        ("Etc/UTC", "UTC"),
        ("Etc/UTC", None),
        ("Etc/UTC", ""),
        ("Etc/UTC", "no zone at all"),
        ("Etc/UTC", "Etc/UTC # as on every server"),
    ],
)
def test_two_names_for_the_same_hours_are_no_trouble(
    machine: Machine, link: str, named: str | None
) -> None:
    root = machine(link=f"{ZONES}/{link}", named=named)
    assert told(root) == (f"{link} by /etc/localtime", [])


def test_a_link_keeps_the_name_it_was_given(machine: Machine, tmp_path: Path) -> None:
    aside = tmp_path / "aside"
    aside.symlink_to(f"{ZONES}/Europe/Stockholm")
    assert told(machine(link=str(aside)))[0] == "Europe/Stockholm by /etc/localtime"


def test_without_localtime_the_clock_shows_utc(machine: Machine) -> None:
    root = machine(named="Europe/Berlin")
    clock, others = told(root)
    assert (clock, others) == (
        "UTC by a missing /etc/localtime",
        ["Europe/Berlin by /etc/timezone"],
    )


def test_zones_that_are_not_installed_are_told(machine: Machine) -> None:
    root = machine(link="../gone/zoneinfo/Europe/Berlin")
    clock, others = told(root)
    assert (clock, others) == (
        "UTC by a missing /etc/localtime",
        ["Europe/Berlin by /etc/localtime"],
    )


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("America/New_York", "America/New_York"),
        (":America/New_York", "America/New_York"),
        (f"{ZONES}/America/New_York", "America/New_York"),
        ("", "UTC"),
    ],
)
def test_the_variable_wins_and_the_rest_is_told(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, variable: str, name: str
) -> None:
    root = machine(link=f"{ZONES}/Europe/Berlin", named="Asia/Tokyo")
    monkeypatch.setenv("TZ", variable)
    others = ["Europe/Berlin by /etc/localtime", "Asia/Tokyo by /etc/timezone"]
    assert told(root) == (f"{name} by TZ", others)


@pytest.mark.parametrize("variable", ["Nowhere/Town", "/etc/passwd", "CET-1CEST,M3.5.0"])
def test_a_variable_that_names_no_zone_is_an_error_that_says_what_to_set(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv("TZ", variable)
    with pytest.raises(SettingsError, match=r"^the machine's time zone: .*; set schedule\.zone$"):
        machine_zone(machine())


@pytest.mark.parametrize(
    ("variable", "winter", "summer"),
    [("UTC+3", -3, -3), ("CET-1CEST,M3.5.0,M10.5.0/3", 1, 2), ("<+05>-5", 5, 5)],
)
def test_a_variable_may_hold_a_rule_as_posix_has_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, variable: str, winter: int, summer: int
) -> None:
    """The C library reads such rules, so the machine's clock goes by them."""
    monkeypatch.setenv("TZ", variable)
    zone = machine_zone(machine()).zone
    for month, hours in ((1, winter), (7, summer)):
        moment = datetime(2026, month, 15, 12, tzinfo=zone)
        assert moment.utcoffset() == timedelta(hours=hours)


def test_what_a_rule_calls_its_time_is_not_advised_as_a_zone(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``EST`` is a zone without a summer, and ``+05`` is none."""
    monkeypatch.setenv("TZ", "EST5EDT,M3.2.0,M11.1.0")
    root = machine(link=f"{ZONES}/Europe/Berlin")
    assert describe_zones(machine_zone(root), other_zones(root)).endswith(
        'To be sure, write the name of its zone, like zone = "Europe/Berlin", or '
        'zone = "Europe/Berlin" below [schedule] in settings.local.toml'
    )


def test_a_localtime_that_is_no_zone_is_an_error(machine: Machine) -> None:
    root = machine()
    (root / "etc" / "localtime").write_text("Europe/Berlin")
    with pytest.raises(SettingsError, match=r"set schedule\.zone"):
        machine_zone(root)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "Europe",
            "zone.tab",
            "leapseconds",
            "posix/Europe/Berlin",
            "right/UTC",
            "posixrules",
        ),
        *("../etc/passwd", "/etc/localtime", "Europe/Nowhere", "Europe/Berlin\0"),
    ],
)
def test_what_lies_beside_the_zones_is_none(name: str) -> None:
    assert name not in available_timezones()
    assert _known(name) is None


def test_every_zone_is_known_by_its_name() -> None:
    names = available_timezones()
    assert {name for name in names if _known(name)} == names
