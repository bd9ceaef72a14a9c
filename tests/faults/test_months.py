"""Row 40: what grows, grows to a limit; tests/simulation lives through 300 days of an office."""

from __future__ import annotations

import gc
import os
import re
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from scoring.protocol.errors import ExitCode
from scoring.settings import Settings
from tests.deadlines import wait_for
from tests.faults.desk import LINUX, LONG_AGO, Project
from tests.faults.oracle import assert_truth, read_events

DAYS = 120
FIRST = date(2026, 1, 1)
# After this many days every limit has been reached once.
SETTLED = 60
ASK_EVERY = 20
LOG_BYTES = 10_000
LOG_FILES = 2


def memory_kilobytes() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+)", status)
    assert found
    return int(found[1])


def open_files() -> int:
    """Count what this process holds open while it is at rest.

    The server in it closes its end of a connection some time after the client has closed the other.
    """
    process = psutil.Process()
    wait_for(
        lambda: all(one.status == psutil.CONN_LISTEN for one in process.net_connections("tcp")),
        "the end of every connection",
    )
    return process.num_fds()


def folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@LINUX
@pytest.mark.long
@pytest.mark.timeout(1800)
def test_row_40_months_of_runs(
    faulty: Project, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock is the test's; every night one folder is new and one is cleared away."""
    for name, value in {
        "KEEP_DAYS": 30,
        "RUNS_KEEP_DAYS": 20,
        "LOG_BYTES": LOG_BYTES,
        "LOG_FILES": LOG_FILES,
    }.items():
        monkeypatch.setenv(f"SCORING_RECORDS__{name}", str(value))
    monkeypatch.setenv("SCORING_CLIENT__MAX_FAILED_PERCENT", "50")
    today = FIRST
    monkeypatch.setattr(Settings, "now", lambda self: at_six(today))
    events: list[str] = []
    sizes: list[tuple[int, int, int, int, int]] = []
    picture = (faulty.write("pictures", 3) / "img_1.png").read_bytes()
    for number in range(DAYS):
        today = FIRST + timedelta(days=number)
        folder = faulty.batches / f"{today}"
        folder.mkdir()
        for image in range(1, 4):
            (folder / f"{image}.png").write_bytes(picture)
            os.utime(folder / f"{image}.png", (LONG_AGO, LONG_AGO))
        (folder / "broken.png").write_bytes(b"")
        os.utime(folder / "broken.png", (LONG_AGO, LONG_AGO))
        shutil.rmtree(faulty.batches / f"{today - timedelta(days=5)}", ignore_errors=True)
        assert faulty.score("--nightly", f"{today}") == ExitCode.DONE
        # The log forgets what the ledger still knows; the oracle is told all that was written.
        events += events_of(today, faulty.settings)
        if number % ASK_EVERY == ASK_EVERY - 1:
            assert_truth(faulty.settings, events="\n".join(events))
        if number in (SETTLED, DAYS - 1):
            gc.collect()
            data, logs = faulty.folder / "data", faulty.folder / "logs"
            runs = folder_bytes(logs / "runs")
            logged = sum(path.stat().st_size for path in logs.glob("*.txt*"))
            sizes.append((memory_kilobytes(), open_files(), folder_bytes(data), logged, runs))
    (memory, files, data_bytes, _, runs), later = sizes
    assert later[0] < memory + 20_000, f"memory grew from {memory} to {later[0]} kB"
    assert later[1] <= files, "files were left open"
    assert later[2] < 1.5 * data_bytes, "the ledger and its backups grew"
    assert later[3] < 2 * (LOG_FILES + 1) * LOG_BYTES, "the logs grew"
    assert later[4] < 1.5 * runs, "the runs' reports and results were not pruned"
    assert len(list((faulty.folder / "logs" / "runs").iterdir())) <= 22
    assert len(list((faulty.folder / "data" / "backups").iterdir())) == 7
    first_kept = read_events(faulty.settings).partition("T")[0]
    assert first_kept > f"{FIRST}", "nothing was rotated away"


def events_of(day: date, settings: Settings) -> list[str]:
    return [line for line in read_events(settings).splitlines() if line.startswith(f"{day}T")]


def at_six(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 18, 5, tzinfo=UTC)
