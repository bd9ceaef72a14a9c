"""The images that everybody scores, made here: the same ones each time, no file of them kept.

Each kind is a folder ``<kind>/B`` of its own, so that ``<kind>`` is a folder of batches.
"""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fashion_model.drawn.draw import CLASSES, LIGHT, draw_picture
from scoring.preprocessing.pixels import DecodeLimits
from scoring.preprocessing.product_photo import ProductPhoto
from scoring.settings import CODE_ROOT

Picture = NDArray[np.uint8]

BATCH = "B"
SIDE = 28
IDX_FILE = "train-images-idx3-ubyte.gz"
IDX_HEADER_BYTES = 16
GARMENTS = 40  # different ones; each picture of them is another file
PRODUCT_SIDES = (800, 760)
PHONE_SIDES = (4000, 3000)
PHONE_SCENES = 8
QUALITY = 85


def small_pngs(root: Path, count: int, data: Path | None) -> Path:
    """Write ``count`` PNGs of 28×28: of the data set in ``data``, or else of drawn garments."""
    pictures = _of_data_set(data) if data else _varied(_sample_garments())
    return _write(root / f"png-{count}", count, ".png", pictures)


def fewer(whole: Path, count: int) -> Path:
    """Return a folder with the first ``count`` files of another one, as links where that goes."""
    folder = whole.parent.with_name(f"{whole.parent.name.split('-')[0]}-{count}") / BATCH
    if folder.exists():
        return folder
    folder.mkdir(parents=True)
    for path in sorted(whole.iterdir())[:count]:
        try:
            os.link(path, folder / path.name)
        except OSError:
            shutil.copyfile(path, folder / path.name)
    return folder


def product_jpegs(root: Path, count: int) -> Path:
    """Write product pictures of about 800×800: a garment on a light background, grain over it."""
    return _write(root / f"jpeg-{count}", count, ".jpg", _products())


def phone_jpegs(root: Path, count: int) -> Path:
    """Write photographs of 12 megapixels: a garment among clutter."""
    return _write(root / f"phone-{count}", count, ".jpg", _phones())


def _write(kind: Path, count: int, suffix: str, pictures: Iterator[Picture]) -> Path:
    folder = kind / BATCH
    if folder.exists():
        return folder
    folder.mkdir(parents=True)
    flags = [cv2.IMWRITE_JPEG_QUALITY, QUALITY] if suffix == ".jpg" else []
    for number in range(1, count + 1):
        cv2.imwrite(str(folder / f"img_{number:07}{suffix}"), next(pictures), flags)
    return folder


def _of_data_set(data: Path) -> Iterator[Picture]:
    """Yield the data set's images, from the first again after the last."""
    raw = gzip.decompress((data / IDX_FILE).read_bytes())[IDX_HEADER_BYTES:]
    images = np.frombuffer(raw, np.uint8).reshape(-1, SIDE, SIDE)
    while True:
        yield from images


@cache
def _sample_garments() -> tuple[Picture, ...]:
    """Return the committed sample batch as the model sees it, each (28, 28)."""
    limits, preprocess = DecodeLimits(10**8, 10**8), ProductPhoto()
    paths = sorted((CODE_ROOT / "image_batches" / "G1").iterdir())
    return tuple(
        preprocess(path.read_bytes(), (SIDE, SIDE, 1), limits).values.reshape(SIDE, SIDE)
        for path in paths
    )


def _varied(garments: tuple[Picture, ...]) -> Iterator[Picture]:
    """Yield garments turned about, paler and with grain, none like another."""
    rng = np.random.default_rng(0)
    number = 0
    while True:
        one = garments[number % len(garments)].astype(np.float32)
        one = one[:, ::-1] if rng.random() < 0.5 else one
        grain = rng.normal(0, 6, one.shape) * (one > 0)
        yield np.clip(one * rng.uniform(0.75, 1.0) + grain, 0, 255).astype(np.uint8)
        number += 1


def _products() -> Iterator[Picture]:
    rng = np.random.default_rng(1)
    plain = [_fitted(picture, PRODUCT_SIDES) for picture in _drawn(rng)]
    return _with_grain(plain, rng)


def _phones() -> Iterator[Picture]:
    rng = np.random.default_rng(2)
    garments = [
        _fitted(p, PHONE_SIDES) for _, p in zip(range(PHONE_SCENES), _drawn(rng), strict=False)
    ]
    scenes = [_on_clutter(garment, rng) for garment in garments]
    return _with_grain(scenes, rng)


def _drawn(rng: np.random.Generator) -> Iterator[Picture]:
    """Yield garments on a light background, uint8 (height, width, 3)."""
    draws: list[Callable[..., object]] = list(CLASSES.values())
    for number in range(GARMENTS):
        picture = draw_picture(draws[number % len(draws)], LIGHT, rng)  # type: ignore[arg-type]
        if picture.shape[2] == 4:
            cover = picture[:, :, 3:].astype(np.float32) / 255
            picture = (picture[:, :, :3] * cover + 245 * (1 - cover)).astype(np.uint8)
        yield picture


def _fitted(picture: Picture, sides: tuple[int, int]) -> Picture:
    """Enlarge a picture to (height, width), its aspect kept, the rest in its corner's colour."""
    height, width = sides
    scale = min(height / picture.shape[0], width / picture.shape[1])
    size = (int(picture.shape[1] * scale), int(picture.shape[0] * scale))
    large = cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)
    page = np.empty((height, width, 3), np.uint8)
    page[:] = picture[0, 0]
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    page[top : top + size[1], left : left + size[0]] = large
    return page


def _on_clutter(garment: Picture, rng: np.random.Generator) -> Picture:
    coarse = rng.integers(90, 256, (9, 7, 3), dtype=np.uint8)
    size = (garment.shape[1], garment.shape[0])
    clutter = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.multiply(clutter, garment, scale=1 / 255), np.uint8)


def _with_grain(pictures: list[Picture], rng: np.random.Generator) -> Iterator[Picture]:
    """Yield the pictures in turn, lighter or darker, with a camera's grain rolled each time."""
    height, width = pictures[0].shape[:2]
    grain = np.clip(rng.normal(6, 3, (height, width, 3)), 0, 20).astype(np.uint8)
    number = 0
    while True:
        rolled = np.roll(grain, int(rng.integers(width)), axis=1)
        level = float(rng.uniform(-12, 0))
        lighter = cv2.convertScaleAbs(pictures[number % len(pictures)], alpha=1.0, beta=level)
        yield np.asarray(cv2.subtract(lighter, rolled), np.uint8)
        number += 1
