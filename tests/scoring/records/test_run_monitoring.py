"""What was found in runs, and in the nights before one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from scoring.records import run_monitoring
from scoring.records.ledger import Kind, Ledger
from tests.scoring.records.scored import NIGHT


def start(ledger: Ledger, run_id: str, day: int, kind: Kind = "nightly") -> None:
    due = NIGHT.due_date + timedelta(days=day) if NIGHT.due_date and kind == "nightly" else None
    ledger.start_run(replace(NIGHT, id=run_id, kind=kind, due_date=due))


def test_the_nights_before_a_run_newest_first(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db", 1) as ledger:
        database = ledger.database
        for day in range(4):
            start(ledger, f"n{day}", day)
            run_monitoring.keep(database, f"n{day}", "v1", {"night": day})
        start(ledger, "by hand", 9, "manual")
        run_monitoring.keep(database, "by hand", "v1", {"night": 9})
        run_monitoring.keep(database, "n2", "v2", {"night": 2})

        def found(version: str, run_id: str | None, most: int = 10) -> list[str]:
            nights = run_monitoring.nights_before(database, version, run_id, most)
            return [one.run_id for one in nights]

        assert found("v1", "n3") == ["n2", "n1", "n0"]
        assert found("v1", "n3", 2) == ["n2", "n1"]
        assert found("v1", "n0") == []
        assert found("v1", "by hand") == ["n3", "n2", "n1", "n0"]
        assert found("v1", None, 1) == ["n3"]
        assert found("v2", None) == ["n2"]
        assert run_monitoring.find(database, "n2") == {"v1": {"night": 2}, "v2": {"night": 2}}


def test_what_is_found_again_takes_the_place_of_what_was(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db", 1) as ledger:
        start(ledger, "n1", 0)
        run_monitoring.keep(ledger.database, "n1", "v1", {"a": 1})
        run_monitoring.keep(ledger.database, "n1", "v1", {"a": 2})
        assert run_monitoring.find(ledger.database, "n1") == {"v1": {"a": 2}}
        with pytest.raises(ValueError, match="JSON"):
            run_monitoring.keep(ledger.database, "n1", "v1", {"a": float("nan")})
