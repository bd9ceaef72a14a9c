"""Pictures that are no garments, to see whether the model says so."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fashion_model.dataset.description import DataError
from fashion_model.dataset.readers import IMAGE_SUFFIXES, Decoder, read_training_images
from scoring.preprocessing.errors import DecodeError

Rows = NDArray[np.uint8]
Strangers = tuple[str, Rows]
COUNT = 2_000
# Of large images fewer are enough: 400 photographs.
MOST_BYTES = 60_000_000


def made_strangers(usual: Rows, shape: tuple[int, ...], seed: int = 0) -> Iterator[Strangers]:
    """Yield (name, uint8 [COUNT or fewer, D]): noise, blank and inverted arrays of one shape."""
    random = np.random.default_rng(seed)
    width = usual.shape[1]
    yield "uniform noise", random.integers(0, 256, (most(width), width), np.uint8)
    # Every level of grey once: a blank picture has nothing else to vary.
    yield "blank", np.repeat(np.arange(256, dtype=np.uint8)[:, None], width, axis=1)
    if shape[2] == 1:
        # In grey the background is dark by agreement; a photograph's colours may be any.
        yield "inverted", 255 - usual[:COUNT]


def most(width: int) -> int:
    """Return how many strangers of ``width`` bytes each are enough."""
    return max(1, min(COUNT, MOST_BYTES // width))


def idx_strangers(folder: Path, shape: tuple[int, ...]) -> Rows:
    """Return COUNT or fewer images of an IDX folder as images of ``shape``, uint8 [N, H*W*C].

    Raises:
        DataError: there are none.
    """
    return _rows(read_training_images(folder)[: most(math.prod(shape))], shape)


def photo_strangers(folder: Path, shape: tuple[int, ...], colour: Decoder | None = None) -> Rows:
    """Return the photographs under ``folder`` as images of ``shape``, uint8 [N, H*W*C].

    In grey, or made by ``colour``; where there are too many, some of each of its folders.

    Raises:
        DataError: there is none.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder of photographs")
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
    paths = paths[:: -(-len(paths) // most(math.prod(shape))) or 1]
    read = _in_grey if colour is None else partial(_in_colour, decode=colour)
    readable = [photo for path in paths if (photo := read(path)) is not None]
    if not readable:
        raise DataError(f"{folder}: no photographs")
    return _rows(readable, shape) if colour is None else np.stack(readable)


def _in_grey(path: Path) -> Rows | None:
    photo = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    return None if photo is None else np.asarray(photo, np.uint8)


def _in_colour(path: Path, decode: Decoder) -> Rows | None:
    try:
        return decode(path.read_bytes()).reshape(-1)
    except (DecodeError, OSError):
        return None


def _rows(grey: Iterable[NDArray[np.uint8]], shape: tuple[int, ...]) -> Rows:
    """Bring grey pictures to the model's size and number of channels."""
    height, width, channels = shape
    fitted = (_fitted(one, height, width) for one in grey)
    return np.stack([np.repeat(one.reshape(-1), channels) for one in fitted]).astype(np.uint8)


def _fitted(grey: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    shrinks = grey.shape[0] >= height and grey.shape[1] >= width
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey, (width, height), interpolation=how), np.uint8)
