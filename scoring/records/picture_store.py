"""Pictures that people look at, and the pixels that models saw: one SQLite file beside the ledger.

Everything goes by the SHA-256 of the image file's content. Of each there is at most one picture
(PNG or JPEG, upright, at most 256 pixels, no metadata) and, per preprocessing, the pixels a model
saw. The ledger stays the truth: without this file nothing but pictures is missing.

For those who show pictures::

    store = PictureStore.from_settings(settings)     # nothing is opened or made yet
    store.thumbnail(content_hash)                    # (bytes, "image/png"), or None
    store.seen(content_hash, ref, shape)             # uint8 [H, W, C], or None
    store.near(content_hash)                         # 64 bits: near-copies differ in few, or None

They never raise for the store's sake: where it is missing, damaged or of a newer version there are
no pictures, and ``trouble`` says why. One store may be used by many threads.

For those who keep and remove them: ``keep``, ``forget``, ``prune`` raise PicturesError, or
PicturesDamaged where ``renew`` makes it anew. What ``forget`` removed is gone from the disk, and
never kept again.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from scoring.protocol.errors import PicturesError
from scoring.protocol.signature import PreprocessingRef
from scoring.records import picture_rows as rows
from scoring.records.kept_picture import KeptPicture, Shape, Wanted, read_pixels, seen_as
from scoring.records.picture_file import PictureFile
from scoring.records.picture_rows import Ask
from scoring.records.times import utc_text
from scoring.settings import Settings


class PictureStore:
    """The one store of pictures of a project."""

    def __init__(self, path: Path, busy_seconds: float = 30.0) -> None:
        self.path = path
        self.trouble = ""
        self._file = PictureFile(path, busy_seconds)
        self._lock = threading.Lock()

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Return the store of a project."""
        return cls(settings.pictures_file, settings.records.busy_seconds)

    def close(self) -> None:
        """Close the file; it is opened again when somebody asks."""
        with self._lock:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Show

    def thumbnail(self, content_hash: str) -> tuple[bytes, str] | None:
        """Return a picture for people and its media type."""
        row = self._one("SELECT picture, media_type FROM pictures WHERE content_hash = ?",
                        content_hash)  # fmt: skip
        return (bytes(row[0]), str(row[1])) if row else None

    def has(self, content_hash: str) -> bool:
        """Tell whether there is a picture."""
        return bool(self._one("SELECT 1 FROM pictures WHERE content_hash = ?", content_hash))

    def seen(
        self, content_hash: str, ref: PreprocessingRef, shape: Shape
    ) -> NDArray[np.uint8] | None:
        """Return the pixels that models of a preprocessing saw, uint8 [H, W, C].

        Photographs as a JPEG has them that is hardly packed: docs/pictures.md says how near.
        """
        row = self._one(
            "SELECT coding, pixels FROM seen WHERE content_hash = ? AND seen_as = ?",
            content_hash,
            seen_as(ref, shape),
        )
        return read_pixels(str(row[0]), bytes(row[1]), shape) if row else None

    def near(self, content_hash: str) -> int | None:
        """Return 64 bits that pictures which look the same share but for a few."""
        row = self._one("SELECT near FROM pictures WHERE content_hash = ?", content_hash)
        return int(row[0]) % 2**64 if row else None

    @property
    def size_bytes(self) -> int:
        """Return what is in use of the file; what was removed from its midst is filled again."""
        try:
            with self._lock, self._file.explained():
                connection = self._file.reading()
                return rows.used_bytes(connection) if connection else 0
        except PicturesError as error:
            self.trouble = str(error)
            return 0

    def _one(self, statement: str, *parameters: Any) -> Any:
        """Return one row; None where there is none, or no store that can be read."""
        return next(iter(self._all(statement, *parameters)), None)

    def _all(self, statement: str, *parameters: Any) -> list[Any]:
        """Return all rows; none where there is no store that can be read."""
        try:
            with self._lock, self._file.explained():
                connection = self._file.reading()
                return connection.execute(statement, parameters).fetchall() if connection else []
        except PicturesError as error:
            self.trouble = str(error)
            return []

    # Reports

    def reported(self, run_id: str) -> dict[str, tuple[bytes, str]]:
        """Return the pictures of a run's report by content hash, with their media types."""
        found = self._all(
            "SELECT content_hash, picture, media_type FROM reported WHERE run_id = ?", run_id
        )
        return {one: (bytes(picture), str(media_type)) for one, picture, media_type in found}

    def keep_reported(self, run_id: str, pictures: Mapping[str, tuple[bytes, str]]) -> None:
        """Write down what a run's report shows; one that was forgotten is left out."""
        with self._writing() as connection:
            for content_hash, (picture, media_type) in pictures.items():
                if not rows.is_forgotten(connection, content_hash):
                    connection.execute(
                        "INSERT OR IGNORE INTO reported VALUES (?, ?, ?, ?)",
                        (run_id, content_hash, media_type, picture),
                    )

    def prune_reported(self, is_known: Callable[[str], bool]) -> None:
        """Remove the pictures of reports whose runs are forgotten."""
        runs = [run_id for (run_id,) in self._all("SELECT DISTINCT run_id FROM reported")]
        gone = [(run_id,) for run_id in runs if not is_known(run_id)]
        if gone:
            with self._writing() as connection:
                connection.executemany("DELETE FROM reported WHERE run_id = ?", gone)

    # Keep

    def keep(self, pictures: Iterable[KeptPicture], now: datetime) -> int:
        """Write pictures down, all or none; return how many of them were new.

        One that is there already gets what it lacks; one that was forgotten stays so.
        """
        every = list(pictures)
        hashes = [one.content_hash for one in every]
        with self._writing() as connection:
            forgotten = rows.those_in(connection, rows.FORGOTTEN, hashes)
            wanted = [one for one in every if one.content_hash not in forgotten]
            return rows.insert(connection, wanted, utc_text(now))

    def lacking(self, images: Sequence[Wanted], seen_by: Mapping[str, str]) -> list[Wanted]:
        """Return those of some images that are not kept, or not as their model saw them.

        ``seen_by``: version of a model → what its pixels go by (``seen_as``). Of an image whose
        content is kept, its name is written down with the others.
        """
        lacking = []
        hashes = [image.content_hash for image in images]
        with self._writing() as connection:
            forgotten = rows.those_in(connection, rows.FORGOTTEN, hashes)
            kept = rows.those_in(connection, rows.PICTURES, hashes)
            for image in images:
                if image.content_hash in forgotten:
                    continue
                if image.content_hash in kept:
                    rows.add_source(connection, image)
                    pixels = seen_by.get(image.model_version)
                    if pixels is None or rows.is_seen(connection, image.content_hash, pixels):
                        continue
                lacking.append(image)
        return lacking

    # Remove

    def forget(self, content_hash: str) -> bool:
        """Remove a picture for good, with the pixels; tell whether there was one.

        It is not kept again, should a later run come by it. A damaged store that was set aside may
        hold it, too, and goes as a whole.
        """
        with self._writing() as connection:
            found = rows.is_kept(connection, content_hash)
            rows.remove(connection, [content_hash])
            connection.execute("DELETE FROM reported WHERE content_hash = ?", (content_hash,))
            connection.execute("INSERT OR IGNORE INTO forgotten VALUES (?)", (content_hash,))
        with self._lock:
            self._file.leave_no_trace()
        return found

    def prune(self, *, most_bytes: int, before: datetime, known: Ask, reviewed: Ask) -> int:
        """Remove what nobody needs any more; return how many pictures.

        Those kept ``before`` a time go where no image of that content is ``known``; of all others
        the oldest until the rest fits ``most_bytes``. What is ``reviewed`` stays.
        """
        with self._writing() as connection:
            gone = rows.forget_unknown(connection, utc_text(before), known, reviewed)
        while True:
            with self._writing() as connection:
                excess = rows.used_bytes(connection) - most_bytes
                oldest = rows.oldest(connection, excess, reviewed) if excess > 0 else []
                rows.remove(connection, oldest)
            if not oldest:
                break
            gone += len(oldest)
        if gone:
            with self._lock:
                self._file.shrink()
        return gone

    def renew(self) -> str:
        """Set a damaged store aside, and say so in words; the next ``keep`` makes a new one."""
        with self._lock:
            return self._file.set_aside()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._file.transaction() as connection:
            yield connection
