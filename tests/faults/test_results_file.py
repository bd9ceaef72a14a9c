"""Rows 48, 49, 54 and 55: what stands between two runs and what the desk opens in the morning."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from scoring.protocol.errors import ExitCode
from scoring.records.ledger import FIRST_START, Ledger
from scoring.records.text import is_formula, printable, read_cell
from scoring.settings import Settings
from tests.client.lying_server import Answer, answering, is_predict, predictions, relay
from tests.faults.desk import LINUX, POSIX, Project
from tests.faults.oracle import assert_truth, read_whole_results

CLIENT = ("-m", "client.request")
FIRST_NIGHT, SECOND_NIGHT = "2026-11-20", "2026-11-21"


def remove_ledger(settings: Settings) -> None:
    for path in settings.ledger_file.parent.glob("ledger.db*"):
        path.unlink()


@POSIX
@pytest.mark.parametrize("backed_up", [True, False])
def test_row_48_the_ledger_is_gone_in_mid_run(
    faulty: Project, server_url: str, monkeypatch: pytest.MonkeyPatch, backed_up: bool
) -> None:
    """The client notices at the next chunk, and the night is scored over what it had before."""
    if backed_up:
        faulty.write("G0", 3)
        assert faulty.score("--nightly", FIRST_NIGHT) == ExitCode.DONE
    faulty.write("G1", 20)
    monkeypatch.setenv("SCORING_CLIENT__CHUNK_ROWS", "4")
    gone: list[int] = []

    def remove_and_answer(path: str, _: bytes, number: int) -> Answer | None:
        if is_predict(path) and number >= 3 and not gone:
            gone.append(number)
            remove_ledger(faulty.settings)
        return None

    with answering(relay(server_url, remove_and_answer)) as url:
        assert faulty.score("--nightly", SECOND_NIGHT, "--server", url) == ExitCode.DONE
    assert gone
    assert ", ERROR, ledger-damaged, " in faulty.events()
    assert "removed or replaced while it was in use" in faulty.events()
    run = faulty.latest_run()
    assert (f"{run.due_date}", run.state) == (SECOND_NIGHT, "done")
    rows = read_whole_results(faulty.results)
    assert [row[1] for row in rows] == ["G1"] * 20, "what a backup knew was scored again"
    with Ledger.from_settings(faulty.settings) as ledger:
        nights = [f"{night.due_date}" for night in ledger.runs(9)]
    assert nights == ([SECOND_NIGHT, FIRST_NIGHT] if backed_up else [SECOND_NIGHT])


def test_row_48_check_and_status_make_no_ledger(faulty: Project, server_url: str) -> None:
    """Check says that it is gone; whoever runs first takes the backup, history and all."""
    faulty.write("G1", 3)
    assert faulty.score("--nightly", FIRST_NIGHT) == ExitCode.DONE
    with Ledger.from_settings(faulty.settings) as ledger:
        ledger.set_fact(FIRST_START, "2026-11-01T12:00:00+00:00")
        ledger.copy_to(next(faulty.settings.backups_folder.iterdir()))
    remove_ledger(faulty.settings)
    before = sorted(path.name for path in faulty.settings.ledger_file.parent.iterdir())
    faulty.run("-m", "scheduler", "status")
    done = faulty.run("-m", "scheduler", "check")
    assert done.returncode == ExitCode.FAILED
    assert "empty or gone" in done.stdout
    assert sorted(path.name for path in faulty.settings.ledger_file.parent.iterdir()) == before
    faulty.write("G2", 2)
    assert faulty.score("--nightly", SECOND_NIGHT) == ExitCode.DONE
    with Ledger.from_settings(faulty.settings) as ledger:
        assert ledger.fact(FIRST_START) == "2026-11-01T12:00:00+00:00"
        assert len(ledger.runs(9)) == 2
    assert_truth(faulty.settings)


@POSIX
def test_what_is_kept_is_this_users_alone(faulty: Project, server_url: str) -> None:
    """Whatever the umask, and whichever program makes the folder; Results.csv is for the desk."""
    faulty.write("G1", 2)
    before = os.umask(0)
    try:
        done = faulty.run(*CLIENT, "--nightly", FIRST_NIGHT)
    finally:
        os.umask(before)
    assert done.returncode == ExitCode.DONE, done.stderr
    data = faulty.settings.ledger_file.parent
    for folder in (data, data / "backups"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    assert stat.S_IMODE((data / "ledger.db").stat().st_mode) == 0o600
    assert stat.S_IMODE(faulty.results.stat().st_mode) == 0o666


AUCKLAND, UTC, TOKYO = ZoneInfo("Pacific/Auckland"), ZoneInfo("UTC"), ZoneInfo("Asia/Tokyo")
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (NOON.astimezone(AUCKLAND), NOON + timedelta(minutes=5)),
        (NOON, NOON - timedelta(hours=2)),
        (NOON + timedelta(days=1), NOON),
        (NOON.astimezone(TOKYO), (NOON - timedelta(minutes=1)).astimezone(AUCKLAND)),
        (NOON, NOON.replace(year=1970)),
    ],
)
def test_row_49_zone_or_clock_changes_between_two_runs(
    faulty: Project,
    server_url: str,
    monkeypatch: pytest.MonkeyPatch,
    first: datetime,
    second: datetime,
) -> None:
    """The second run cannot write what it scored: the third owes it, whatever the clocks said."""
    now = first
    monkeypatch.setattr(Settings, "now", lambda self: now)
    faulty.write("G1", 2)
    assert faulty.score("G1") == ExitCode.DONE
    now = second
    faulty.write("G1", 5)
    aside = faulty.folder / "aside.csv"
    faulty.results.rename(aside)
    faulty.results.mkdir()
    assert faulty.score("G1") == ExitCode.FAILED
    faulty.results.rmdir()
    aside.rename(faulty.results)
    assert faulty.score("--nightly", SECOND_NIGHT) == ExitCode.DONE
    assert len(read_whole_results(faulty.results)) == 5
    assert faulty.latest_run().kind == "nightly"
    assert_truth(faulty.settings)


@POSIX
def test_row_54_results_csv_is_a_link(
    faulty: Project, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a share that cannot put a folder on the disk, with a mode that its users gave it."""
    real = os.fsync

    def fsync(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(22, "Invalid argument")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    share = faulty.folder / "share"
    share.mkdir()
    faulty.results.symlink_to(share / "desk.csv")
    faulty.write("G1", 3)
    assert faulty.score("G1") == ExitCode.DONE
    (share / "desk.csv").chmod(0o664)
    if os.geteuid() == 0:
        os.chown(share / "desk.csv", 1234, 4321)
    faulty.write("G2", 2)
    assert faulty.score("--nightly", FIRST_NIGHT) == ExitCode.DONE
    assert faulty.results.is_symlink()
    status = (share / "desk.csv").stat()
    assert stat.S_IMODE(status.st_mode) == 0o664
    if os.geteuid() == 0:
        assert (status.st_uid, status.st_gid) == (1234, 4321)
    assert os.listdir(share) == ["desk.csv"]
    assert_truth(faulty.settings)


NO_FOLDER_SYNC = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/stat.h>
int fsync(int handle) {
    static int (*real)(int);
    struct stat status;
    if (!real) real = dlsym(RTLD_NEXT, "fsync");
    if (!fstat(handle, &status) && S_ISDIR(status.st_mode)) { errno = EINVAL; return -1; }
    return real(handle);
}
"""


@LINUX
@pytest.mark.skipif(not shutil.which("gcc"), reason="not run here: needs gcc")
def test_row_54_a_share_that_cannot_sync_a_folder(
    faulty: Project, server_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The same below Python: the library call itself refuses."""
    source, library = tmp_path / "sync.c", tmp_path / "sync.so"
    source.write_text(NO_FOLDER_SYNC)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    monkeypatch.setenv("LD_PRELOAD", str(library))
    probe = "import os; os.fsync(os.open('/', 0))"
    refused = subprocess.run([sys.executable, "-c", probe], capture_output=True, check=False)
    assert b"Invalid argument" in refused.stderr, "the fault is not there"
    faulty.write("G1", 3)
    done = faulty.run(*CLIENT, "--nightly", FIRST_NIGHT)
    assert done.returncode == ExitCode.DONE, done.stderr
    assert_truth(faulty.settings)


TOLD = ["=HYPERLINK(1)", "+1\r\n2;=3", "\ufeff=1+1", "@\x1b[31m", "\uff1d1", "007", " \t-5"]


def test_row_55_the_servers_text_in_cells(faulty: Project, server_url: str) -> None:
    """A reason for review is the server's word; it becomes a line of text and nothing else."""
    faulty.write("G1", len(TOLD))

    def spoil(rows: list[dict[str, object]]) -> None:
        for row, text in zip(rows, TOLD, strict=True):
            row["review"] = text

    def tell(path: str, answer: bytes, _: int) -> Answer | None:
        return (200, predictions(answer, spoil), {}) if is_predict(path) else None

    with answering(relay(server_url, tell)) as url:
        assert faulty.score("G1", "--server", url) == ExitCode.DONE
    rows = read_whole_results(faulty.results)
    assert len(rows) == len(TOLD)
    lines = faulty.results.read_bytes().decode("utf-8-sig").splitlines()
    assert len(lines) == len(TOLD) + 1, "a text has broken its line"
    assert not [cell for row in rows for cell in row if is_formula(cell)]
    assert [read_cell(row[5]) for row in rows] == [printable(text) for text in TOLD]
    assert_truth(faulty.settings)
