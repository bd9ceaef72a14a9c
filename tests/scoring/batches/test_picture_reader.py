"""One image after the run: what is remembered is made use of, what is not is read again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from msgspec.structs import asdict

from scoring.batches.image_reader import SMALL_FILE_BYTES, ImageRow, Step
from scoring.batches.picture_reader import PictureReader, Remembered
from scoring.batches.suspects import Suspects
from scoring.preprocessing.pixels import Image
from scoring.preprocessing.registry import find
from scoring.protocol.signature import PreprocessingRef
from scoring.records.kept_picture import KeptPicture, Wanted, read_pixels
from scoring.records.text import printable
from tests.scoring.batches.reading import reader_of
from tests.scoring.preprocessing.image_files import encoded, scene

PHOTO, COLOUR = PreprocessingRef("photo", 2), (224, 224, 3)
GARMENT, GREY = PreprocessingRef("garment", 2), (28, 28, 1)


@dataclass(frozen=True)
class Known:
    """A memory that is given."""

    images: Mapping[str, Remembered] = field(default_factory=dict)

    def recall(self, model_version: str, content_hash: str) -> Remembered | None:
        return self.images.get(content_hash)


def reader(
    folder: Path, ref: PreprocessingRef, shape: tuple[int, int, int], **changes: Any
) -> PictureReader:
    folder.mkdir(exist_ok=True)
    plain = reader_of(folder, find(ref.name, ref.version))
    return PictureReader(
        **{**asdict(plain), "ref": ref, "shape": shape, "memory": Known(), **changes}
    )


def large() -> Image:
    return np.asarray(cv2.resize(scene(8, 6), (400, 533)), np.uint8)


def shape_of(picture: bytes) -> tuple[int, ...]:
    image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(image).shape


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make(of: PictureReader, path: str, content_hash: str, version: str = "v1") -> ImageRow:
    row = of.read_one(1, Wanted("G1", path, content_hash, version), Step())
    of.in_flight.close()
    return row


def only(of: PictureReader) -> KeptPicture:
    (made,) = of.made
    return made


def test_a_photograph_that_is_remembered_needs_no_file(tmp_path: Path) -> None:
    data = encoded(large(), ".jpg")
    pixels = find("photo", 2)(data, COLOUR, reader_of(tmp_path, None).limits)
    known = Known({digest(data): Remembered(pixels.values, None, pixels.upright)})
    of = reader(tmp_path / "G1", PHOTO, COLOUR, memory=known)
    assert make(of, "gone.jpg", digest(data)).error is None
    made = only(of)
    assert shape_of(made.picture) == (224, 168, 3)
    assert made.seen
    seen = read_pixels(made.seen.coding, made.seen.data, COLOUR)
    assert seen is not None
    assert np.abs(seen.reshape(-1).astype(int) - pixels.values).mean() < 4


def test_a_small_png_that_is_remembered_needs_no_file(tmp_path: Path) -> None:
    data = encoded(scene(28, 28)[:, :, 0], ".png")
    seen = np.arange(784, dtype=np.uint8)
    known = Known({digest(data): Remembered(seen, data)})
    of = reader(tmp_path / "G1", GARMENT, GREY, memory=known)
    make(of, "gone.png", digest(data))
    made = only(of)
    assert (made.picture, made.media_type) == (data, "image/png")
    assert made.seen
    assert made.seen.data == seen.tobytes()


def test_of_a_product_picture_the_file_is_read_and_the_pixels_are_remembered(
    tmp_path: Path,
) -> None:
    data = encoded(large(), ".jpg")
    seen = np.arange(784, dtype=np.uint8)
    of = reader(tmp_path / "G1", GARMENT, GREY, memory=Known({digest(data): Remembered(seen)}))
    (tmp_path / "G1" / "a.jpg").write_bytes(data)
    make(of, "a.jpg", digest(data))
    made = only(of)
    assert shape_of(made.picture) == (200, 150, 3)
    assert made.seen
    assert made.seen.data == seen.tobytes()


def test_what_nobody_remembers_is_seen_once_more(tmp_path: Path) -> None:
    data = encoded(scene(28, 28), ".png")
    of = reader(tmp_path / "G1", GARMENT, GREY)
    name = "a\\b.png"
    (tmp_path / "G1" / name).write_bytes(data)
    make(of, printable(name), digest(data))
    made = only(of)
    assert made.path == printable(name)
    assert made.seen
    pixels = find("garment", 2)(data, GREY, of.limits)
    assert made.seen.data == pixels.values.tobytes()


@pytest.mark.parametrize("what", ["gone", "changed", "suspect"])
def test_of_what_cannot_be_read_again_nothing_is_kept(tmp_path: Path, what: str) -> None:
    data = encoded(scene(28, 28), ".png")
    suspects = Suspects({("G1", "1.png"): 2}) if what == "suspect" else Suspects({})
    of = reader(tmp_path / "G1", GARMENT, GREY, suspects=suspects)
    if what != "gone":
        (tmp_path / "G1" / "1.png").write_bytes(data + b"more" * (what == "changed"))
    row = make(of, "1.png", digest(data))
    assert not of.made
    assert (row.error is None) == (what == "suspect")


def test_of_a_failed_image_what_is_whole_is_kept_without_pixels(tmp_path: Path) -> None:
    whole = encoded(large(), ".jpg")
    data = whole[: len(whole) // 2]
    of = reader(tmp_path / "G1", GARMENT, GREY)
    (tmp_path / "G1" / "cut.jpg").write_bytes(data)
    make(of, "cut.jpg", digest(data), version="")
    assert only(of).seen is None
    (tmp_path / "G1" / "letter.jpg").write_bytes(b"no picture")
    row = make(reader(tmp_path / "G1", GARMENT, GREY), "letter.jpg", digest(b"no picture"), "")
    assert row.error is None


@pytest.mark.parametrize(
    ("ref", "shape", "image", "suffix"),
    [
        (PHOTO, COLOUR, large(), ".jpg"),
        (GARMENT, GREY, large(), ".jpg"),
        (GARMENT, GREY, scene(28, 28)[:, :, 0], ".png"),
    ],
    ids=["photograph", "product picture", "data-set image"],
)
def test_a_picture_does_not_tell_whether_its_image_was_flagged(
    tmp_path: Path, ref: PreprocessingRef, shape: tuple[int, int, int], image: Image, suffix: str
) -> None:
    """Flagged ones are remembered, those of the audit sample are read anew."""
    data = encoded(image, suffix)
    (tmp_path / "G1").mkdir()
    (tmp_path / "G1" / f"a{suffix}").write_bytes(data)
    pixels = find(ref.name, ref.version)(data, shape, reader_of(tmp_path, None).limits)
    small = data if len(data) <= SMALL_FILE_BYTES else None
    known = Known({digest(data): Remembered(pixels.values, small, pixels.upright)})
    made = []
    for memory in (known, Known()):
        of = reader(tmp_path / "G1", ref, shape, memory=memory)
        assert make(of, f"a{suffix}", digest(data)).error is None
        made.append(only(of))
    assert made[0] == made[1]
