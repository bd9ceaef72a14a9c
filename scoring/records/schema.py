"""The ledger's tables.

A run is one invocation. A prediction is one row per (batch, path, content hash, model version).
``run_images`` is what a run shows: every image of each batch it touched, in order, with the
prediction that belongs to it (none yet: the run has not reached it). ``written`` tells that
Results.csv has shown the batch since.
"""

from __future__ import annotations

SCHEMA_VERSION = 2

# From each older version, the statements that lead to the next one.
UPGRADES: dict[int, str] = {
    1: """
ALTER TABLE run_batches ADD COLUMN written INTEGER NOT NULL DEFAULT 0;
UPDATE run_batches SET written = 1 WHERE process_seconds IS NOT NULL
""",
}

SCHEMA = """
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
    process_seconds REAL,
    written         INTEGER NOT NULL DEFAULT 0,
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
