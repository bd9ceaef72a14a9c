"""Rows 27 to 30, 41 and 42: disks, files and the ledger."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from scoring.protocol.errors import ExitCode
from scoring.records import results_csv
from scoring.records.atomic_file import atomic_text
from tests.client.lying_server import Answer, answering, is_predict, relay
from tests.deadlines import DEADLINE
from tests.faults.desk import LINUX, MOUNTS, Project
from tests.faults.oracle import EVENT, assert_truth, read_whole_results

CLIENT = ("-m", "client.request")


@MOUNTS
def test_row_27_the_logs_folder_is_read_only(faulty: Project, server_url: str) -> None:
    faulty.write("G1", 5)
    (faulty.batches / "G1" / "broken.png").write_bytes(b"broken")
    logs = faulty.folder / "logs"
    logs.mkdir()
    done = faulty.run_mounted(f"mount -t tmpfs -o ro tmpfs {logs}", *CLIENT, "G1")
    assert done.returncode == ExitCode.DONE, done.stderr
    assert list(logs.iterdir()) == []
    told = "\n".join(line for line in done.stderr.splitlines() if line[:2] == "20")
    for code in ("run-started", "image-failed", "run-done", "copy-failed", "metrics-failed"):
        assert f", {code}, " in told
    assert_truth(faulty.settings, events=told)


@MOUNTS
def test_row_27_a_whole_cycle_with_read_only_logs(
    faulty: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The children cannot write their logs either: they share the scheduler's output."""
    monkeypatch.setenv("SCORING_SERVER__PORT", "0")
    faulty.write("G1", 5)
    logs = faulty.folder / "logs"
    logs.mkdir()
    mount = f"mount -t tmpfs -o ro tmpfs {logs}"
    done = faulty.run_mounted(mount, "-m", "scheduler", "--once", "--all")
    assert done.returncode == ExitCode.DONE, done.stderr
    told = "\n".join(line for line in done.stderr.splitlines() if EVENT.fullmatch(line))
    assert ", server-ready, " in told
    assert_truth(faulty.settings, events=told)


@MOUNTS
def test_row_28_the_disk_is_full_at_results_csv(
    faulty: Project, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = faulty.folder / "small"
    small.mkdir()
    monkeypatch.setenv("SCORING_PATHS__RESULTS", str(small / "Results.csv"))
    faulty.write("G1", 5)
    assert faulty.score("G1") == ExitCode.DONE
    before = (small / "Results.csv").read_bytes()
    faulty.write("G2", 900)
    shutil.copy(small / "Results.csv", faulty.folder / "old.csv")
    mount = (
        f"mount -t tmpfs -o size=16k tmpfs {small}; cp {faulty.folder}/old.csv {small}/Results.csv"
    )
    done = faulty.run_mounted(f"SAVE={small}\n{mount}", *CLIENT, "--nightly", "2026-11-20")
    assert done.returncode == ExitCode.FAILED, done.stderr
    assert "Results.csv could not be written" in done.stderr
    assert "No space left" in faulty.events()
    left = faulty.folder / "kept" / "small"
    assert [path.name for path in left.iterdir()] == ["Results.csv"], "a part was left behind"
    assert (left / "Results.csv").read_bytes() == before
    assert_truth(faulty.settings)
    # With room again, the next night shows what no file has shown, though nothing is new.
    assert faulty.score("--nightly", "2026-11-21") == ExitCode.DONE
    assert len(read_whole_results(small / "Results.csv")) == 900
    assert_truth(faulty.settings)


@MOUNTS
def test_row_28_the_disk_is_full_at_the_ledger(faulty: Project, server_url: str) -> None:
    """The same for the other file: the run cannot be written down, and says so."""
    data = faulty.folder / "data"
    faulty.write("G1", 5)
    assert faulty.score("G1") == ExitCode.DONE
    before = faulty.results.read_bytes()
    faulty.write("G2", 3_000)
    shutil.copytree(data, faulty.folder / "old")
    # Room for what is there, and for the beginning of what comes.
    size = sum(file.stat().st_size for file in data.rglob("*")) // 1_000 + 200
    mount = f"mount -t tmpfs -o size={size}k tmpfs {data}; cp -a {faulty.folder}/old/. {data}/"
    done = faulty.run_mounted(f"SAVE={data}\n{mount}", *CLIENT, "G2")
    assert done.returncode == ExitCode.FAILED, done.stderr
    assert "full" in faulty.events()
    assert faulty.results.read_bytes() == before
    shutil.rmtree(data)
    shutil.copytree(faulty.folder / "kept" / "data", data)
    assert faulty.score("G2") == ExitCode.DONE
    assert "run-resumed" in faulty.events()
    assert_truth(faulty.settings)


def test_row_29_results_csv_is_open_in_excel(
    faulty: Project, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the seam where Windows refuses: os.replace. With Excel itself: not run here."""
    faulty.write("G1", 5)
    assert faulty.score("G1") == ExitCode.DONE
    before = faulty.results.read_bytes()
    replace = os.replace

    def held_open(source: Path, target: Path) -> None:
        if Path(target) == faulty.results:
            raise PermissionError(errno.EACCES, "used by another process")
        replace(source, target)

    monkeypatch.setattr(os, "replace", held_open)
    monkeypatch.setattr(results_csv, "REPLACE_PAUSE_SECONDS", 0.01)
    faulty.write("G2", 3)
    assert faulty.score("G2") == ExitCode.DONE
    assert faulty.results.read_bytes() == before
    (beside,) = faulty.folder.glob("Results-2*.csv")
    assert (
        "another program has it open, it is write-protected, or it is another user's;"
        f" see {beside.name}" in faulty.events()
    )
    assert_truth(faulty.settings, results=beside)


@pytest.mark.skipif(os.name != "nt", reason="not run here: needs Windows")
def test_row_29_results_csv_is_held_open_for_real(faulty: Project, server_url: str) -> None:
    faulty.write("G1", 5)
    assert faulty.score("G1") == ExitCode.DONE
    with faulty.results.open("r+b"):
        assert faulty.score("G1") == ExitCode.DONE
    (beside,) = faulty.folder.glob("Results-2*.csv")
    assert_truth(faulty.settings, results=beside)


REWRITE = """
import sys
from pathlib import Path
from scoring.records.atomic_file import atomic_text, remove_leftovers
path, number = Path(sys.argv[1]), 0
while True:
    number += 1
    remove_leftovers(path)
    with atomic_text(path) as file:
        file.write(f"{number % 10}" * 200_000)
    sys.stdout.write("x")
    sys.stdout.flush()
"""


@LINUX
def test_row_30_killed_at_any_write(faulty: Project) -> None:
    """A writer is killed at ten moments; whoever reads meanwhile finds one whole file."""
    path = faulty.folder / "file.txt"
    with atomic_text(path) as file:
        file.write("0" * 200_000)
    for kill in range(10):
        writer = faulty.start("-c", REWRITE, str(path))
        assert writer.stdout
        for _ in range(2 * kill + 1):
            writer.stdout.read(1)
            assert_whole(path)
        # Each time further on in a write of some milliseconds; none of the moments is a wrong one.
        time.sleep(0.0005 * kill)
        writer.kill()
        writer.communicate()
        assert_whole(path)


def assert_whole(path: Path) -> None:
    text = path.read_text()
    assert (len(text), len(set(text))) == (200_000, 1)


def lock_ledger(path: Path, locked: threading.Event, free: threading.Event) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        locked.set()
        free.wait(DEADLINE)
        other.execute("ROLLBACK")


def test_row_41_the_ledger_is_locked(
    faulty: Project, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thirty seconds are a setting; the test waits one."""
    monkeypatch.setenv("SCORING_RECORDS__BUSY_SECONDS", "1")
    faulty.write("G1", 5)
    assert faulty.score("G1") == ExitCode.DONE
    before = faulty.results.read_bytes()
    locked, free = threading.Event(), threading.Event()
    thread = threading.Thread(target=lock_ledger, args=(faulty.settings.ledger_file, locked, free))
    thread.start()
    assert locked.wait(DEADLINE)
    started = time.monotonic()
    assert faulty.score("G1") == ExitCode.FAILED
    waited = time.monotonic() - started
    free.set()
    thread.join()
    assert waited >= 1
    assert "was locked by another program for 1 s" in faulty.events()
    assert faulty.results.read_bytes() == before
    assert_truth(faulty.settings)


def test_row_41_a_lock_that_is_let_go_in_time_is_waited_for(
    faulty: Project, server_url: str
) -> None:
    faulty.write("G1", 5)
    assert faulty.score("G1") == ExitCode.DONE
    locked, free = threading.Event(), threading.Event()
    thread = threading.Thread(target=lock_ledger, args=(faulty.settings.ledger_file, locked, free))
    thread.start()
    assert locked.wait(DEADLINE)
    threading.Timer(0.7, free.set).start()
    assert faulty.score("G1") == ExitCode.DONE
    assert free.is_set(), "it was not waited for"
    thread.join()
    assert_truth(faulty.settings)


def test_row_41_the_ledger_is_locked_in_the_middle_of_a_run(
    faulty: Project, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a run must not replace whole results; the next start goes on where it stopped."""
    monkeypatch.setenv("SCORING_RECORDS__BUSY_SECONDS", "0.3")
    faulty.write("G1", 20)
    assert faulty.score("G1") == ExitCode.DONE
    before = faulty.results.read_bytes()
    monkeypatch.setenv("SCORING_CLIENT__CHUNK_ROWS", "5")
    locked, free = threading.Event(), threading.Event()
    path = faulty.settings.ledger_file
    thread = threading.Thread(target=lock_ledger, args=(path, locked, free))

    def lock_then_answer(path: str, _: bytes, number: int) -> Answer | None:
        if is_predict(path) and number == 3:
            thread.start()
            locked.wait(DEADLINE)
        return None

    with answering(relay(server_url, lock_then_answer)) as url:
        assert faulty.score("G1", "--server", url) == ExitCode.FAILED
    free.set()
    thread.join()
    assert faulty.results.read_bytes() == before
    interrupted = faulty.latest_run()
    assert interrupted.state == "running"
    assert faulty.score("G1") == ExitCode.DONE
    assert faulty.latest_run().id == interrupted.id
    assert_truth(faulty.settings)


def overwrite(path: Path, start: int, length: int) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(os.urandom(length))


def checkpoint(path: Path) -> None:
    """Bring everything from the write-ahead log into the file that is about to be spoilt."""
    with closing(sqlite3.connect(path)) as ledger:
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@pytest.mark.parametrize(("start", "length"), [(0, 4096), (4096, 200_000), (90, 30)])
def test_row_42_the_ledger_is_corrupt_and_a_backup_is_there(
    faulty: Project, server_url: str, start: int, length: int
) -> None:
    """Its header, its pages, or its table of contents are overwritten."""
    faulty.write("G1", 200)
    assert faulty.score("--nightly", "2026-11-20") == ExitCode.DONE
    ledger = faulty.settings.ledger_file
    assert len(list(faulty.settings.backups_folder.iterdir())) == 1
    checkpoint(ledger)
    overwrite(ledger, start, length)
    faulty.write("G2", 3)
    assert faulty.score("--nightly", "2026-11-21") == ExitCode.DONE
    assert ", ERROR, ledger-damaged, " in faulty.events()
    assert "replaced by the backup ledger-" in faulty.events()
    assert len(list(ledger.parent.glob("ledger-damaged-*.db"))) == 1
    rows = read_whole_results(faulty.results)
    assert [row[1] for row in rows] == ["G2"] * 3, "G1 was scored again though a backup knew it"
    assert_truth(faulty.settings)


def test_row_42_the_ledger_is_corrupt_and_no_backup_is_good(
    faulty: Project, server_url: str
) -> None:
    faulty.write("G1", 20)
    assert faulty.score("--nightly", "2026-11-20") == ExitCode.DONE
    ledger = faulty.settings.ledger_file
    for path in (ledger, *faulty.settings.backups_folder.iterdir()):
        path.write_bytes(b"this is no database" * 500)
    assert faulty.score("--nightly", "2026-11-21") == ExitCode.DONE
    assert "replaced by an empty one; there is no good backup" in faulty.events()
    assert len(read_whole_results(faulty.results)) == 20
    assert_truth(faulty.settings)


def is_killed_at_the_part(faulty: Project) -> bool:
    """Score G2; tell whether the client was killed while its part of Results.csv was there."""
    with faulty.start(*CLIENT, "G2", "--fresh", stdout=None, stderr=None) as client:
        while client.poll() is None:
            if any(faulty.folder.glob(".Results.csv.*.part")):
                client.send_signal(signal.SIGKILL)
                return True
    return False


@LINUX
def test_row_30_killed_while_results_are_written(faulty: Project, server_url: str) -> None:
    """The client is killed when its part of Results.csv appears: the old file is whole."""
    faulty.write("G1", 5)
    assert faulty.score("G1") == ExitCode.DONE
    before = faulty.results.read_bytes()
    faulty.write("G2", 4_000)
    # The part is there for some milliseconds only: a look may come too late.
    assert any(is_killed_at_the_part(faulty) for _ in range(20))
    found = faulty.results.read_bytes()
    assert found == before or len(read_whole_results(faulty.results)) == 4_000
    assert faulty.score("G2") == ExitCode.DONE
    assert not list(faulty.folder.glob(".Results.csv.*.part"))
    assert_truth(faulty.settings)
