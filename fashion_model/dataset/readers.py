"""Read labelled images: IDX files, the Kaggle CSVs, folders named after their classes."""

from __future__ import annotations

import gzip
import math
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fashion_model.dataset.class_folders import find_class_folders
from fashion_model.dataset.description import (
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    DataError,
    DatasetDescription,
)
from fashion_model.dataset.people import read_people
from scoring.preprocessing.errors import DecodeError
from scoring.protocol.signature import InputSpec

IDX_UINT8 = b"\0\0\x08"
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})
SHOWN = 3
Decoder = Callable[[bytes], NDArray[np.uint8]]


@dataclass(frozen=True)
class LabelledImages:
    """``images`` uint8 [N, H, W, C], ``labels`` int64 [N], indices into the class names.

    ``people`` int64 [N] says whose pictures they are, where that is known.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    people: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: NDArray[np.int64]) -> LabelledImages:
        """Return the images at ``index``."""
        people = None if self.people is None else self.people[index]
        return LabelledImages(self.images[index], self.labels[index], people)

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
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: {error}") from error
    start = 4 + 4 * content[3] if len(content) >= 4 else 0
    if content[:3] != IDX_UINT8 or not 4 < start <= len(content):
        raise DataError(f"{path}: not an IDX file of unsigned bytes")
    shape = np.frombuffer(content[4:start], ">u4").tolist()
    if len(content) - start != math.prod(shape):
        raise DataError(f"{path}: holds {len(content) - start} bytes, its header says {shape}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def read_training_images(folder: Path) -> NDArray[np.uint8]:
    """Return the training images of an IDX folder, uint8 [N, H, W]; raises DataError."""
    path = _plain_or_gzipped(folder, TRAIN_IMAGES)
    images = read_idx(path) if path else np.empty(0, np.uint8)
    if images.ndim != 3:
        raise DataError(f"{folder}: there is no {TRAIN_IMAGES} of grey images")
    return images


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
    classes = find_class_folders(folder, description.labels, description.others)
    if decode is None:
        raise DataError(f"{folder}: class folders need a preprocessing to read pictures with")
    pictures = [(path, k) for k, home in enumerate(classes.values()) for path in _pictures(home)]
    images = np.empty((len(pictures), *description.input.shape), np.uint8)
    unreadable = []
    for row, (path, _) in enumerate(pictures):
        try:
            images[row] = decode(path.read_bytes()).reshape(description.input.shape)
        except (DecodeError, OSError) as error:
            unreadable.append(f"{path.relative_to(folder)} ({error})")
    if unreadable:
        raise DataError(
            f"{folder}: {len(unreadable)} of {len(pictures)} pictures cannot be read; remove them:"
            f" {', '.join(unreadable[:SHOWN])}{', …' if unreadable[SHOWN:] else ''}"
        )
    if not pictures:
        raise DataError(f"{folder}: its class folders hold no pictures")
    labels = np.array([k for _, k in pictures], np.int64)
    people = read_people(folder, [path for path, _ in pictures])
    return tuple(classes), LabelledImages(images, labels, people)


def _pictures(folder: Path) -> list[Path]:
    paths = (path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    return sorted(path for path in paths if not path.name.startswith(".") and path.is_file())
