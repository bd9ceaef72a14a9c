from __future__ import annotations

from datetime import UTC, datetime

import pytest

from scoring.records.run_id import new_run_id, start_of

NOW = datetime(2026, 11, 21, 18, 5, 7, tzinfo=UTC)


def test_an_id_tells_when_its_run_started() -> None:
    run_id = new_run_id(NOW)
    assert run_id.startswith("20261121-180507-")
    assert start_of(run_id) == NOW.replace(tzinfo=None)


def test_two_runs_of_one_second_have_two_ids() -> None:
    assert len({new_run_id(NOW) for _ in range(4)}) > 1


@pytest.mark.parametrize(
    "name", ["", "lost+found", "20261399-180507-abcd", "20261121", "2026-11-21T1805"]
)
def test_what_is_no_id_tells_no_time(name: str) -> None:
    assert start_of(name) is None
