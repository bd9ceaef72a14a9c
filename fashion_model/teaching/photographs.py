"""Files → features, once for each content: what is known is not decoded again."""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fashion_model.commands import decode_limits
from fashion_model.teaching.backbones import Backbone
from fashion_model.teaching.sources import CannotTeach, LabelledFile
from scoring.preprocessing.errors import DecodeError
from scoring.preprocessing.image_statistics import ImageStatistics, image_statistics
from scoring.preprocessing.reading import preprocessed
from scoring.preprocessing.registry import find
from scoring.protocol.signature import PreprocessingRef
from scoring.records.regular_file import open_regular, read_to_end
from scoring.settings import available_cores

logger = logging.getLogger("scoring.fashion_model")
PREPROCESSING = PreprocessingRef("photo", 2)
# Sides of the small grey picture by which copies are known, whatever the backbone.
THUMBNAIL = 16
# Levels apart from the mean, of all 256 together: below it, a picture is even.
LEAST_LENGTH = 8.0
TOLD_EVERY = 500  # photographs
Seen = tuple[str, NDArray[np.float32]] | str


@dataclass(frozen=True)
class Photographs:
    """N readable pictures: their files, contents (SHA-256), features and plain statistics.

    ``classes`` int64 [N] are indices into ``labels``; ``features`` float32 [N, F]; ``thumbnails``
    float32 [N, 256], as ``thumbnail`` makes them.
    """

    files: list[LabelledFile]
    labels: tuple[str, ...]
    digests: list[str]
    features: NDArray[np.float32]
    statistics: ImageStatistics
    thumbnails: NDArray[np.float32]

    @property
    def classes(self) -> NDArray[np.int64]:
        """Return each picture's class as an index into ``labels``, int64 [N]."""
        places = {label: place for place, label in enumerate(self.labels)}
        return np.array([places[file.label] for file in self.files], np.int64)

    def __len__(self) -> int:
        return len(self.files)

    def take(self, index: NDArray[np.int64]) -> Photographs:
        """Return the pictures at ``index``."""
        return Photographs(
            [self.files[place] for place in index],
            self.labels,
            [self.digests[place] for place in index],
            self.features[index],
            ImageStatistics(*(values[index] for values in self.statistics)),
            self.thumbnails[index],
        )


@dataclass(frozen=True)
class Unreadable:
    """A file that is no picture to learn from, and why."""

    file: LabelledFile
    why: str


def read_photographs(
    files: list[LabelledFile], labels: tuple[str, ...], backbone: Backbone, cache: Path
) -> tuple[Photographs, list[Unreadable]]:
    """Return the features of all files that can be read, and those that cannot.

    Raises UnknownPreprocessing.
    """
    reader = _Reader(backbone, cache / f"{backbone.digest[:16]}-{PREPROCESSING.version}")
    started = time.monotonic()
    with ThreadPoolExecutor(available_cores()) as threads:
        seen = list(_told(threads.map(reader.read, files)))
    seconds = time.monotonic() - started
    logger.info("%d photographs in %.1f s, the features of %d were known", len(files), seconds,
                reader.known)  # fmt: skip
    pairs = list(zip(files, seen, strict=True))
    unreadable = [Unreadable(file, one) for file, one in pairs if isinstance(one, str)]
    records = [(file, *one) for file, one in pairs if not isinstance(one, str)]
    return _gathered(records, labels, backbone.width), unreadable


def _gathered(
    records: list[tuple[LabelledFile, str, NDArray[np.float32]]],
    labels: tuple[str, ...],
    width: int,
) -> Photographs:
    rows = [record for _, _, record in records]
    table = np.stack(rows) if rows else np.empty((0, width + 3 + THUMBNAIL**2), np.float32)
    statistics = table[:, width : width + 3].astype(np.float64)
    return Photographs(
        files=[file for file, _, _ in records],
        labels=labels,
        digests=[digest for _, digest, _ in records],
        features=np.ascontiguousarray(table[:, :width]),
        statistics=ImageStatistics(*statistics.T),
        thumbnails=np.ascontiguousarray(table[:, width + 3 :]),
    )


class _Reader:
    """Reads pictures and remembers what the backbone made of them, a small file for each."""

    def __init__(self, backbone: Backbone, folder: Path) -> None:
        self.known = 0
        self._backbone = backbone
        self._folder = folder
        self._limits = decode_limits()

    def read(self, file: LabelledFile) -> tuple[str, NDArray[np.float32]] | str:
        """Return content hash and record float32 [F + 3 + 256] of a file, or why there is none."""
        try:
            data = self._bytes(file.path)
            digest = hashlib.sha256(data).hexdigest()
            record = self._remembered(digest)
            if record is None:
                record = self._made(data)
                self._remember(digest, record)
            else:
                self.known += 1
        except (DecodeError, MemoryError) as error:
            return str(error) or "there is not enough memory to decode it"
        except OSError as error:
            return error.strerror or str(error)
        return digest, record

    def _bytes(self, path: Path) -> bytes:
        handle, status = open_regular(path)
        try:
            return read_to_end(handle, status.st_size, self._limits.max_bytes)
        finally:
            os.close(handle)

    def _made(self, data: bytes) -> NDArray[np.float32]:
        shape = self._backbone.shape
        pixels = served_pixels(data, shape)
        statistics = [float(value[0]) for value in image_statistics(pixels[None])]
        parts = (self._backbone.features(pixels), statistics, thumbnail(pixels.reshape(shape)))
        return np.concatenate([np.asarray(part, np.float32) for part in parts])

    def _place(self, digest: str) -> Path:
        return self._folder / digest[:2] / f"{digest}.npy"

    def _remembered(self, digest: str) -> NDArray[np.float32] | None:
        try:
            record = np.load(self._place(digest), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None  # not there yet, or torn
        wanted = (self._backbone.width + 3 + THUMBNAIL**2,)
        whole = record.shape == wanted and record.dtype == np.float32 and np.isfinite(record).all()
        return record if whole else None

    def _remember(self, digest: str, record: NDArray[np.float32]) -> None:
        """A file that cannot be kept costs time the next time, and nothing else."""
        place = self._place(digest)
        part = place.with_name(f".{digest}.{secrets.token_hex(4)}.part")
        with suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                np.save(file, record)
            part.replace(place)


def served_pixels(data: bytes, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return the pixels [H*W*C] that a model of ``shape`` is served of a picture's bytes.

    Raises DecodeError, UnknownPreprocessing.
    """
    preprocess = find(PREPROCESSING.name, PREPROCESSING.version)
    return preprocessed(preprocess, data, shape, decode_limits()).values


def pixels_of(photographs: Photographs, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return all pictures as pixels uint8 [N, H, W, C]; CannotTeach where one changed."""

    def read(picture: tuple[LabelledFile, str]) -> NDArray[np.uint8]:
        file, digest = picture
        try:
            data = file.path.read_bytes()
            if hashlib.sha256(data).hexdigest() == digest:
                return served_pixels(data, shape).reshape(shape)
        except (OSError, DecodeError) as error:
            raise CannotTeach(f"{file.path}: cannot be read any more: {error}") from error
        raise CannotTeach(f"{file.path}: changed while it was read: give the command again")

    with ThreadPoolExecutor(available_cores()) as threads:
        pictures = zip(photographs.files, photographs.digests, strict=True)
        return np.stack(list(threads.map(read, pictures)))


def features_of(backbone: Backbone, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what ``backbone`` makes of images uint8 [N, H, W, C], float32 [N, F]."""
    with ThreadPoolExecutor(available_cores()) as threads:
        return np.stack(list(threads.map(backbone.features, images)))


def thumbnail(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a picture [H, W, 1 or 3] as 16 x 16 grey levels float32 [256], mean 0, length 1.

    Two of them are alike when their product is near 1. An even picture has nothing to tell it by:
    its levels are all the same, so that it is like every even picture, and like no other.
    """
    grey = pixels[..., 0] if pixels.shape[2] == 1 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    levels = small.astype(np.float32).ravel()
    levels -= levels.mean()
    length = float(np.linalg.norm(levels))
    return (
        levels / length
        if length >= LEAST_LENGTH
        else np.full(len(levels), 1 / THUMBNAIL, np.float32)
    )


def _told(seen: Iterable[Seen]) -> Iterator[Seen]:
    for count, one in enumerate(seen, start=1):
        if count % TOLD_EVERY == 0:
            logger.info("%d photographs read", count)
        yield one
