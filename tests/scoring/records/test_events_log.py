from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scoring.records.events_log import EventsLog

LINE = re.compile(r"\S+T\S+[+-]\d\d:\d\d, (INFO|WARNING|ERROR), [a-z-]+, [^,]*, [^,]*, .*")


def test_an_event_is_one_physical_line_whatever_it_says(tmp_path: Path) -> None:
    log = EventsLog(tmp_path, 1_000_000, 3, lambda: datetime(2026, 11, 21, 18, 5, tzinfo=UTC))
    log.warning("image-failed", "a\nb\x1b[31m, c", run="r1", batch="G1, 2")
    text = log.path.read_text(encoding="utf-8")
    assert text == (
        "2026-11-21T18:05:00+00:00, WARNING, image-failed, r1, G1\\x2c 2, a\\nb\\x1b[31m, c\n"
    )
    assert LINE.fullmatch(text.rstrip("\n"))


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
