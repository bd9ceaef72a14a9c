"""Images of a run → the pictures that are kept of them, by the threads that read images."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from typing import Any, Protocol

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from scoring.batches.image_reader import SMALL_FILE_BYTES, ImageReader, ImageRow, Step
from scoring.preprocessing.decode import DecodeError
from scoring.preprocessing.photo import PHOTO, unfitted
from scoring.preprocessing.reading import preprocessed
from scoring.preprocessing.salvage import salvaged
from scoring.preprocessing.thumbnail import Thumbnail, near_bits, small_png, thumbnail, thumbnail_of
from scoring.protocol.file_names import as_file_name
from scoring.protocol.signature import PreprocessingRef
from scoring.records.kept_picture import KeptPicture, SeenPixels, Wanted
from scoring.records.text import read_printable

# Smaller photographs are shown by their file: a person wants to see more than the model.
SHOWABLE_SIDE = 160


class Remembered(Struct, frozen=True):
    """What a run still has of an image when it has ended.

    ``pixels`` uint8, flat; ``original`` the bytes of a small file; ``upright`` height and width of
    a photograph.
    """

    pixels: NDArray[np.uint8]
    original: bytes | None = None
    upright: tuple[int, int] | None = None


class Memory(Protocol):
    """Where that is."""

    def recall(self, model_version: str, content_hash: str) -> Remembered | None: ...


class PictureReader(ImageReader, frozen=True, kw_only=True):
    """Makes pictures of images that were scored; ``made`` are those that could be made.

    ``file`` is a Wanted throughout. What the run remembers is made use of; else the file is read
    again, if it has the content still that was scored.
    """

    memory: Memory
    ref: PreprocessingRef
    made: deque[KeptPicture] = field(default_factory=deque)

    def _shown(self, num: int, file: Any) -> str:
        return str(file.path)

    def _open(self, file: Any) -> tuple[int, os.stat_result]:
        return super()._open(as_file_name(read_printable(file.path)))

    def _fill(self, row: ImageRow, file: Any, step: Step) -> None:
        wanted: Wanted = file
        if self.suspects.is_suspect(self.batch, wanted.path):
            return
        version = wanted.model_version
        known = self.memory.recall(version, wanted.content_hash) if version else None
        picture = self._of_memory(known) if known else None
        if picture is None or known is None:
            data = self._read_bytes(file, row, step)
            if data is None:
                return
            if hashlib.sha256(data).hexdigest() != wanted.content_hash:
                row.error = "it has changed since it was scored"
                return
            step.phase = "decoding"
            step.beat()
            if not wanted.model_version:
                self._keep(wanted, salvaged(data, self.limits), None)
                return
            if known is None:
                # By the same way: a picture must not tell whether its image was flagged.
                known = self._seen_anew(data)
                picture = self._of_memory(known)
            picture = picture or thumbnail(data, self.limits)
        self._keep(wanted, picture, known.pixels)

    def _seen_anew(self, data: bytes) -> Remembered:
        pixels = preprocessed(self.preprocess, data, self.shape, self.limits)
        original = data if len(data) <= SMALL_FILE_BYTES else None
        return Remembered(pixels.values, original, pixels.upright)

    def _of_memory(self, known: Remembered) -> Thumbnail | None:
        """Return the picture of an image whose file need not be read again for it."""
        if known.original is not None:
            try:
                png = small_png(known.original, self.limits)
            except DecodeError:
                png = None
            if png is not None:
                return Thumbnail(png, "image/png")
        is_photograph = self.ref.name == PHOTO and known.upright is not None
        if not is_photograph or min(self.shape[:2]) < SHOWABLE_SIDE:
            return None
        assert known.upright
        pixels = known.pixels.reshape(self.shape)
        return thumbnail_of(unfitted(pixels, self.ref.version, known.upright))

    def _keep(
        self, wanted: Wanted, picture: Thumbnail | None, pixels: NDArray[np.uint8] | None
    ) -> None:
        if picture is None:
            return
        if pixels is None:
            near, seen = picture.near, None
        else:
            # Of the model's pixels: they are of one size and background, whatever the file is like.
            near = near_bits(pixels.reshape(self.shape))
            seen = SeenPixels.of(self.ref, self.shape, pixels)
        self.made.append(
            KeptPicture(
                wanted.batch, wanted.path, wanted.content_hash,
                picture.data, picture.media_type, near, seen,
            )
        )  # fmt: skip
