from __future__ import annotations

import errno
import io
import sys
from typing import Any

import pytest

from scoring.records.telling import telling_never_fails

CLOTHES = "衣服"


class Broken(io.RawIOBase):
    """A file that takes some bytes of each write, and then is full."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.kept = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        taken = bytes(data)[: min(3, self.room)]
        if not taken:
            raise OSError(errno.ENOSPC, "no space left on device")
        self.room -= len(taken)
        self.kept += taken
        return len(taken)


def say(stream: Any, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write to stdout as a program does."""
    monkeypatch.setattr(sys, "stdout", stream)
    with telling_never_fails():
        sys.stdout.write(text)
        sys.stdout.flush()
    assert sys.stdout is stream, "what was there is there again"


def test_letters_that_a_terminal_has_not_are_written_as_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = io.BytesIO()
    say(io.TextIOWrapper(kept, encoding="cp1252"), f"{CLOTHES}é\n", monkeypatch)
    assert kept.getvalue().rstrip() == b"\\u8863\\u670d\xe9"


def test_bytes_of_a_file_name_that_are_no_text_are_written_as_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = io.BytesIO()
    say(io.TextIOWrapper(kept, encoding="utf-8"), "a\udcff", monkeypatch)
    assert kept.getvalue() == b"a\\udcff"


@pytest.mark.parametrize("room", [0, 4, 100])
def test_what_fits_is_written_and_the_rest_dropped(
    room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Broken(room)
    below = io.BufferedWriter(broken)
    say(io.TextIOWrapper(below, encoding="utf-8"), "a line of words", monkeypatch)
    assert broken.kept == b"a line of words"[:room]


def test_a_stream_of_text_alone_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.EIO, "the terminal has gone")

    say(Full(), "words", monkeypatch)
    kept = io.StringIO()
    say(kept, CLOTHES, monkeypatch)
    assert kept.getvalue() == CLOTHES


def test_a_stream_that_is_closed_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    closed.close()
    say(closed, "words", monkeypatch)


def test_once_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    with telling_never_fails():
        outer = sys.stdout
        with telling_never_fails():
            assert sys.stdout is outer
        sys.stdout.write("still open")
