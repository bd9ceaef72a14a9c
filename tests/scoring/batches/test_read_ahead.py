"""Files become rows in order, whatever becomes of single files and the threads that read them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from scoring.batches import image_reader, reading_crew
from scoring.batches.image_reader import IN_A_CLOUD
from scoring.batches.read_ahead import SILENT_FILES, ReadAhead, chunks_of, growing_chunks
from scoring.preprocessing.decode import CorruptImage
from scoring.protocol.errors import BatchUnreadable
from scoring.records.regular_file import open_regular
from tests.scoring.batches.reading import (
    LONG_AGO,
    NIGHTLY,
    Played,
    let_time_pass_only_for,
    read_all,
    reader_of,
    write_files,
)


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """Return what stuck threads wait for; they go on when the test is over."""
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize(("count", "chunk_rows", "threads"), [(0, 4, 2), (1, 4, 3), (23, 5, 3)])
def test_every_file_becomes_one_row_in_order(
    tmp_path: Path, count: int, chunk_rows: int, threads: int
) -> None:
    images = write_files(tmp_path / "G1", count)
    rows = read_all(images, reader_of(tmp_path / "G1", Played()), chunk_rows, threads)
    assert [row.num for row in rows] == list(range(1, count + 1))
    assert [row.path for row in rows] == list(images)
    assert all(row.pixels is not None and row.content_hash for row in rows)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (CorruptImage("x"), "the file is damaged (x): copy or save it again"),
        (OSError(5, "Input/output error"), "cannot be read: Input/output error"),
        (IndexError("out of range"), "please report it: IndexError('out of range')"),
        (MemoryError(), "there is not enough memory to decode it: shrink it"),
    ],
)
def test_what_is_wrong_with_one_file_costs_no_other(
    tmp_path: Path, error: Exception, told: str
) -> None:
    def fail(data: bytes) -> None:
        if data == b"3.png":
            raise error

    rows = read_all(write_files(tmp_path / "G1", 9), reader_of(tmp_path / "G1", Played(fail)))
    wrong = {row.path: row.error for row in rows if row.error}
    assert list(wrong) == ["3.png"]
    assert str(wrong["3.png"]).endswith(told)


def test_a_picture_too_large_beside_others_is_decoded_again_alone(tmp_path: Path) -> None:
    tries: list[bytes] = []

    def short_of_memory_once(data: bytes) -> None:
        tries.append(data)
        if tries.count(b"3.png") == 1 and data == b"3.png":
            raise MemoryError

    reader = reader_of(tmp_path / "G1", Played(short_of_memory_once))
    rows = read_all(write_files(tmp_path / "G1", 6), reader)
    assert not [row for row in rows if row.error]
    assert tries.count(b"3.png") == 2


@pytest.mark.parametrize("nightly", [True, False])
def test_a_file_whose_drive_does_not_answer_is_left_and_the_rest_is_read(
    tmp_path: Path, released: threading.Event, monkeypatch: pytest.MonkeyPatch, nightly: bool
) -> None:
    images = write_files(tmp_path / "G1", 12)
    for name in images:
        os.utime(tmp_path / "G1" / name, (LONG_AGO, LONG_AGO))

    def silent(path: str) -> tuple[int, os.stat_result]:
        if path.endswith(("/3.png", "/9.png")):
            released.wait()
        return open_regular(path)

    monkeypatch.setattr(image_reader, "open_regular", silent)
    let_time_pass_only_for(monkeypatch, "reading", ("3.png", "9.png"))
    reader = reader_of(
        tmp_path / "G1", Played(), file_seconds=0.3, settling=NIGHTLY if nightly else None
    )
    rows = read_all(images, reader)
    assert [row.num for row in rows] == list(range(1, 13))
    silent_rows = [row for row in rows if row.path in ("3.png", "9.png")]
    why = "its drive gave nothing for 0.3 s"
    if nightly:
        assert [(row.waits, row.left, row.error) for row in silent_rows] == [(True, why, None)] * 2
    else:
        assert [(row.waits, row.error) for row in silent_rows] == [(False, why)] * 2
    assert all(row.pixels is not None for row in rows if row not in silent_rows)


def test_a_file_that_is_decoded_for_ever_is_an_error_with_its_hash(
    tmp_path: Path, released: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(data: bytes) -> None:
        if data == b"3.png":
            released.wait()

    let_time_pass_only_for(monkeypatch, "decoding", ("3.png",))
    reader = reader_of(tmp_path / "G1", Played(endless), file_seconds=0.3, settling=NIGHTLY)
    images = write_files(tmp_path / "G1", 12)
    for name in images:
        os.utime(tmp_path / "G1" / name, (LONG_AGO, LONG_AGO))
    rows = read_all(images, reader)
    assert rows[2].error == "decoding it takes more than 0.3 s: save it again"
    assert rows[2].content_hash, "or the next night would take it for a new one"
    assert all(row.pixels is not None for row in rows if row.num != 3)


def test_a_drive_that_is_silent_file_after_file_is_given_up(
    tmp_path: Path, released: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(path: str) -> tuple[int, os.stat_result]:
        released.wait()
        raise OSError(5, path)

    images = write_files(tmp_path / "G1", 12)
    monkeypatch.setattr(image_reader, "open_regular", silent)
    # Those that are stuck are so until the test is over.
    monkeypatch.setattr(reading_crew, "CLOSE_SECONDS", 0.0)
    reader = reader_of(tmp_path / "G1", Played(), file_seconds=0.1)
    with pytest.raises(BatchUnreadable, match=f"does not answer: nothing came of {SILENT_FILES}"):
        read_all(images, reader)


def test_a_stop_waits_for_the_file_in_hand_and_no_more(tmp_path: Path) -> None:
    read: list[bytes] = []
    images = write_files(tmp_path / "G1", 400)
    reader = reader_of(tmp_path / "G1", Played(read.append))
    with ReadAhead(chunks_of(images, 200), reader, threads=1) as chunks:
        next(iter(chunks))
        before = len(read)
        assert before >= 200
    after = len(read)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode-")]
    assert len(read) == after


@pytest.mark.parametrize(
    ("count", "rows", "sizes"),
    [
        (1500, 512, [64, 128, 256, 512, 512, 28]),
        (300, 100, [64, 100, 100, 36]),
        (12, 4, [4, 4, 4]),
        (30, 64, [30]),
        (0, 64, []),
    ],
)
def test_the_first_chunks_are_small(count: int, rows: int, sizes: list[int]) -> None:
    names = [f"{number}.png" for number in range(count)]
    chunks = list(growing_chunks(names, rows))
    assert [len(chunk) for chunk in chunks] == sizes
    assert [name for chunk in chunks for name in chunk] == names


def test_what_lies_in_a_cloud_is_not_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = write_files(tmp_path / "G1", 2)
    for name in images:
        os.utime(tmp_path / "G1" / name, (LONG_AGO, LONG_AGO))
    monkeypatch.setattr(image_reader, "is_placeholder", lambda status: True)
    monkeypatch.setattr(image_reader, "read_to_end", lambda *_: pytest.fail("was fetched"))
    left = read_all(images, reader_of(tmp_path / "G1", Played(), settling=NIGHTLY))
    assert [(row.waits, row.left) for row in left] == [(True, IN_A_CLOUD)] * 2
    by_hand = read_all(images, reader_of(tmp_path / "G1", Played()))
    assert [row.error for row in by_hand] == [IN_A_CLOUD] * 2


def test_the_callers_opencv_has_its_threads_again(tmp_path: Path) -> None:
    """Also where readers end in the order in which they began, or one while others go on."""
    write_files(tmp_path / "G1", 1)
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        first, second = (
            ReadAhead([], reader_of(tmp_path / "G1", Played()), threads=1) for _ in range(2)
        )
        with first:
            second.__enter__()
            assert cv2.getNumThreads() == 1
        assert cv2.getNumThreads() == 1
        second.__exit__()
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)
