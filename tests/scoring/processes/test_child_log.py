"""The log alone, fed by a pipe; with a child at its other end: test_child."""

from __future__ import annotations

import os
from pathlib import Path

from scoring.processes.child_log import TAIL_LINES, ChildLog


def follow(log: ChildLog, said: bytes) -> str:
    """Return the tail after a child has said this, less than a pipe holds, and ended."""
    reading, writing = os.pipe()
    log.follow(os.fdopen(reading, "rb", buffering=0))
    with os.fdopen(writing, "wb", buffering=0) as pipe:
        pipe.write(said)
    return log.tail(ended=True)


def test_before_any_child_there_is_no_tail(tmp_path: Path) -> None:
    assert ChildLog(tmp_path / "x.log", 1_000, 1).tail(ended=True) == ""


def test_the_tail_is_the_last_lines_without_the_empty_ones(tmp_path: Path) -> None:
    lines = [f"line {number}" for number in range(2 * TAIL_LINES)]
    tail = follow(ChildLog(tmp_path / "x.log", 10_000, 1), "\n".join(lines).encode())
    assert tail == " | ".join(lines[-TAIL_LINES:])
    assert follow(ChildLog(tmp_path / "y.log", 10_000, 1), b"  a\n\n \r\nb\n") == "a | b"


def test_what_a_library_says_at_every_start_is_logged_and_not_told(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    chatter = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
    assert follow(ChildLog(path, 10_000, 1), chatter) == ""
    said = chatter + b"error: the ledger is locked\n" + chatter * TAIL_LINES
    assert follow(ChildLog(path, 10_000, 1), said) == "error: the ledger is locked"
    assert path.read_bytes() == chatter + said


def test_what_is_no_utf_8_is_logged_as_it_is_and_told_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    assert follow(ChildLog(path, 1_000, 1), b"caf\xe9\n") == "caf\ufffd"
    assert path.read_bytes() == b"caf\xe9\n"


def test_one_child_after_another_writes_to_one_log(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "x.log"
    log = ChildLog(path, 1_000, 1)
    follow(log, b"first\n")
    follow(log, b"second\n")
    assert path.read_bytes() == b"first\nsecond\n"


def test_a_log_that_was_cleared_away_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    log = ChildLog(path, 1_000, 1)
    follow(log, b"first\n")
    path.unlink()
    follow(log, b"second\n")
    assert path.read_bytes() == b"second\n"


def test_a_log_of_exactly_its_size_is_full_with_the_next_byte(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    log = ChildLog(path, 10, 1)
    follow(log, b"a" * 10)
    assert [one.name for one in tmp_path.iterdir()] == ["x.log"]
    follow(log, b"b")
    assert (path.read_bytes(), (tmp_path / "x.log.1").read_bytes()) == (b"b", b"a" * 10)
