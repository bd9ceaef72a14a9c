"""Keeps what the upload page is sent (``server.keep_submissions``); trouble costs no answer."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence

import numpy as np

from scoring.preprocessing.errors import DecodeError
from scoring.preprocessing.pixels import DecodeLimits
from scoring.protocol.errors import PicturesDamaged, ScoringError
from scoring.protocol.signature import Signature
from scoring.records import submissions
from scoring.records.kept_picture import KeptPicture, SeenPixels
from scoring.records.ledger import Ledger
from scoring.records.ledger_file import is_there
from scoring.records.picture_store import PictureStore
from scoring.records.rows import ScoredImage
from scoring.settings import Settings
from server.dialects.pictures import Picture, PictureRequest
from server.dialects.rows import Row, answer_rows
from server.handler import Answer

# Whoever uploads waits so long for a run that is writing, no longer.
BUSY_SECONDS = 2.0

logger = logging.getLogger("scoring.server")


class Submissions:
    """The kept uploads of one server. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = PictureStore(settings.pictures_file, BUSY_SECONDS)

    def keep(self, pictures: Sequence[Picture], request: PictureRequest, answer: Answer) -> None:
        """Keep pictures with what a model saw in them; what goes wrong is told in the log."""
        if not self._settings.server.keep_submissions:
            return
        try:
            self.write(pictures, request, answer)
        except Exception as error:
            # Also where the disk is full, or a bug of ours: the answer is ready.
            known = isinstance(error, ScoringError | OSError)
            logger.warning("uploads are not kept: %s", error, exc_info=not known)

    def write(self, pictures: Sequence[Picture], request: PictureRequest, answer: Answer) -> None:
        """Keep pictures with what a model saw in them; raises ScoringError, OSError."""
        hashes = [hashlib.sha256(one.data).hexdigest() for one in pictures]
        self._write_down(_images(hashes, request, answer), answer.signature)
        self._keep_pictures(pictures, hashes, request, answer.signature)

    def _write_down(self, images: Sequence[ScoredImage], signature: Signature) -> None:
        # What was there once and is gone is for a run to mend.
        is_there(self._settings)
        with Ledger(self._settings.ledger_file, BUSY_SECONDS) as ledger:
            submissions.keep(ledger, signature, images, self._settings.now())

    def _keep_pictures(
        self,
        pictures: Sequence[Picture],
        hashes: Sequence[str],
        request: PictureRequest,
        signature: Signature,
    ) -> None:
        if self._store.size_bytes >= self._settings.records.pictures_bytes:
            return  # until a run has made room
        found = _kept(pictures, hashes, request, signature, self._settings.server.max_image_pixels)
        try:
            self._store.keep(found, self._settings.now())
        except PicturesDamaged:
            logger.warning("%s", self._store.renew())


def _images(hashes: Sequence[str], request: PictureRequest, answer: Answer) -> list[ScoredImage]:
    from scoring.preprocessing.image_statistics import image_statistics

    columns = image_statistics(request.pixels) if len(request.pixels) else ((), (), ())
    statistics = zip(*(np.asarray(column).tolist() for column in columns), strict=True)
    rows = zip(hashes, answer_rows(request, answer), strict=True)
    return [
        _failed(number, content_hash, row) if "error" in row
        else _scored(number, content_hash, row, next(statistics))
        for number, (content_hash, row) in enumerate(rows, start=1)
    ]  # fmt: skip


def _failed(number: int, content_hash: str, row: Row) -> ScoredImage:
    path = submissions.path_of(str(row["id"]), content_hash)
    return ScoredImage(number, path, content_hash, error=row["error"]["message"])


def _scored(
    number: int, content_hash: str, row: Row, statistics: tuple[float, float, float]
) -> ScoredImage:
    said = {name: value for name, value in row.items() if name != "id"}
    path = submissions.path_of(str(row["id"]), content_hash)
    brightness, contrast, foreground = statistics
    return ScoredImage(
        number, path, content_hash, **said,
        brightness=brightness, contrast=contrast, foreground=foreground,
    )  # fmt: skip


def _kept(
    pictures: Sequence[Picture],
    hashes: Sequence[str],
    request: PictureRequest,
    signature: Signature,
    max_pixels: int,
) -> Iterator[KeptPicture]:
    """Yield what there is to be shown of each picture; nothing of one that cannot be read."""
    from scoring.preprocessing.thumbnail import thumbnail

    limits = DecodeLimits(max_pixels, max_bytes=2**62)
    batch, shape = submissions.batch_of(signature), signature.input.shape
    for picture, content_hash, outcome in zip(pictures, hashes, request.outcomes, strict=True):
        if outcome.pixels is None:
            continue
        try:
            shown = thumbnail(picture.data, limits)
        except DecodeError:
            continue
        path = submissions.path_of(str(outcome.id), content_hash)
        seen = SeenPixels.of(signature.preprocessing, shape, outcome.pixels)
        yield KeptPicture(batch, path, content_hash, shown.data, shown.media_type, shown.near, seen)
