"""The facts of reports in the ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from scoring.records import run_reports
from scoring.records.ledger import Ledger, Run

NOW = datetime(2026, 11, 21, 18, 5, tzinfo=UTC)
RUN = Run("r1", "manual", None, "all", ("G1",), "running", "", "fashion", "v1", NOW, None)


def test_the_facts_that_were_kept_first_stay(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db", 1) as ledger:
        ledger.start_run(RUN)
        assert run_reports.find(ledger.database, "r1") is None
        run_reports.keep(ledger.database, "r1", '{"a": 1}')
        run_reports.keep(ledger.database, "r1", '{"a": 2}')
        assert run_reports.find(ledger.database, "r1") == '{"a": 1}'


def test_they_go_with_their_run(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db", 1) as ledger:
        ledger.start_run(RUN)
        run_reports.keep(ledger.database, "r1", "{}")
        ledger.finish_run("r1", "done", "", NOW)
        ledger.start_run(replace(RUN, id="r2"))
        ledger.prune(NOW.replace(year=2027), lambda _batch, _path: True)
        assert run_reports.find(ledger.database, "r1") is None
