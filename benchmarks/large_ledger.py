"""How soon the desk opens on a ledger of millions of rows, and what a night asks of it.

    python -m benchmarks.large_ledger [--rows 10000000] [--folder DIR --keep]

Nights of a hundred thousand images each, the last of them this morning; one image in fifty is
flagged. The rows are made by SQL through the project's own schema, 700 bytes an image. Then
``python -m desk`` is started, and each page asked for: the first time, when the desk has nothing in
memory, and the second.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import requests

from benchmarks.measuring import MEGABYTE, peak_megabytes
from scoring.monitoring.facts import dump_facts
from scoring.monitoring.report import facts_of
from scoring.processes.port_owner import free_port
from scoring.records import run_reports
from scoring.records.events_log import EventsLog
from scoring.records.housekeeping import Housekeeping
from scoring.records.ledger import Ledger, Run
from scoring.records.run_id import new_run_id
from scoring.records.times import utc_text
from scoring.settings import CODE_ROOT, Settings, load_settings

NIGHT = 100_000
FLAGGED_OF = 50
AUDITED = 60
VERSION = "f" * 64
LABELS = ("T-shirt/Top", "Trouser", "Pullover", "Dress", "Coat")
FACTS = {"labels": list(LABELS), "review": {"outlier": "not a garment?"}}
PAGES = ("/", "/runs", "/review", "/pictures", "/pictures?name=nothing-like-it",
         "/pictures?reason=low+confidence", "/metrics")  # fmt: skip
OWN_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
WAIT_SECONDS = 120.0
POLL_SECONDS = 0.01

# Dropped while rows are added, and made again at the end: in their own order that is much faster.
LATER = ("predictions_by_run", "predictions_by_content", "predictions_flagged",
         "run_images_by_prediction")  # fmt: skip
INDEXES = f"SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND name IN {LATER}"
NUMBERED = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :night) "
PATH = "printf('img_%06d.png', i)"
PREDICTIONS = f"""
INSERT INTO predictions (batch, path, content_hash, model_version, run_id, label, confidence,
    review, scored_at, second_label, second_confidence, outlier_score, brightness, contrast,
    foreground)
{NUMBERED}
SELECT :batch, {PATH}, lower(hex(randomblob(32))), :version, :run,
    CASE i % 5 {" ".join(f"WHEN {at} THEN '{one}'" for at, one in enumerate(LABELS))} END,
    0.5 + (i % 4999) / 10000.0, CASE WHEN i % :flagged = 0 THEN 'low confidence' END, :time,
    'Coat', 0.1, (i % 97) / 9.7, 70.5, 60.25, 0.5 FROM n
"""
SHOWN = """
INSERT INTO run_images SELECT run_id, batch, row_number() OVER (ORDER BY id), path, id
FROM predictions WHERE id > :last ORDER BY id
"""
SAMPLE = f"""
INSERT INTO audit_sample SELECT run_id, batch, path, content_hash, model_version, 0.01
FROM predictions WHERE id > :last AND review IS NULL LIMIT {AUDITED}
"""
FIGURES = """
UPDATE run_batches SET images = :night, flagged = :night / :flagged, mean_confidence = 0.75,
    model_name = 'fashion', model_version = :version, written = 1 WHERE run_id = :run
"""
NUMBERS = """
INSERT INTO image_numbers SELECT batch, path, num FROM run_images WHERE run_id = :run
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Make the ledger, open the desk on it, write the times."""
    arguments = _parser().parse_args(argv)
    project = arguments.folder or Path(tempfile.mkdtemp(prefix="large-ledger-"))
    try:
        os.environ["SCORING_PROJECT"] = str(project)
        settings = load_settings()
        if not settings.ledger_file.exists():
            _timed("made", lambda: fill(settings, arguments.rows))
        size = settings.ledger_file.stat().st_size / MEGABYTE
        sys.stdout.write(f"{arguments.rows} rows, {size:.0f} MB\n")
        for _ in range(arguments.rounds):
            open_desk(settings)
        status = [sys.executable, "-m", "scheduler", "status"]
        quiet = subprocess.DEVNULL
        _timed("scheduler status", lambda: subprocess.run(status, cwd=CODE_ROOT, stdout=quiet))
        with Ledger.from_settings(settings) as ledger:
            prune(settings, ledger)
    finally:
        if not arguments.keep:
            shutil.rmtree(project)
    return 0


def prune(settings: Settings, ledger: Ledger) -> None:
    """Forget what is too old now, and what will be once the oldest night is."""
    events = EventsLog.from_settings(settings)
    ((oldest,),) = ledger.database.query("SELECT min(finished_at) FROM runs")
    later = datetime.fromisoformat(oldest) + timedelta(days=settings.records.keep_days, hours=1)
    for what, now in (("nothing", settings.now()), ("one night", later)):
        chores = Housekeeping(settings, ledger, events, now)
        _timed(f"prune, {what} too old", chores.prune_ledger)


def open_desk(settings: Settings) -> None:
    """Start the desk; write when it first answers, and how long each page takes."""
    port = free_port("127.0.0.1")
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "desk", "--port", str(port)]
    started = time.perf_counter()
    desk = psutil.Popen(command, cwd=CODE_ROOT, stdout=subprocess.DEVNULL)
    try:
        session = requests.Session()
        while not _answers(session, url):
            if time.perf_counter() - started > WAIT_SECONDS:
                raise SystemExit("the desk does not answer")
            time.sleep(POLL_SECONDS)
        took = time.perf_counter() - started
        work = sum(desk.cpu_times()[:2])
        sys.stdout.write(f"  command to Today: {took:.2f} s, {work:.2f} s of processor time\n")
        session.post(f"{url}/who", data={"name": "Ana"}, headers=OWN_ORIGIN, timeout=WAIT_SECONDS)
        for page in PAGES:
            times = [_get(session, url + page) for _ in range(2)]
            sys.stdout.write(f"  {page}: {times[0]:.3f} s, then {times[1]:.3f} s\n")
        sys.stdout.write(f"  peak memory: {peak_megabytes(desk):.0f} MB\n")
    finally:
        desk.terminate()
        desk.wait()


def _answers(session: requests.Session, url: str) -> bool:
    try:
        return session.get(url, timeout=WAIT_SECONDS).ok
    except requests.ConnectionError:
        return False


def _get(session: requests.Session, url: str) -> float:
    started = time.perf_counter()
    session.get(url, timeout=WAIT_SECONDS).raise_for_status()
    return time.perf_counter() - started


def _timed(what: str, do: Callable[[], object]) -> None:
    started = time.perf_counter()
    do()
    sys.stdout.write(f"{what}: {time.perf_counter() - started:.2f} s\n")
    sys.stdout.flush()


def fill(settings: Settings, rows: int) -> None:
    """Write a night after the other, a day apart."""
    nights = max(1, rows // NIGHT)
    now = datetime.now(UTC)
    with Ledger.from_settings(settings) as ledger:
        ledger.keep_model_facts(VERSION, "fashion", FACTS)
        indexes = ledger.database.query(INDEXES)
        with ledger.database.transaction() as connection:
            for name, _ in indexes:
                connection.execute(f"DROP INDEX {name}")
        for back in range(nights - 1, -1, -1):
            add_night(ledger, now - timedelta(days=back, hours=1), min(NIGHT, rows))
        with ledger.database.transaction() as connection:
            for _, statement in indexes:
                connection.execute(statement)
        keep_report(settings, ledger)


def keep_report(settings: Settings, ledger: Ledger) -> None:
    """Write down what the last run's report shows, as the end of a run does."""
    (run,) = ledger.runs(1)
    facts = facts_of(ledger, run, EventsLog.from_settings(settings))
    run_reports.keep(ledger.database, run.id, dump_facts(facts))


def add_night(ledger: Ledger, started: datetime, images: int) -> None:
    """Write a nightly run over one new batch."""
    day = started.date()
    run, batch = new_run_id(started), f"{day}"
    ledger.start_run(Run(run, "nightly", day, "new", (batch,), "running", "", "fashion", VERSION,
                         started, None))  # fmt: skip
    ledger.touch_batch(run, batch, 0, ())
    given = {"night": images, "batch": batch, "run": run, "version": VERSION,
             "flagged": FLAGGED_OF, "time": utc_text(started)}  # fmt: skip
    with ledger.database.transaction() as connection:
        ((given["last"],),) = connection.execute("SELECT coalesce(max(id), 0) FROM predictions")
        for statement in (PREDICTIONS, SHOWN, NUMBERS, SAMPLE, FIGURES):
            connection.execute(statement, given)
        connection.execute(
            "UPDATE runs SET state = 'done', finished_at = ? WHERE id = ?",
            (utc_text(started + timedelta(minutes=10)), run),
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.large_ledger", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=2, help="how often the desk is started")
    parser.add_argument("--folder", type=Path, help="a project folder; its ledger is used again")
    parser.add_argument("--keep", action="store_true", help="leave the ledger there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
