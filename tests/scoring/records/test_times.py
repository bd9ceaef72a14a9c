from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.records.times import ago, read_moment, utc_offset, utc_text

ZONES = [
    ZoneInfo("Pacific/Auckland"),
    ZoneInfo("America/St_Johns"),
    ZoneInfo("Asia/Kathmandu"),
    UTC,
]
moments = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.sampled_from(ZONES))
NOW = datetime(2026, 11, 21, 18, 5, tzinfo=timezone(timedelta(hours=13)))


@given(moments, moments)
def test_texts_sort_like_the_instants_whatever_their_zones(one: datetime, other: datetime) -> None:
    assert (utc_text(one) < utc_text(other)) == (one.astimezone(UTC) < other.astimezone(UTC))
    assert len(utc_text(one)) == len(utc_text(other))


@given(moments)
def test_a_time_is_shown_as_its_clock_told_it(moment: datetime) -> None:
    back = read_moment(utc_text(moment), utc_offset(moment))
    assert back == moment.astimezone(UTC)
    assert back.isoformat() == moment.isoformat()


@pytest.mark.parametrize("days", [999_999, 10**9, 10**15])
def test_longer_ago_than_there_are_dates_is_the_first_of_them(days: int) -> None:
    assert ago(NOW, days) == datetime.min.replace(tzinfo=UTC)
    assert utc_text(ago(NOW, days)) < utc_text(NOW)


def test_days_ago() -> None:
    assert ago(NOW, 2) == NOW - timedelta(days=2)
