"""The ledger's tables.

A run is one invocation; ``number`` tells which of two was written down first, whatever the clocks
said. A prediction is one row per (batch, path, content hash, model version).
``run_images`` is what a run shows: every image of each batch it touched, in order, with the
prediction that belongs to it (none yet: the run has not reached it). ``written`` tells what became
of the batch: 0, Results.csv is to show it yet; 1, it has; 2, the results went elsewhere, and
nothing in them was new to Results.csv.
``results_batches`` is what Results.csv shows: batches in order, each as one run had it.
``advice`` is what whoever set the batch's model should think of; mostly empty. ``class_counts`` and
``image_means`` are JSON: how many images of each class, and the means of what is known of each.
``image_numbers`` gives an image the number it keeps while its batch stands.
``models`` says of each model that scored what its signature said (``model_facts``).
``audit_sample`` is what a run drew of its rows that are not flagged, for a person to judge; each
with the probability that it would be drawn.
``reviews`` is what people said of pictures: rows are added, never changed, and never pruned. The
last one of a picture stands, unless it says 'undone'; ``replaces`` is the one that stood before it.
``kept_cells`` is what was typed into Results.csv and is no answer, until it is in the file beside
it and Results.csv is written anew.
``run_reports`` is what a run's report shows, as it was known at the run's end.
``alerts`` is what somebody is told of, once a run, rule and kind; ``alert_deliveries`` what became
of it with each channel: unsure, where it may have arrived and nobody knows.
``model_references`` has what each model said of the images that nobody trained it on;
``run_monitoring`` what was found in a run, of each model, and ``estimate`` of a batch the same in
short, both JSON. ``model_switches`` says which version took another's place, when, and why.

All times are UTC, in text that sorts (``times``); ``utc_offset`` is what the run's clock was ahead
of it, in seconds.
"""

from __future__ import annotations

SCHEMA_VERSION = 7

RUNS = """
CREATE TABLE runs (
    number          INTEGER PRIMARY KEY,
    id              TEXT NOT NULL UNIQUE,
    kind            TEXT NOT NULL CHECK (kind IN ('nightly', 'manual')),
    due_date        TEXT UNIQUE CHECK ((due_date IS NULL) = (kind = 'manual')),
    scope           TEXT NOT NULL CHECK (scope IN ('new', 'all')),
    batches         TEXT NOT NULL,
    state           TEXT NOT NULL
                    CHECK (state IN ('running', 'done', 'partial', 'failed', 'missed')),
    reason          TEXT NOT NULL DEFAULT '',
    model_name      TEXT NOT NULL DEFAULT '',
    model_version   TEXT NOT NULL DEFAULT '',
    started_at      TEXT NOT NULL CHECK (started_at LIKE '%+00:00'),
    finished_at     TEXT CHECK ((finished_at IS NULL) = (state = 'running'))
                    CHECK (finished_at LIKE '%+00:00'),
    utc_offset      INTEGER NOT NULL DEFAULT 0,
    settings        TEXT NOT NULL DEFAULT '{}'
)"""

RESULTS_BATCHES = """
CREATE TABLE results_batches (
    batch           TEXT PRIMARY KEY,
    run_id          TEXT NOT NULL REFERENCES runs (id),
    position        INTEGER NOT NULL
) WITHOUT ROWID"""

IMAGE_NUMBERS = """
CREATE TABLE image_numbers (
    batch           TEXT NOT NULL,
    path            TEXT NOT NULL,
    number          INTEGER NOT NULL,
    PRIMARY KEY (batch, path)
) WITHOUT ROWID"""

MODELS = """
CREATE TABLE models (
    version         TEXT PRIMARY KEY,
    name            TEXT NOT NULL,
    facts           TEXT NOT NULL
) WITHOUT ROWID"""

AUDIT_SAMPLE = """
CREATE TABLE audit_sample (
    run_id          TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    batch           TEXT NOT NULL,
    path            TEXT NOT NULL,
    content_hash    TEXT NOT NULL,
    model_version   TEXT NOT NULL,
    inclusion       REAL NOT NULL CHECK (inclusion > 0 AND inclusion <= 1),
    PRIMARY KEY (run_id, batch, path)
) WITHOUT ROWID"""

REVIEWS = """
CREATE TABLE reviews (
    id              INTEGER PRIMARY KEY,
    batch           TEXT NOT NULL,
    path            TEXT NOT NULL,
    content_hash    TEXT NOT NULL,
    run_id          TEXT NOT NULL,
    model_name      TEXT NOT NULL,
    model_version   TEXT NOT NULL,
    predicted       TEXT,
    confidence      REAL CHECK (confidence BETWEEN 0 AND 1),
    flagged         TEXT,
    verdict         TEXT NOT NULL
                    CHECK (verdict IN ('label', 'not a garment', 'cannot tell', 'undone')),
    label           TEXT CHECK ((label IS NOT NULL) = (verdict = 'label')),
    reviewer        TEXT NOT NULL,
    source          TEXT NOT NULL CHECK (source IN ('desk', 'Results.csv', 'import', 'api')),
    blind           INTEGER NOT NULL DEFAULT 0 CHECK (blind IN (0, 1)),
    seconds         REAL CHECK (seconds >= 0),
    note            TEXT NOT NULL DEFAULT '',
    replaces        INTEGER REFERENCES reviews (id),
    decided_at      TEXT NOT NULL CHECK (decided_at LIKE '%+00:00')
)"""
REVIEWS_BY_PICTURE = "CREATE INDEX reviews_by_picture ON reviews (batch, path, content_hash, id)"

KEPT_CELLS = """
CREATE TABLE kept_cells (
    id              INTEGER PRIMARY KEY,
    file            TEXT NOT NULL,
    batch           TEXT NOT NULL,
    path            TEXT NOT NULL,
    typed           TEXT NOT NULL,
    why             TEXT NOT NULL,
    kept_at         TEXT NOT NULL,
    filed           INTEGER NOT NULL DEFAULT 0 CHECK (filed IN (0, 1)),
    UNIQUE (file, batch, path, typed)
)"""

RUN_REPORTS = """
CREATE TABLE run_reports (
    run_id          TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    facts           TEXT NOT NULL
) WITHOUT ROWID"""

ALERTS = """
CREATE TABLE alerts (
    id              INTEGER PRIMARY KEY,
    run_id          TEXT NOT NULL,
    rule            TEXT NOT NULL,
    kind            TEXT NOT NULL
                    CHECK (kind IN ('problem', 'recovery', 'report', 'start', 'success', 'fail')),
    title           TEXT NOT NULL,
    body            TEXT NOT NULL,
    made_at         TEXT NOT NULL CHECK (made_at LIKE '%+00:00'),
    UNIQUE (run_id, rule, kind)
)"""

DELIVERIES = """
CREATE TABLE alert_deliveries (
    alert_id        INTEGER NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    channel         TEXT NOT NULL,
    state           TEXT NOT NULL DEFAULT 'waiting'
                    CHECK (state IN ('waiting', 'sending', 'sent', 'unsure', 'given up')),
    tries           INTEGER NOT NULL DEFAULT 0,
    error           TEXT NOT NULL DEFAULT '',
    tried_at        TEXT CHECK (tried_at LIKE '%+00:00'),
    PRIMARY KEY (alert_id, channel)
) WITHOUT ROWID"""
# Of months of messages few are on their way; the scheduler asks every minute.
DELIVERIES_OPEN = """
CREATE INDEX alert_deliveries_open ON alert_deliveries (state)
    WHERE state IN ('waiting', 'sending')"""

MODEL_REFERENCES = """
CREATE TABLE model_references (
    version         TEXT PRIMARY KEY,
    data            BLOB NOT NULL
) WITHOUT ROWID"""

RUN_MONITORING = """
CREATE TABLE run_monitoring (
    run_id          TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    model_version   TEXT NOT NULL,
    facts           TEXT NOT NULL,
    PRIMARY KEY (run_id, model_version)
) WITHOUT ROWID"""

MODEL_SWITCHES = """
CREATE TABLE model_switches (
    id              INTEGER PRIMARY KEY,
    model_name      TEXT NOT NULL,
    from_version    TEXT NOT NULL,
    to_version      TEXT NOT NULL,
    action          TEXT NOT NULL CHECK (action IN ('promote', 'rollback')),
    who             TEXT NOT NULL,
    at              TEXT NOT NULL CHECK (at LIKE '%+00:00'),
    facts           TEXT NOT NULL DEFAULT '{}'
)"""

# Few of a run's predictions want a person; the queue of the desk asks for those alone.
PREDICTIONS_FLAGGED = """
CREATE INDEX predictions_flagged ON predictions (run_id)
    WHERE review IS NOT NULL OR error IS NOT NULL"""

# A picture is asked for by its content alone; of a hash its beginning tells enough.
PREDICTIONS_BY_CONTENT = """
CREATE INDEX predictions_by_content ON predictions (substr(content_hash, 1, 8))"""

# What the desk and the reports need, all of it new in version 5.
JUDGED = ";\n".join(
    (
        MODELS,
        AUDIT_SAMPLE,
        REVIEWS,
        REVIEWS_BY_PICTURE,
        KEPT_CELLS,
        RUN_REPORTS,
        PREDICTIONS_FLAGGED,
    )
)

# What trust over months needs, all of it new in version 6.
WATCHED = ";\n".join(
    (
        *(MODEL_REFERENCES, RUN_MONITORING, MODEL_SWITCHES, ALERTS, DELIVERIES, DELIVERIES_OPEN),
        PREDICTIONS_BY_CONTENT,
    )
)

# Columns of run_batches that came with version 5, and with 6.
COUNTED = """
ALTER TABLE run_batches ADD COLUMN class_counts TEXT NOT NULL DEFAULT '{}';
ALTER TABLE run_batches ADD COLUMN image_means TEXT NOT NULL DEFAULT '{}'"""
ESTIMATED = "ALTER TABLE run_batches ADD COLUMN estimate TEXT NOT NULL DEFAULT '{}'"

# From each older version, the statements that lead to the next one; a column that is there is not
# added again. They may call the functions ``utc_text`` and ``utc_offset`` on a time with an offset.
# Foreign keys are off meanwhile. Tables that anybody may have are changed by a new version only:
# some ledgers of 5 and 6 were made before the last tables of their version, which 7 gives them.
UPGRADES: dict[int, str] = {
    1: """
ALTER TABLE run_batches ADD COLUMN written INTEGER NOT NULL DEFAULT 0;
UPDATE run_batches SET written = 1 WHERE process_seconds IS NOT NULL
""",
    2: f"""
{RUNS.replace("runs", "new_runs", 1)};
INSERT INTO new_runs (id, kind, due_date, scope, batches, state, reason, model_name, model_version,
        started_at, finished_at, utc_offset)
    SELECT id, kind, due_date, scope, batches, state, reason, model_name, model_version,
        utc_text(started_at), utc_text(finished_at), utc_offset(started_at)
    FROM runs ORDER BY rowid;
DROP TABLE runs;
ALTER TABLE new_runs RENAME TO runs;
ALTER TABLE run_batches ADD COLUMN model_name TEXT NOT NULL DEFAULT '';
ALTER TABLE run_batches ADD COLUMN model_version TEXT NOT NULL DEFAULT '';
UPDATE run_batches SET (model_name, model_version) =
    (SELECT model_name, model_version FROM runs WHERE id = run_id);
ALTER TABLE predictions ADD COLUMN second_label TEXT;
ALTER TABLE predictions ADD COLUMN second_confidence REAL
    CHECK (second_confidence BETWEEN 0 AND 1);
ALTER TABLE predictions ADD COLUMN outlier_score REAL;
ALTER TABLE predictions ADD COLUMN brightness REAL;
ALTER TABLE predictions ADD COLUMN contrast REAL;
ALTER TABLE predictions ADD COLUMN foreground REAL;
UPDATE predictions SET scored_at = utc_text(scored_at);
{RESULTS_BATCHES};
INSERT INTO results_batches SELECT batch, run_id, position FROM run_batches
    WHERE written = 1 AND run_id =
        (SELECT r.id FROM runs r JOIN run_batches b ON b.run_id = r.id AND b.written = 1
        ORDER BY r.number DESC LIMIT 1);
{IMAGE_NUMBERS};
INSERT OR IGNORE INTO image_numbers SELECT i.batch, i.path, i.num
    FROM (SELECT b.batch, max(r.number) AS number
        FROM run_batches b JOIN runs r ON r.id = b.run_id GROUP BY b.batch) latest
    JOIN runs r ON r.number = latest.number
    JOIN run_images i ON i.run_id = r.id AND i.batch = latest.batch
""",
    3: "ALTER TABLE run_batches ADD COLUMN advice TEXT NOT NULL DEFAULT ''",
    4: f"{JUDGED};\n{COUNTED}",
    5: f"{WATCHED};\n{ESTIMATED}",
    6: f"{JUDGED};\n{WATCHED};\n{COUNTED};\n{ESTIMATED}".replace(
        "CREATE TABLE", "CREATE TABLE IF NOT EXISTS"
    ).replace("CREATE INDEX", "CREATE INDEX IF NOT EXISTS"),
}

SCHEMA = f"""{RUNS};

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
    class_confidence TEXT NOT NULL DEFAULT '{{}}',
    process_seconds REAL,
    written         INTEGER NOT NULL DEFAULT 0,
    model_name      TEXT NOT NULL DEFAULT '',
    model_version   TEXT NOT NULL DEFAULT '',
    advice          TEXT NOT NULL DEFAULT '',
    class_counts    TEXT NOT NULL DEFAULT '{{}}',
    image_means     TEXT NOT NULL DEFAULT '{{}}',
    estimate        TEXT NOT NULL DEFAULT '{{}}',
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
    second_label    TEXT,
    second_confidence REAL CHECK (second_confidence BETWEEN 0 AND 1),
    outlier_score   REAL,
    brightness      REAL,
    contrast        REAL,
    foreground      REAL,
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
{RESULTS_BATCHES};
{IMAGE_NUMBERS};
{JUDGED};
{WATCHED}
"""
