from __future__ import annotations

import shutil
import sqlite3
import tempfile
import threading
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from scoring.protocol.errors import LedgerError, LedgerNewer
from scoring.records.ledger import ChunkCost, Ledger, Model, ScoredImage
from scoring.records.schema import SCHEMA_VERSION
from tests.scoring.records.scored import NIGHT, NOW

RUN = replace(NIGHT, id="r1", kind="manual", due_date=None, scope="all")


def scored(num: int, label: str = "shirt", digest: str = "d") -> ScoredImage:
    return ScoredImage(num, f"{num}.png", digest, label=label, confidence=0.9)


def test_a_run_is_read_as_it_was_written(ledger: Ledger) -> None:
    nightly = replace(RUN, id="r2", kind="nightly", due_date=date(2026, 11, 21))
    ledger.start_run(RUN)
    ledger.start_run(nightly)
    assert ledger.run("r1") == RUN
    assert ledger.nightly_run(date(2026, 11, 21)) == nightly
    assert ledger.nightly_run(date(2026, 11, 22)) is None
    assert {run.id for run in ledger.running()} == {"r1", "r2"}
    ledger.finish_run("r1", "done", "", NOW)
    ledger.finish_run("r1", "failed", "too late", NOW)
    assert ledger.run("r1") == replace(RUN, state="done", finished_at=NOW)


def test_a_run_knows_its_settings_and_the_offset_it_was_started_with(ledger: Ledger) -> None:
    began = NOW.astimezone(ZoneInfo("Pacific/Auckland"))
    ledger.start_run(replace(RUN, started_at=began, settings='{"client.model": "digits"}'))
    run = ledger.run("r1")
    assert run
    assert run.settings == '{"client.model": "digits"}'
    assert run.started_at.isoformat() == "2026-11-22T07:05:00+13:00"


@pytest.mark.parametrize(
    ("zone", "hours"), [("UTC", 1), ("UTC", -2), ("Pacific/Auckland", -24), ("UTC", -400 * 24)]
)
def test_the_latest_run_is_the_one_written_down_last_whatever_the_clocks_said(
    ledger: Ledger, zone: str, hours: int
) -> None:
    """The zone or the clock was changed between the two runs."""
    ledger.start_run(replace(RUN, id="r9", started_at=NOW.astimezone(ZoneInfo("Asia/Tokyo"))))
    later = (NOW + timedelta(hours=hours)).astimezone(ZoneInfo(zone))
    ledger.start_run(replace(RUN, id="r1", started_at=later))
    latest = ledger.runs(1)[0]
    assert latest
    assert latest.id == "r1"
    assert [run.id for run in ledger.runs(9)] == ["r1", "r9"]


def test_of_two_models_the_later_run_is_known_though_its_clock_was_behind(ledger: Ledger) -> None:
    for run_id, version, now in (("r1", "v2", NOW), ("r2", "v1", NOW - timedelta(days=1))):
        ledger.start_run(replace(RUN, id=run_id, model_version=version, started_at=now))
        ledger.touch_batch(run_id, "G1", 0, ["1.png"])
        ledger.commit_chunk(run_id, "G1", version, [scored(1, version)], ChunkCost(), now)
    known = ledger.find_prediction("G1", "1.png", "d", None)
    assert known
    ledger.start_run(replace(RUN, id="r3"))
    ledger.touch_batch("r3", "G1", 0, ["1.png"])
    ledger.show_known("r3", "G1", [(1, known)])
    assert [row.label for row in ledger.result_rows("r3")] == ["v1"]


def test_what_monitoring_asks_for_is_kept_with_a_prediction(ledger: Ledger) -> None:
    ledger.start_run(RUN)
    ledger.touch_batch("r1", "G1", 0, ["1.png"])
    image = scored(1)._replace(
        second_label="coat", second_confidence=0.08, outlier_score=3.5,
        brightness=0.4, contrast=0.2, foreground=0.6,
    )  # fmt: skip
    ledger.commit_chunk("r1", "G1", "v1", [image], ChunkCost(), NOW)
    (row,) = ledger.result_rows("r1")
    assert (row.second_label, row.second_confidence) == ("coat", 0.08)
    with closing(sqlite3.connect(ledger.path)) as file:
        kept = file.execute(
            "SELECT outlier_score, brightness, contrast, foreground FROM predictions"
        ).fetchall()
    assert kept == [(3.5, 0.4, 0.2, 0.6)]


def test_a_batch_has_the_model_of_its_run_or_one_of_its_own(ledger: Ledger) -> None:
    ledger.start_run(RUN)
    ledger.touch_batch("r1", "G1", 0, ["1.png"])
    ledger.touch_batch("r1", "G2", 1, ["1.png"], Model("digits", "v7"))
    ledger.finish_run("r1", "done", "", NOW)
    assert [(f.batch, f.model) for f in ledger.batch_figures()] == [
        ("G1", Model("fashion", "v1")),
        ("G2", Model("digits", "v7")),
    ]
    assert [f.batch for f in ledger.batch_figures("digits")] == ["G2"]


def numbers(ledger: Ledger, run_id: str, *paths: str) -> dict[str, int]:
    """Show images of G1 in a run; return their numbers by path."""
    ledger.start_run(replace(RUN, id=run_id))
    ledger.touch_batch(run_id, "G1", 0, paths)
    return {row.path: row.number for row in ledger.result_rows(run_id)}


def test_an_image_keeps_its_number_while_its_batch_stands(ledger: Ledger) -> None:
    assert numbers(ledger, "r1", "b.png", "d.png") == {"b.png": 1, "d.png": 2}
    assert numbers(ledger, "r2", "a.png", "b.png", "c.png", "d.png") == {
        "a.png": 3, "b.png": 1, "c.png": 4, "d.png": 2
    }  # fmt: skip
    assert numbers(ledger, "r3", "b.png", "e.png") == {"b.png": 1, "e.png": 5}
    assert numbers(ledger, "r4") == {}
    assert numbers(ledger, "r5", "d.png") == {"d.png": 2}, "an empty folder may be a share away"
    assert numbers(ledger, "r6", "x.png", "y.png") == {"x.png": 1, "y.png": 2}, "another batch"


def test_a_due_day_is_taken_once(ledger: Ledger) -> None:
    nightly = replace(RUN, kind="nightly", due_date=date(2026, 11, 21))
    ledger.start_run(nightly)
    with pytest.raises(LedgerError):
        ledger.start_run(replace(nightly, id="r2"))


def test_a_chunk_is_written_whole_or_not_at_all(ledger: Ledger) -> None:
    ledger.start_run(RUN)
    ledger.touch_batch("r1", "G1", 0, ["1.png", "2.png"])
    wrong = ScoredImage(2, "2.png", "d", label="shirt", confidence=7.0)
    with pytest.raises(LedgerError):
        ledger.commit_chunk("r1", "G1", "v1", [scored(1), wrong], ChunkCost(1.0), NOW)
    assert ledger.count_images("r1") == (2, 2)
    assert ledger.run_summary("r1").images == 0


def test_scoring_again_replaces_the_row_and_keeps_one(ledger: Ledger) -> None:
    for run_id, label in (("r1", "shirt"), ("r2", "coat")):
        ledger.start_run(replace(RUN, id=run_id))
        ledger.touch_batch(run_id, "G1", 0, ["1.png"])
        ledger.commit_chunk(run_id, "G1", "v1", [scored(1, label)], ChunkCost(), NOW)
    assert [row.label for row in ledger.result_rows("r2")] == ["coat"]
    assert [row.label for row in ledger.result_rows("r1")] == ["coat"]
    assert ledger.run_summary("r1").images == 0


def test_what_is_known_is_found_by_content_not_by_name(ledger: Ledger) -> None:
    ledger.start_run(RUN)
    ledger.touch_batch("r1", "G1", 0, ["1.png", "2.png"])
    unreadable = ScoredImage(2, "2.png", "", error="gone")
    ledger.commit_chunk("r1", "G1", "v1", [scored(1), unreadable], ChunkCost(), NOW)
    assert ledger.find_prediction("G1", "1.png", "d", None) is not None
    assert ledger.find_prediction("G1", "1.png", "d", "r1") is not None
    assert ledger.find_prediction("G1", "1.png", "d", "other run") is None
    assert ledger.find_prediction("G1", "1.png", "changed", None) is None
    assert ledger.find_prediction("G1", "2.png", "", None) is None


@settings(max_examples=25, deadline=None)
@given(
    chunks=st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=10, unique=True), max_size=6)
)
def test_every_image_of_a_touched_batch_has_exactly_one_row(chunks: list[list[int]]) -> None:
    """Chunks may come twice or overlap, as after a kill; the rows stay one an image, in order."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Ledger(Path(folder) / "ledger.db", busy_seconds=1) as ledger,
    ):
        ledger.start_run(RUN)
        ledger.touch_batch("r1", "G1", 0, (f"{num}.png" for num in range(1, 31)))
        for chunk in chunks:
            ledger.commit_chunk("r1", "G1", "v1", [scored(n) for n in chunk], ChunkCost(), NOW)
        rows = list(ledger.result_rows("r1"))
        assert [row.path for row in rows] == [f"{num}.png" for num in range(1, 31)]
        done = {f"{num}.png" for chunk in chunks for num in chunk}
        assert {row.path for row in rows if row.label} == done
        assert ledger.count_images("r1") == (30, 30 - len(done))


def test_figures_stay_when_a_later_run_replaces_the_predictions(ledger: Ledger) -> None:
    for run_id in ("r1", "r2"):
        ledger.start_run(replace(RUN, id=run_id))
        ledger.touch_batch(run_id, "G1", 0, ["1.png", "2.png"])
        failed = ScoredImage(2, "2.png", "d", error="broken")
        cost = ChunkCost(0.5, 100, 1)
        ledger.commit_chunk(run_id, "G1", "v1", [scored(1), failed], cost, NOW)
        ledger.close_batch(run_id, "G1", 2.0)
        ledger.finish_run(run_id, "done", "", NOW)
    figures = list(ledger.batch_figures("fashion"))
    assert [(f.run.id, f.images, f.failed, f.retries) for f in figures] == [
        ("r1", 2, 1, 1),
        ("r2", 2, 1, 1),
    ]
    assert figures[0].class_confidence == {"shirt": 0.9}
    assert figures[0].payload_bytes == 100
    assert list(ledger.batch_figures("digits")) == []


def test_a_locked_ledger_is_an_error_that_says_so(tmp_path: Path, ledger: Ledger) -> None:
    other = sqlite3.connect(ledger.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(LedgerError, match="locked by another program"):
        ledger.start_run(RUN)
    other.close()
    ledger.start_run(RUN)


def test_a_newer_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    Ledger(path, busy_seconds=0.1).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(LedgerNewer, match="newer version"):
        Ledger(path, busy_seconds=0.1)


@pytest.mark.parametrize(
    ("version", "table"),
    [(0, "pictures"), (0, "runs"), (4, "pictures"), (SCHEMA_VERSION, "t"), (2021, "pictures")],
)
@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_another_programs_database_is_refused_and_left_as_it_was(
    tmp_path: Path, version: int, table: str, journal: str
) -> None:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY)")
        database.execute(f"PRAGMA user_version = {version}")
        database.execute(f"PRAGMA journal_mode = {journal}")
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="is no ledger"):
        Ledger(path, busy_seconds=0.1)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_no_ledger_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(LedgerError, match="damaged"):
        Ledger(path, busy_seconds=0.1)


def test_two_processes_that_make_the_ledger_at_once_both_get_it(tmp_path: Path) -> None:
    errors: list[Exception] = []

    def make() -> None:
        try:
            Ledger(tmp_path / "ledger.db", busy_seconds=60).close()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_batch_is_unwritten_until_a_later_run_has_written_it(ledger: Ledger) -> None:
    assert ledger.unwritten_batches() == frozenset()
    ledger.start_run(RUN)
    ledger.touch_batch("r1", "G1", 0, ["1.png"])
    assert ledger.unwritten_batches() == frozenset(), "nothing to show yet"
    ledger.commit_chunk("r1", "G1", "v1", [scored(1)], ChunkCost(), NOW)
    assert ledger.unwritten_batches() == {"G1"}
    ledger.start_run(replace(RUN, id="r2", started_at=NOW + timedelta(hours=1)))
    ledger.touch_batch("r2", "G1", 0, ["1.png"])
    assert ledger.show_in_results(replace(RUN, id="r2")) is False, "nothing is scored"
    ledger.commit_chunk("r2", "G1", "v1", [scored(1)], ChunkCost(), NOW)
    assert ledger.show_in_results(replace(RUN, id="r2"))
    ledger.mark_written()
    assert ledger.unwritten_batches() == frozenset()


def test_old_runs_are_forgotten_but_no_image_that_is_still_there(ledger: Ledger) -> None:
    for number in range(3):
        began = NOW + timedelta(days=number)
        run = replace(RUN, id=f"n{number}", kind="nightly", due_date=began.date(), started_at=began)
        ledger.start_run(run)
        ledger.touch_batch(run.id, f"G{number}", 0, ["1.png", "2.png"])
        images = [scored(1), scored(2)]
        ledger.commit_chunk(run.id, f"G{number}", "v1", images, ChunkCost(), began)
        ledger.finish_run(run.id, "done", "", began)
    assert ledger.prune(NOW + timedelta(days=9), lambda batch, path: path == "1.png") == 2
    assert [run.id for run in ledger.runs(9)] == ["n2"]
    assert ledger.find_prediction("G0", "1.png", "d", None)
    assert ledger.find_prediction("G0", "2.png", "d", None) is None
    assert ledger.find_prediction("G2", "2.png", "d", None)


def test_a_full_disk_is_named_where_sqlite_only_says_what_it_could_not_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.db"
    with Ledger(path, 1.0):
        pass
    # As on a full disk, the file that SQLite needs beside the ledger cannot be made.
    (tmp_path / "ledger.db-shm").mkdir()
    (tmp_path / "ledger.db-wal").mkdir()
    with pytest.raises(LedgerError, match="cannot be used") as caught:
        Ledger(path, 1.0)
    assert "disk is full" not in str(caught.value)
    nothing_left = shutil.disk_usage(tmp_path)._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: nothing_left)
    with pytest.raises(LedgerError, match=r"; its disk is full$"):
        Ledger(path, 1.0)
