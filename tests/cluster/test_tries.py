"""A partition that was in hand when its node ended is known by it."""

from __future__ import annotations

from pathlib import Path

from cluster.storage import FolderStorage
from cluster.tries import Tries, is_note, note_of


def test_sudden_ends_are_counted_until_one_end_is_not_sudden(tmp_path: Path) -> None:
    out = FolderStorage(tmp_path)
    assert [Tries(out).begin("part-1") for _ in range(3)] == [0, 1, 2]
    assert Tries(out).begin("part-2") == 0
    Tries(out).end("part-1")
    assert out.names() == {note_of("part-2")}
    assert Tries(out).begin("part-1") == 0


def test_a_note_that_cannot_be_read_counts_nothing(tmp_path: Path) -> None:
    out = FolderStorage(tmp_path)
    out.write(note_of("part-1"), b"?")
    assert Tries(out).begin("part-1") == 0
    assert all(map(is_note, out.names()))
