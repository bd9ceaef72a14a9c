"""Read labelled images: IDX files, the Kaggle CSVs, folders named after their classes."""

from __future__ import annotations

import gzip
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fashion_model.dataset.description import (
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    DataError,
    DatasetDescription,
)
from scoring.protocol.signature import InputSpec

IDX_UINT8 = 0x08
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})
Decoder = Callable[[bytes], NDArray[np.uint8]]


@dataclass(frozen=True)
class LabelledImages:
    """``images`` uint8 [N, H, W, C], ``labels`` int64 [N], indices into the class names."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: NDArray[np.int64]) -> LabelledImages:
        """Return the images at ``index``."""
        return LabelledImages(self.images[index], self.labels[index])

    @property
    def rows(self) -> NDArray[np.uint8]:
        """Return the images flattened, uint8 [N, H*W*C], as the predictor takes them."""
        return self.images.reshape(len(self), math.prod(self.images.shape[1:]))


@dataclass(frozen=True)
class LabelledData:
    """What a data folder holds; ``test`` is None where the folder has no test split."""

    class_names: tuple[str, ...]
    train: LabelledImages | None
    test: LabelledImages | None


def read_data(
    folder: Path, description: DatasetDescription, decode: Decoder | None = None
) -> LabelledData:
    """Read whichever form ``folder`` has.

    Args:
        decode: bytes of a picture to uint8 pixels; class folders need it.

    Raises:
        DataError: no such folder, no known form in it, or a file that is not what it should be.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such data folder")
    shape = description.input
    train = _idx_pair(folder, TRAIN_IMAGES, TRAIN_LABELS, shape) or _csv(folder, "train", shape)
    test = _idx_pair(folder, TEST_IMAGES, TEST_LABELS, shape) or _csv(folder, "test", shape)
    names = description.labels
    if train is None and test is None:
        names, train = _class_folders(folder, description, decode)
    for part in (train, test):
        if part is not None and len(part) and part.labels.max() >= len(names):
            raise DataError(f"{folder}: a label {part.labels.max()} beyond {len(names)} classes")
    return LabelledData(names, train, test)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the array in an IDX file of unsigned bytes, gzipped or not.

    Source: http://yann.lecun.com/exdb/mnist/, "The IDX file format".

    Raises:
        DataError: unreadable, not IDX, not bytes, or shorter or longer than its header says.
    """
    try:
        raw = path.read_bytes()
        content = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: {error}") from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != IDX_UINT8:
        raise DataError(f"{path}: not an IDX file of unsigned bytes")
    start = 4 + 4 * content[3]
    shape = np.frombuffer(content[4:start], ">u4").tolist()
    if len(content) - start != math.prod(shape):
        raise DataError(f"{path}: holds {len(content) - start} bytes, its header says {shape}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _plain_or_gzipped(folder: Path, name: str) -> Path | None:
    for path in (folder / name, folder / name.removesuffix(".gz")):
        if path.is_file():
            return path
    return None


def _idx_pair(folder: Path, images: str, labels: str, spec: InputSpec) -> LabelledImages | None:
    image_path, label_path = _plain_or_gzipped(folder, images), _plain_or_gzipped(folder, labels)
    if image_path is None:
        return None
    if label_path is None:
        raise DataError(f"{folder}: {image_path.name} is there, {labels} is not")
    pixels, classes = read_idx(image_path), read_idx(label_path)
    if len(pixels) != len(classes) or math.prod(pixels.shape[1:]) != spec.row_length:
        raise DataError(f"{folder}: {pixels.shape} images, {classes.shape} labels")
    return LabelledImages(pixels.reshape(-1, *spec.shape), classes.astype(np.int64))


def _csv(folder: Path, split: str, spec: InputSpec) -> LabelledImages | None:
    paths = sorted(folder.glob(f"*_{split}.csv"))
    if not paths:
        return None
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="loadtxt: input contained no data")
            table = np.loadtxt(
                paths[0], np.uint8, comments=None, delimiter=",", skiprows=1, ndmin=2
            )
    except (ValueError, OverflowError) as error:
        raise DataError(f"{paths[0]}: {error}") from error
    if not len(table):
        raise DataError(f"{paths[0]}: holds no images")
    if table.shape[1] != 1 + spec.row_length:
        raise DataError(f"{paths[0]}: {table.shape[1]} columns, not {1 + spec.row_length}")
    pixels = np.ascontiguousarray(table[:, 1:]).reshape(-1, *spec.shape)
    return LabelledImages(pixels, table[:, 0].astype(np.int64))


def _class_folders(
    folder: Path, description: DatasetDescription, decode: Decoder | None
) -> tuple[tuple[str, ...], LabelledImages]:
    found = sorted(path.name for path in folder.iterdir() if path.is_dir())
    names = description.labels or tuple(found)
    if len(names) < 2 or sorted(names) != found:
        raise DataError(
            f"{folder}: no IDX files, no *_train.csv, and its folders are {found}"
            f" instead of {sorted(names) or 'two or more class names'}"
        )
    if decode is None:
        raise DataError(f"{folder}: class folders need a preprocessing to read pictures with")
    pictures = [(path, k) for k, name in enumerate(names) for path in _pictures(folder / name)]
    images = np.empty((len(pictures), *description.input.shape), np.uint8)
    for row, (path, _) in enumerate(pictures):
        images[row] = decode(path.read_bytes()).reshape(description.input.shape)
    return names, LabelledImages(images, np.array([k for _, k in pictures], np.int64))


def _pictures(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
