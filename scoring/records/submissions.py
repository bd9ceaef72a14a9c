"""What the server's upload page was sent, kept so that the desk shows it like any other picture.

The pictures of a day that one model saw are a batch of a run that has ended: nothing is scored by
it, so that it stands in no list of runs, no figures and no Results.csv. Such a run and its batches
have names that no other run or folder can have. It is pruned as runs are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from scoring.protocol.signature import Signature
from scoring.records.ledger import Ledger
from scoring.records.model_facts import signature_facts
from scoring.records.row_columns import WRITE_PREDICTION, prediction_row
from scoring.records.rows import ScoredImage
from scoring.records.times import utc_offset, utc_text
from scoring.records.upload_names import BATCH_PREFIX, RUN_PREFIX

# A day is the server's own; the run ends anew with each upload, and ages from the last one.
OPEN_RUN = """
INSERT INTO runs (id, kind, scope, batches, state, reason, started_at, finished_at, utc_offset)
VALUES (?1, 'manual', 'new', '[]', 'done', 'uploads', ?2, ?2, ?3)
ON CONFLICT (id) DO UPDATE SET finished_at = max(finished_at, excluded.finished_at)
"""
# 2: Results.csv is not to show it.
OPEN_BATCH = """
INSERT OR IGNORE INTO run_batches (run_id, batch, position, written, model_name, model_version)
VALUES (?, ?, 0, 2, ?, ?)
"""


def batch_of(signature: Signature) -> str:
    """Return the batch of what a model saw of uploads."""
    return f"{BATCH_PREFIX}{signature.name}"


def path_of(name: str, content_hash: str) -> str:
    """Return what an uploaded picture is called; two of a name are two pictures."""
    return f"{content_hash[:8]}/{name}"


def keep(
    ledger: Ledger, signature: Signature, images: Sequence[ScoredImage], now: datetime
) -> None:
    """Write down what a model saw in uploaded pictures: all of it, or nothing."""
    ledger.keep_model_facts(signature.version, signature.name, signature_facts(signature))
    run_id, batch = f"{RUN_PREFIX}{now:%Y%m%d}", batch_of(signature)
    with ledger.database.transaction() as connection:
        _open_run(connection, run_id, now)
        connection.execute(OPEN_BATCH, (run_id, batch, signature.name, signature.version))
        WRITE_PREDICTION.write(
            connection,
            (
                prediction_row(run_id, batch, signature.version, one, utc_text(now))
                for one in images
            ),
        )


def _open_run(connection: sqlite3.Connection, run_id: str, now: datetime) -> None:
    connection.execute(OPEN_RUN, (run_id, utc_text(now), utc_offset(now)))
