"""Ledgers of older versions, made by the statements of their time, become ones of this version."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from scoring.protocol.errors import LedgerError
from scoring.records import alerts, database
from scoring.records.ledger import ChunkCost, Ledger, Model, ScoredImage
from scoring.records.schema import SCHEMA_VERSION
from tests.scoring.records.scored import NIGHT

# As versions 1 and 2 had them; between the two, run_batches gained its last column but one.
TABLES = """
CREATE TABLE runs (
    id              TEXT PRIMARY KEY,
    kind            TEXT NOT NULL CHECK (kind IN ('nightly', 'manual')),
    due_date        TEXT UNIQUE CHECK ((due_date IS NULL) = (kind = 'manual')),
    scope           TEXT NOT NULL CHECK (scope IN ('new', 'all')),
    batches         TEXT NOT NULL,
    state           TEXT NOT NULL
                    CHECK (state IN ('running', 'done', 'partial', 'failed', 'missed')),
    reason          TEXT NOT NULL DEFAULT '',
    model_name      TEXT NOT NULL DEFAULT '',
    model_version   TEXT NOT NULL DEFAULT '',
    started_at      TEXT NOT NULL,
    finished_at     TEXT CHECK ((finished_at IS NULL) = (state = 'running'))
);
CREATE INDEX runs_by_start ON runs (started_at);

CREATE TABLE run_batches (
    run_id          TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    batch           TEXT NOT NULL,
    position        INTEGER NOT NULL,
    prediction_seconds REAL NOT NULL DEFAULT 0,
    payload_bytes   INTEGER NOT NULL DEFAULT 0,
    retries         INTEGER NOT NULL DEFAULT 0,
    images          INTEGER NOT NULL DEFAULT 0,
    failed          INTEGER NOT NULL DEFAULT 0,
    flagged         INTEGER NOT NULL DEFAULT 0,
    mean_confidence REAL,
    class_confidence TEXT NOT NULL DEFAULT '{}',
    process_seconds REAL,@WRITTEN@
    PRIMARY KEY (run_id, batch)
) WITHOUT ROWID;

CREATE TABLE predictions (
    id              INTEGER PRIMARY KEY,
    batch           TEXT NOT NULL,
    path            TEXT NOT NULL,
    content_hash    TEXT NOT NULL,
    model_version   TEXT NOT NULL,
    run_id          TEXT NOT NULL,
    label           TEXT,
    confidence      REAL CHECK (confidence BETWEEN 0 AND 1),
    review          TEXT,
    error           TEXT,
    scored_at       TEXT NOT NULL,
    UNIQUE (batch, path, content_hash, model_version),
    CHECK ((label IS NULL) = (confidence IS NULL)),
    CHECK ((label IS NULL) <> (error IS NULL))
);
CREATE INDEX predictions_by_run ON predictions (run_id, batch);

CREATE TABLE run_images (
    run_id          TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    batch           TEXT NOT NULL,
    num             INTEGER NOT NULL,
    path            TEXT NOT NULL,
    prediction_id   INTEGER REFERENCES predictions (id) ON DELETE SET NULL,
    PRIMARY KEY (run_id, batch, num)
) WITHOUT ROWID;
CREATE INDEX run_images_by_prediction ON run_images (prediction_id);

CREATE TABLE facts (
    name            TEXT PRIMARY KEY,
    value           TEXT NOT NULL
) WITHOUT ROWID;
"""
WRITTEN = {1: "", 2: "\n    written         INTEGER NOT NULL DEFAULT 0,"}

# Three nights: Auckland, then the zone was changed to UTC (the later run has the earlier text),
# and one that was interrupted.
ROWS = """
INSERT INTO runs VALUES
    ('n1', 'nightly', '2026-11-20', 'new', '["G1"]', 'done', '', 'fashion', 'v1',
     '2026-11-20T18:05:00.25+13:00', '2026-11-20T18:06:00+13:00'),
    ('n2', 'nightly', '2026-11-21', 'new', '["G1", "G2"]', 'partial', 'late', 'fashion', 'v2',
     '2026-11-20T07:05:00+00:00', '2026-11-20T07:06:00+00:00'),
    ('m1', 'manual', NULL, 'all', '["G3"]', 'running', '', 'fashion', 'v2',
     '2026-11-20T08:00:00+00:00', NULL);
INSERT INTO run_batches (run_id, batch, position, images, process_seconds) VALUES
    ('n1', 'G1', 0, 2, 1.5), ('n2', 'G1', 0, 1, 2.5), ('n2', 'G2', 1, 1, 0.5),
    ('m1', 'G3', 0, 0, NULL);
INSERT INTO predictions VALUES
    (1, 'G1', '1.png', 'd1', 'v1', 'n1', 'Bag', 0.9, NULL, NULL, '2026-11-20T18:05:30+13:00'),
    (2, 'G1', '2.png', 'd2', 'v1', 'n1', NULL, NULL, NULL, 'cut off', '2026-11-20T18:05:30+13:00'),
    (3, 'G1', '3.png', 'd3', 'v2', 'n2', 'Coat', 0.5, 'low confidence', NULL,
     '2026-11-20T07:05:30+00:00'),
    (4, 'G2', '1.png', 'd4', 'v2', 'n2', 'Shirt', 0.8, NULL, NULL, '2026-11-20T07:05:31+00:00'),
    (5, 'G3', '1.png', 'd5', 'v2', 'm1', 'Shirt', 0.8, NULL, NULL, '2026-11-20T08:00:01+00:00');
INSERT INTO run_images VALUES
    ('n1', 'G1', 1, '1.png', 1), ('n1', 'G1', 2, '2.png', 2),
    ('n2', 'G1', 1, '1.png', 1), ('n2', 'G1', 2, '2.png', 2), ('n2', 'G1', 3, '3.png', 3),
    ('n2', 'G2', 1, '1.png', 4),
    ('m1', 'G3', 1, '1.png', 5), ('m1', 'G3', 2, '2.png', NULL);
INSERT INTO facts VALUES ('first_start', '2026-11-01T12:00:00+13:00');
"""
SHOWN = """
UPDATE run_batches SET written = 1 WHERE process_seconds IS NOT NULL
"""


def make_old(path: Path, version: int, rows: bool = True) -> Path:
    """Write a ledger as that version did."""
    tables = TABLES.replace("@WRITTEN@", WRITTEN[version])
    with closing(sqlite3.connect(path)) as old:
        old.executescript(f"PRAGMA journal_mode = WAL; {tables}")
        if rows:
            old.executescript(ROWS + (SHOWN if version > 1 else ""))
        old.execute(f"PRAGMA user_version = {version}")
        old.commit()
    return path


def columns_and_indexes(path: Path) -> dict[str, object]:
    """Return each table's columns, keys and indexes, as SQLite tells them, in whatever order."""
    with closing(sqlite3.connect(path)) as ledger:
        tables = [name for (name,) in ledger.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]  # fmt: skip
        told = ("table_info", "foreign_key_list", "index_list")
        return {
            f"{pragma} {table}": sorted(
                row[1:] for row in ledger.execute(f"PRAGMA {pragma}({table})")
            )
            for table in tables
            for pragma in told
        }


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_ledger_becomes_what_a_new_one_is(tmp_path: Path, version: int) -> None:
    old, new = make_old(tmp_path / "old.db", version), tmp_path / "new.db"
    Ledger(old, 1).close()
    Ledger(new, 1).close()
    assert columns_and_indexes(old) == columns_and_indexes(new)
    with closing(sqlite3.connect(old)) as ledger:
        assert ledger.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        assert ledger.execute("PRAGMA foreign_key_check").fetchall() == []
        assert ledger.execute("PRAGMA integrity_check").fetchone() == ("ok",)


# What versions from 4 on have that the one before had not.
NEW = {
    4: ("ALTER TABLE run_batches DROP COLUMN advice",),
    5: (
        *(f"DROP TABLE {t}" for t in ("models", "audit_sample", "reviews", "kept_cells")),
        "DROP TABLE run_reports",
        "DROP INDEX predictions_flagged",
        *(f"ALTER TABLE run_batches DROP COLUMN {c}" for c in ("class_counts", "image_means")),
    ),
    6: (
        *(f"DROP TABLE {t}" for t in ("model_references", "run_monitoring", "model_switches")),
        *(f"DROP TABLE {t}" for t in ("alert_deliveries", "alerts")),
        "DROP INDEX predictions_by_content",
        "ALTER TABLE run_batches DROP COLUMN estimate",
    ),
    7: (),
}
# Ledgers that were made while a version was being written: they lack what it was given last.
UNFINISHED = {
    "5, first": (5, NEW[5][3:]),
    "5, without typed cells": (5, ("DROP TABLE kept_cells",)),
    "6, first": (6, (*NEW[6][:3], *NEW[6][5:])),
    "6, without an index": (6, ("DROP INDEX predictions_by_content",)),
    "6, once 5": (6, ("DROP TABLE kept_cells", "DROP INDEX predictions_flagged")),
}
# What each version's tables are. One that somebody may have is changed by the next version only:
# write a new one, with a step that leads to it, and put its digest here.
TABLES_OF = {7: "f8796018eb96b66d"}


def make_recent(path: Path, version: int) -> Path:
    """Write a ledger as version 3, 4, 5 or 6 did, with a night in it."""
    with Ledger(path, 1) as ledger:
        ledger.start_run(NIGHT)
        ledger.touch_batch("n1", "G1", 0, ["1.png", "2.png"], Model("fashion", "v1"))
        images = [ScoredImage(1, "1.png", "d1", "Bag", 0.9), ScoredImage(2, "2.png", "", error="x")]
        ledger.commit_chunk("n1", "G1", "v1", images, ChunkCost(), NIGHT.started_at)
        ledger.close_batch("n1", "G1", 1.5)
        ledger.finish_run("n1", "done", "", NIGHT.started_at)
    with closing(sqlite3.connect(path)) as ledger:
        for later in range(SCHEMA_VERSION, version, -1):
            for statement in NEW[later]:
                ledger.execute(statement)
        ledger.execute(f"PRAGMA user_version = {version}")
        ledger.commit()
    return path


@pytest.mark.parametrize("version", [3, 4, 5, 6])
def test_a_recent_ledger_becomes_what_a_new_one_is(tmp_path: Path, version: int) -> None:
    old, new = make_recent(tmp_path / "old.db", version), tmp_path / "new.db"
    Ledger(new, 1).close()
    with Ledger(old, 1) as ledger:
        assert [(row.path, row.label) for row in ledger.result_rows("n1")] == [
            ("1.png", "Bag"), ("2.png", None)
        ]  # fmt: skip
        assert [one.images for one in ledger.batch_figures()] == [2]
        assert ledger.model_facts("v1") is None
        assert alerts.latest(ledger.database, 1) == []
    assert columns_and_indexes(old) == columns_and_indexes(new)
    with closing(sqlite3.connect(tmp_path / f"old-schema-{version}.db")) as copy:
        assert copy.execute("PRAGMA user_version").fetchone() == (version,)
        assert copy.execute("SELECT count(*) FROM predictions").fetchone() == (2,)


@pytest.mark.parametrize("which", UNFINISHED)
def test_a_ledger_of_an_unfinished_version_gets_what_it_lacks(tmp_path: Path, which: str) -> None:
    version, lacks = UNFINISHED[which]
    old, new = make_recent(tmp_path / "old.db", version), tmp_path / "new.db"
    with closing(sqlite3.connect(old)) as ledger:
        for statement in lacks:
            ledger.execute(statement)
        ledger.commit()
    Ledger(new, 1).close()
    with Ledger(old, 1) as upgraded:
        assert [row.label for row in upgraded.result_rows("n1")] == ["Bag", None]
    assert columns_and_indexes(old) == columns_and_indexes(new)


def test_tables_change_with_their_version(tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger.db", 1).close()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as ledger:
        tables = ledger.execute("SELECT sql FROM sqlite_schema WHERE sql <> '' ORDER BY name")
        words = [" ".join(sql.split()) for (sql,) in tables]
    digest = hashlib.sha256("\n".join(words).encode()).hexdigest()
    assert digest[:16] == TABLES_OF.get(SCHEMA_VERSION)


def test_another_program_that_upgrades_it_meanwhile_is_not_in_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_recent(tmp_path / "ledger.db", 5)
    prepare = database.make_private

    def prepare_late(part: Path) -> None:
        if part != path and not others:
            others.append(part)
            Ledger(path, 1).close()
        prepare(part)

    others: list[Path] = []
    monkeypatch.setattr(database, "make_private", prepare_late)
    Ledger(path, 1).close()
    assert others
    with closing(sqlite3.connect(tmp_path / "ledger-schema-5.db")) as copy:
        assert copy.execute("PRAGMA user_version").fetchone() == (5,)


@pytest.mark.parametrize("version", [1, 2])
def test_nothing_of_an_older_ledger_is_lost(tmp_path: Path, version: int) -> None:
    with Ledger(make_old(tmp_path / "ledger.db", version), 1) as ledger:
        first = ledger.run("n1")
        assert first
        assert first.started_at == datetime(2026, 11, 20, 5, 5, 0, 250_000, UTC)
        assert first.started_at.utcoffset() == timedelta(hours=13)
        assert first.finished_at == datetime(2026, 11, 20, 5, 6, tzinfo=UTC)
        assert (first.due_date, first.batches, first.settings) == (
            date(2026, 11, 20),
            ("G1",),
            "{}",
        )
        assert [run.id for run in ledger.runs(9)] == ["m1", "n2", "n1"]
        assert [row.path for row in ledger.result_rows("n1")] == ["1.png", "2.png"]
        assert [row.label for row in ledger.result_rows("n2")] == ["Bag", None, "Coat", "Shirt"]
        assert ledger.unwritten_batches() == {"G3"}
        assert ledger.fact("first_start") == "2026-11-01T12:00:00+13:00"
        assert [(f.batch, f.model.version, f.images) for f in ledger.batch_figures("fashion")] == [
            ("G1", "v1", 2), ("G1", "v2", 1), ("G2", "v2", 1)
        ]  # fmt: skip
        assert [run.id for run in ledger.running()] == ["m1"]


def test_its_times_sort_as_they_happened(tmp_path: Path) -> None:
    path = make_old(tmp_path / "ledger.db", 2)
    Ledger(path, 1).close()
    with closing(sqlite3.connect(path)) as ledger:
        runs = ledger.execute("SELECT id FROM runs ORDER BY started_at").fetchall()
        scored = ledger.execute("SELECT id FROM predictions ORDER BY scored_at, id").fetchall()
    assert runs == [("n1",), ("n2",), ("m1",)]
    assert scored == [(1,), (2,), (3,), (4,), (5,)]


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_ledger_is_backed_up_first(tmp_path: Path, version: int) -> None:
    Ledger(make_old(tmp_path / "ledger.db", version), 1).close()
    with closing(sqlite3.connect(tmp_path / f"ledger-schema-{version}.db")) as copy:
        assert copy.execute("PRAGMA user_version").fetchone() == (version,)
        assert copy.execute("SELECT count(*) FROM run_images").fetchone() == (8,)


def test_an_upgrade_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = make_old(tmp_path / "ledger.db", 2)
    with closing(sqlite3.connect(path)) as old:
        old.execute("UPDATE predictions SET scored_at = 'yesterday' WHERE id = 5")
        old.commit()
    with pytest.raises(LedgerError):
        Ledger(path, 1)
    with closing(sqlite3.connect(path)) as old:
        assert old.execute("PRAGMA user_version").fetchone() == (2,)
        assert old.execute("SELECT count(*) FROM run_images").fetchone() == (8,)


def test_an_old_ledger_without_a_run_is_upgraded(tmp_path: Path) -> None:
    with Ledger(make_old(tmp_path / "ledger.db", 1, rows=False), 1) as ledger:
        assert ledger.runs(9) == []
