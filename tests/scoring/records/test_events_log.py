from __future__ import annotations

import errno
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from subprocess import run

import pytest

from scoring.records.events_log import EventsLog
from tests.deadlines import DEADLINE

LINE = re.compile(r"\S+T\S+[+-]\d\d:\d\d, (INFO|WARNING|ERROR), [a-z-]+, [^,]*, [^,]*, .*")


def test_an_event_is_one_physical_line_whatever_it_says(tmp_path: Path) -> None:
    log = EventsLog(tmp_path, 1_000_000, 3, lambda: datetime(2026, 11, 21, 18, 5, tzinfo=UTC))
    log.warning("image-failed", "a\nb\x1b[31m, c", run="r1", batch="G1, 2")
    text = log.path.read_text(encoding="utf-8")
    assert text == (
        "2026-11-21T18:05:00+00:00, WARNING, image-failed, r1, G1\\x2c 2, a\\nb\\x1b[31m, c\n"
    )
    assert LINE.fullmatch(text.rstrip("\n"))


def test_names_are_spelt_as_in_the_results(tmp_path: Path) -> None:
    """They come printable: what stands in Results.csv can be searched for in the log."""
    log = EventsLog(tmp_path, 1_000_000, 3)
    log.warning("image-failed", "Gr\\udcf6.png: is\nempty", batch="lat\\udce9")
    assert log.path.read_text(encoding="utf-8").endswith(
        ", lat\\udce9, Gr\\udcf6.png: is\\nempty\n"
    )


def test_an_echo_names_the_batch_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = EventsLog(tmp_path, 1_000_000, 3, echo=True)
    log.error("batch-unreadable", "its folder cannot be read", batch="G1, 2")
    log.warning("mixed-models", "G2 has answers of two", batch="G2")
    log.warning("photographs", "G2: 3 of 4 are none", batch="G2")
    log.warning("config-changed", "started anew")
    assert capsys.readouterr().err.splitlines() == [
        "ERROR: G1, 2: its folder cannot be read",
        "WARNING: G2 has answers of two",
        "WARNING: G2: 3 of 4 are none",
        "WARNING: started anew",
    ]


def test_a_full_log_is_set_aside_and_the_oldest_go(tmp_path: Path) -> None:
    log = EventsLog(tmp_path, 200, 2)
    for number in range(200):
        log.info("test", f"event {number}")
    aside = list(tmp_path.glob("Events-log.*.txt"))
    assert 1 <= len(aside) <= 2
    assert all(file.stat().st_size < 400 for file in tmp_path.iterdir())
    assert "event 199" in log.path.read_text()


def test_lines_of_several_writers_never_mix(tmp_path: Path) -> None:
    def write(writer: int) -> None:
        log = EventsLog(tmp_path, 10**9, 2)
        for number in range(50):
            log.info("test", f"{writer}:{number} " + "x" * 200)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    lines = (tmp_path / "Events-log.txt").read_text().splitlines()
    assert len(lines) == 200
    assert all(LINE.fullmatch(line) for line in lines)


def test_where_the_log_cannot_be_written_stderr_gets_the_event(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "logs"
    blocked.write_text("a file where the folder should be")
    EventsLog(blocked, 1000, 2).error("test", "nothing is lost")
    assert "nothing is lost" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="not run here: needs a POSIX system")
@pytest.mark.parametrize("reads", [False, True])
def test_a_pipe_in_the_place_of_the_log_holds_nobody(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], reads: bool
) -> None:
    log = EventsLog(tmp_path, 1000, 2)
    os.mkfifo(log.path)
    reader = os.open(log.path, os.O_RDONLY | os.O_NONBLOCK) if reads else None
    log.error("test", "nothing is lost")
    assert "nothing is lost" in capfd.readouterr().err
    if reader is not None:
        os.close(reader)


@pytest.mark.skipif(os.name == "nt", reason="not run here: needs a POSIX system")
@pytest.mark.parametrize("what", ["folder", "device", "loop", "way to nothing"])
def test_what_is_no_file_gets_no_events(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], what: str
) -> None:
    log = EventsLog(tmp_path, 1000, 2)
    if what == "folder":
        log.path.mkdir()
    else:
        targets = {"device": os.devnull, "loop": log.path.name, "way to nothing": "away/log.txt"}
        log.path.symlink_to(targets[what])
    log.error("test", "nothing is lost")
    assert "nothing is lost" in capfd.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="not run here: needs a POSIX system")
def test_a_link_is_written_through_and_rotated_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "disk").mkdir()
    log = EventsLog(tmp_path / "logs", 200, 2)
    log.path.symlink_to(tmp_path / "disk" / "Events-log.txt")
    for number in range(20):
        log.info("test", f"event {number}")
    assert log.path.is_symlink()
    assert "event 19" in (tmp_path / "disk" / "Events-log.txt").read_text()
    assert len(list((tmp_path / "disk").iterdir())) == 3
    assert os.listdir(tmp_path / "logs") == ["Events-log.txt"]


@pytest.mark.skipif(os.name == "nt", reason="not run here: needs a POSIX system")
@pytest.mark.parametrize("what", ["pipe", "endless device"])
def test_what_is_no_file_has_no_events(tmp_path: Path, what: str) -> None:
    """Nobody waits for a pipe's other end, nor reads until the memory is full."""
    program = (
        "import resource, sys, pathlib; from scoring.records.events_log import EventsLog;"
        "resource.setrlimit(resource.RLIMIT_AS, (2_000_000_000,) * 2);"
        "print(EventsLog(pathlib.Path(sys.argv[1]), 1000, 2).of_run('r1'))"
    )
    log = EventsLog(tmp_path, 1000, 2)
    if what == "pipe":
        os.mkfifo(log.path)
    else:
        log.path.symlink_to("/dev/zero")
    done = run([sys.executable, "-c", program, tmp_path], capture_output=True, timeout=DEADLINE)
    assert (done.stdout.strip(), done.returncode) == (b"[]", 0), done.stderr


def test_a_runs_events_are_found_at_the_end_of_a_long_log(tmp_path: Path) -> None:
    log = EventsLog(tmp_path, 10_000_000, 2)
    log.path.write_text("x" * 99 + "\n" * 6_000 + "y" * 600_000 + "\n")
    log.error("test", "late", run="r1", batch="G1")
    assert [event.message for event in log.of_run("r1")] == ["late"]


def test_a_short_write_is_followed_by_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a share or a disk that fills up may take it: some bytes at a time."""
    write = os.write
    log = EventsLog(tmp_path, 1000, 2)
    log.info("test", "before")
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:7]))
    log.error("test", "Größe 衣服")
    monkeypatch.undo()
    lines = log.path.read_text(encoding="utf-8").splitlines()
    assert [line.rsplit(", ", 1)[1] for line in lines] == ["before", "Größe 衣服"]
    assert all(LINE.fullmatch(line) for line in lines)


@pytest.mark.parametrize("end", ["full", "nothing"])
def test_a_line_that_cannot_be_written_whole_is_not_there_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], end: str
) -> None:
    write = os.write
    sizes = iter([9, 4])

    def fail(handle: int, data: bytes) -> int:
        size = next(sizes, 0)
        if not size and end == "full":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, data[:size]) if size else 0

    log = EventsLog(tmp_path, 1000, 2)
    log.info("test", "before")
    whole = log.path.read_bytes()
    monkeypatch.setattr(os, "write", fail)
    log.error("test", "nothing is lost")
    monkeypatch.undo()
    assert log.path.read_bytes() == whole
    assert "nothing is lost" in capsys.readouterr().err
    log.info("test", "after")
    assert [line.rsplit(", ", 1)[1] for line in log.path.read_text().splitlines()] == [
        "before",
        "after",
    ]
