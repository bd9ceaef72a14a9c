"""Pictures that are no garments, to see whether the model says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fashion_model.dataset.description import TRAIN_IMAGES, DataError
from fashion_model.dataset.readers import IMAGE_SUFFIXES, read_idx

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


def digit_strangers(folder: Path) -> Rows:
    """Return COUNT digits of an IDX folder, uint8 [COUNT, 784]."""
    images = read_idx(folder / TRAIN_IMAGES)
    return images.reshape(len(images), -1)[:COUNT]


def photo_strangers(folder: Path, side: int = 28) -> Rows:
    """Return the photographs under ``folder`` in grey, uint8 [N, side * side].

    Raises:
        DataError: there is none.
    """
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)[:COUNT]
    photos = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in paths]
    small = [
        cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA).reshape(-1)
        for photo in photos
        if photo is not None
    ]
    if not small:
        raise DataError(f"{folder}: no photographs")
    return np.stack(small).astype(np.uint8)
