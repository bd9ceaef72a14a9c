"""Pictures in every form become the pixels that a file of them would become."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from client.pictures import PictureSource, encoded
from client.results import Chunk
from scoring.preprocessing.errors import TooManyPixels
from scoring.preprocessing.pixels import DecodeLimits
from scoring.protocol.errors import InvalidPixels
from scoring.protocol.signature import parse_signature
from scoring.settings import CODE_ROOT, BatchesSettings, ClientSettings

LIMITS = DecodeLimits(max_pixels=10_000, max_bytes=10_000)
BUNDLES = ("fashion_model", "models/digits", "models/cats_dogs")


def source(bundle: str, **options: Any) -> PictureSource:
    signature = parse_signature((CODE_ROOT / bundle / "signature.json").read_bytes())
    return PictureSource(signature, ClientSettings(**options), BatchesSettings())


def rows_of(pictures: Any, bundle: str, **options: Any) -> list[tuple[Any, Any, Any, Any]]:
    """Return id, pixels, review and error of each picture."""
    chunks: list[Chunk] = list(source(bundle, **options).chunks(pictures))
    return [
        (id_, None if row.pixels is None else row.pixels.tobytes(), row.review, row.error)
        for chunk in chunks
        for id_, row in zip(chunk.ids, chunk.rows, strict=True)
    ]


def coloured(channels: int, height: int = 61, width: int = 47) -> NDArray[np.uint8]:
    """Return a picture whose channels, rows and columns can all be told apart."""
    random = np.random.default_rng(channels)
    picture = random.integers(0, 256, (height, width, channels), dtype=np.uint8)
    picture[: height // 2, :, 0] //= 4
    return picture


@pytest.mark.parametrize("bundle", BUNDLES)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_an_array_is_preprocessed_as_its_file_would_be(
    tmp_path: Path, bundle: str, channels: int
) -> None:
    picture = coloured(channels)
    in_opencvs_order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
    path = tmp_path / "picture.png"
    cv2.imwrite(str(path), picture[:, :, in_opencvs_order])
    as_file = rows_of(path, bundle)
    assert as_file[0][1]
    forms = [picture, np.asfortranarray(picture), picture[::-1][::-1], path.read_bytes()]
    if channels == 1:
        forms.append(picture[:, :, 0])
    assert [row[1:] for row in rows_of(forms, bundle)] == [as_file[0][1:]] * len(forms)


def test_colours_are_not_swapped() -> None:
    red = np.zeros((90, 90, 3), np.uint8)
    red[:, :, 0] = 255
    ((_, pixels, _, _),) = rows_of([red], "models/cats_dogs")
    assert np.frombuffer(pixels, np.uint8).reshape(-1, 3).mean(axis=0).tolist() == [255, 0, 0]


def test_a_large_array_is_no_file_that_is_too_large() -> None:
    """It has more bytes than a file may have, and no more pixels than a picture may have."""
    picture = coloured(3, 300, 300)
    ((_, pixels, _, error),) = rows_of([picture], "fashion_model", max_file_bytes=50_000)
    assert pixels
    assert error is None
    ((_, _, _, error),) = rows_of([picture], "fashion_model", max_image_pixels=50_000)
    assert "300 x 300 pixels, the limit is 50,000" in error
    ((_, _, _, error),) = rows_of([b"x" * 60_000], "fashion_model", max_file_bytes=50_000)
    assert "60,000 bytes, the limit is 50,000" in error


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((4, 4), bool),
        np.zeros((4, 4), np.int64),
        np.zeros((4, 4), np.float32),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((4, 4, 5), np.uint8),
        np.zeros((4, 4, 3, 1), np.uint8),
        np.zeros((), np.uint8),
        np.zeros((0, 4), np.uint8),
        np.zeros((4, 0, 3), np.uint8),
    ],
)
def test_an_array_that_is_no_picture_says_what_it_is(picture: NDArray[Any]) -> None:
    with pytest.raises(InvalidPixels) as caught:
        encoded(picture, LIMITS)
    assert str(list(picture.shape)) in str(caught.value)


def test_an_array_of_too_many_pixels_is_not_encoded() -> None:
    with pytest.raises(TooManyPixels):
        encoded(np.zeros((101, 100), np.uint8), LIMITS)
    assert encoded(np.zeros((100, 100), np.uint8), LIMITS)


def test_chunks_are_bounded_by_rows_and_by_bytes() -> None:
    row = np.zeros(784, np.uint8)
    for options in ({"chunk_rows": 3}, {"chunk_bytes": 3 * 784}):
        given = source("fashion_model", **options)
        for pictures in ([row] * 7, np.stack([row] * 7)):
            chunks = list(given.chunks(pictures))
            assert [len(chunk.rows) for chunk in chunks] == [3, 3, 1]
            assert [id_ for chunk in chunks for id_ in chunk.ids] == list(range(7))
    large = np.zeros((3_000, 3_000), np.uint8)
    chunks = list(source("fashion_model").chunks([large, large, large, b"", b""]))
    assert [len(chunk.rows) for chunk in chunks] == [2, 3]


def test_what_a_folder_has_beside_its_pictures_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cv2.imwrite(str(tmp_path / "10.png"), coloured(1))
    cv2.imwrite(str(tmp_path / "9.png"), coloured(1))
    (tmp_path / "notes.txt").write_text("no picture")
    assert [row[0] for row in rows_of(tmp_path, "fashion_model")] == ["9.png", "10.png"]
    assert "not images: 1 .txt" in caplog.text
