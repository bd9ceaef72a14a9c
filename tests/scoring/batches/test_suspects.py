"""A file that may have ended a run is remembered, and tried alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from scoring.batches import read_alone as alone
from scoring.batches.in_flight import SLOT_BYTES, InFlight, left_in_flight
from scoring.batches.read_alone import read_alone
from scoring.batches.suspects import Suspects
from scoring.preprocessing.decode import DecodeError, DecodeLimits
from scoring.preprocessing.registry import find
from scoring.records.ledger import Ledger
from scoring.settings import CODE_ROOT
from tests.scoring.batches.reading import (
    Played,
    let_time_pass_only_for,
    read_all,
    reader_of,
    write_files,
)

GARMENT = find("garment", 1)
LIMITS = DecodeLimits(10**8, 10**8)
SHAPE = (28, 28, 1)
PICTURE = cv2.imencode(".png", np.random.default_rng(1).integers(0, 255, (40, 30), np.uint8))[1]

DIES = """
import os, signal, sys
from pathlib import Path
from scoring.batches.in_flight import InFlight
notes = InFlight(Path(sys.argv[1]), 4)
notes.note(0, b"G1", "read.png")
notes.note(0, "Łódź".encode(), "a/ü.png")
notes.note(1, b"G1", "done.png")
notes.clear(1)
notes.note(99, b"G1", "long" * 3_000)
os.kill(os.getpid(), signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
"""


def test_the_files_in_hand_outlive_a_process_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "in-flight"
    done = subprocess.run([sys.executable, "-c", DIES, str(path)], cwd=CODE_ROOT, check=False)
    assert done.returncode != 0
    first, last = left_in_flight(path)
    assert first == ("Łódź", "a/ü.png")
    assert last[1].startswith("longlong")
    assert path.stat().st_size == 4 * SLOT_BYTES


def test_an_end_of_its_own_leaves_nothing(tmp_path: Path) -> None:
    notes = InFlight(tmp_path / "in-flight", 2)
    notes.note(0, b"G1", "1.png")
    notes.close()
    assert left_in_flight(tmp_path / "in-flight") == []
    assert not list(tmp_path.iterdir())


def test_a_disk_that_takes_no_note_ends_nothing(tmp_path: Path) -> None:
    notes = InFlight(tmp_path / "no such folder" / "in-flight", 2)
    notes.note(0, b"G1", "1.png")
    notes.close()
    (tmp_path / "in-flight").write_bytes(b"\xff" * 100)
    assert left_in_flight(tmp_path / "in-flight") == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes in folders are POSIX's")
def test_a_pipe_in_its_place_is_not_waited_for_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "in-flight"
    os.mkfifo(path)
    assert left_in_flight(path) == []
    notes = InFlight(path, 2)
    notes.note(0, b"G1", "1.png")
    notes.close()
    assert path.is_fifo()


def test_a_note_that_cannot_be_overwritten_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's: whoever owns the folder may remove it, and not write it."""
    path = tmp_path / "in-flight"
    subprocess.run([sys.executable, "-c", DIES, str(path)], cwd=CODE_ROOT, check=False)
    assert left_in_flight(path)

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", refused)
        notes = InFlight(path, 2)
    notes.note(0, b"G1", "1.png")
    notes.close()
    assert left_in_flight(path) == []
    assert not path.exists()


def test_two_sudden_ends_make_a_suspect_until_it_is_read(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db", 5) as ledger:
        for count in (1, 2):
            suspects = Suspects.from_ledger(ledger)
            suspects.strike([("G1", "1.png"), ("G1", f"other{count}.png")])
            suspects.save(ledger)
            assert suspects.is_suspect("G1", "1.png") == (count == 2)
        assert not suspects.is_suspect("G1", "other1.png")
        assert not suspects.is_suspect("G2", "1.png")
        suspects.acquit("G1", "1.png")
        suspects.save(ledger)
        assert not Suspects.from_ledger(ledger).is_suspect("G1", "1.png")


def test_alone_a_file_gives_what_it_gives_here() -> None:
    data = PICTURE.tobytes()
    here = GARMENT(data, SHAPE, LIMITS)
    there = read_alone(data, GARMENT, SHAPE, LIMITS, 60.0)
    assert there.values.tolist() == here.values.tolist()
    assert (there.review, there.note) == (here.review, here.note)
    with pytest.raises(DecodeError, match="empty"):
        read_alone(b"", GARMENT, SHAPE, LIMITS, 60.0)


@pytest.mark.parametrize(
    ("module", "start_seconds", "told"),
    [("dying_reader", 60.0, "ends the program"), ("endless_reader", 0.0, "takes more than 1 s")],
)
def test_a_file_that_the_other_process_dies_of_is_an_error(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    start_seconds: float,
    told: str,
) -> None:
    """The suspect alone is decoded there: the process that dies is nobody else's."""
    monkeypatch.setattr(alone, "MODULE", f"tests.scoring.batches.{module}")
    monkeypatch.setattr(alone, "START_SECONDS", start_seconds)
    let_time_pass_only_for(monkeypatch, "decoding", ())
    suspects = Suspects({("G1", "2.png"): 2, ("G1", "3.png"): 1})
    reader = reader_of(tmp_path / "G1", Played(), suspects=suspects, file_seconds=1.0)
    rows = read_all(write_files(tmp_path / "G1", 4), reader)
    assert [row.num for row in rows if row.error] == [2]
    assert told in str(rows[1].error)
    assert rows[1].content_hash
    assert suspects.is_suspect("G1", "2.png"), "tried alone the next time, too"
    suspects.strike([("G1", "3.png")])
    assert not suspects.is_suspect("G1", "3.png"), "it was read without harm"
