"""What a run remembers of images, in memory and past it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from client import seen_spool
from client.seen_spool import SeenSpool
from scoring.batches.image_reader import ImageRow


def row(num: int, size: int = 784, original: bytes | None = b"file") -> ImageRow:
    pixels = np.full(size, num, np.uint8)
    return ImageRow(num, f"{num}.png", f"hash {num}", pixels, upright=(4, 3), original=original)


def test_what_is_wanted_is_remembered_and_nothing_else() -> None:
    spool = SeenSpool()
    spool.remember("model", [row(1), row(2), row(3, original=None)], {1})
    spool.remember("model", [row(3, original=None)], {3})
    one, three = spool.recall("model", "hash 1"), spool.recall("model", "hash 3")
    assert one
    assert three
    assert np.array_equal(one.pixels, np.full(784, 1, np.uint8))
    assert (one.original, one.upright) == (b"file", (4, 3))
    assert three.original is None
    assert spool.recall("model", "hash 2") is None
    spool.close()
    assert spool.recall("model", "hash 1") is None


def test_each_model_has_its_own_pixels_of_a_content() -> None:
    spool = SeenSpool()
    spool.remember("small", [row(1)], {1})
    spool.remember("large", [row(1, size=3_000)], {1})
    sizes = []
    for model in ("small", "large"):
        known = spool.recall(model, "hash 1")
        assert known
        sizes.append(known.pixels.size)
    assert sizes == [784, 3_000]
    assert spool.recall("another", "hash 1") is None
    spool.close()


def test_what_memory_does_not_hold_goes_to_a_file_that_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen_spool, "MEMORY_BYTES", 10_000)
    spool = SeenSpool(tmp_path)
    for num in range(1, 60):
        spool.remember("model", [row(num)], {num})
    for num in range(1, 60):
        known = spool.recall("model", f"hash {num}")
        assert known
        assert (known.pixels == num).all()
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_past_its_bytes_nothing_more_is_taken_in() -> None:
    spool = SeenSpool(most=2_000)
    spool.remember("model", [row(1), row(2), row(3)], {1, 2, 3})
    assert [spool.recall("model", f"hash {num}") is not None for num in (1, 2, 3)] == [
        True,
        True,
        False,
    ]
    spool.close()


def test_without_room_on_the_disk_files_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen_spool, "MEMORY_BYTES", 1_000)
    spool = SeenSpool(tmp_path / "gone")
    for num in (1, 2, 3):
        spool.remember("model", [row(num)], {num})
    assert spool.recall("model", "hash 1")
    assert spool.recall("model", "hash 3") is None
    spool.close()
