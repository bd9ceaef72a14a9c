"""Pictures that are no garments, to see whether the model says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fashion_model.dataset.description import DataError
from fashion_model.dataset.readers import IMAGE_SUFFIXES, read_training_images

Rows = NDArray[np.uint8]
COUNT = 2_000


def made_strangers(garments: Rows, seed: int = 0) -> Iterator[tuple[str, Rows]]:
    """Yield (name, uint8 [COUNT or fewer, D]): noise, blank and inverted arrays of one shape."""
    random = np.random.default_rng(seed)
    width = garments.shape[1]
    yield "uniform noise", random.integers(0, 256, (COUNT, width), np.uint8)
    # Every level of grey once: a blank picture has nothing else to vary.
    yield "blank", np.repeat(np.arange(256, dtype=np.uint8)[:, None], width, axis=1)
    yield "inverted", 255 - garments[:COUNT]


def digit_strangers(folder: Path, shape: tuple[int, ...]) -> Rows:
    """Return COUNT digits of an IDX folder as images of ``shape``, uint8 [COUNT, H*W*C].

    Raises:
        DataError: there are none.
    """
    return _rows(read_training_images(folder)[:COUNT], shape)


def photo_strangers(folder: Path, shape: tuple[int, ...]) -> Rows:
    """Return the photographs under ``folder`` in grey as images of ``shape``, uint8 [N, H*W*C].

    Raises:
        DataError: there is none.
    """
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)[:COUNT]
    photos = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in paths]
    readable = [np.asarray(photo, np.uint8) for photo in photos if photo is not None]
    if not readable:
        raise DataError(f"{folder}: no photographs")
    return _rows(readable, shape)


def _rows(grey: Iterable[NDArray[np.uint8]], shape: tuple[int, ...]) -> Rows:
    """Bring grey pictures to the model's size and number of channels."""
    height, width, channels = shape
    small = (cv2.resize(one, (width, height), interpolation=cv2.INTER_AREA) for one in grey)
    return np.stack([np.repeat(one.reshape(-1), channels) for one in small]).astype(np.uint8)
