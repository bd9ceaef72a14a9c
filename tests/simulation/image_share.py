"""The folder that the warehouse fills: new, changed, damaged and vanished images, every day."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import cv2

from scoring.settings import CODE_ROOT
from tests.conftest import garment_pixels

GARMENTS = 120
PHOTOGRAPHS = 12
# Batches older than this are cleared away by the warehouse.
BATCHES_KEPT = 7
YEARS_AHEAD = timedelta(days=4000)


class ImageShare:
    """``image_batches`` over the days; the randomness is the caller's."""

    def __init__(self, folder: Path, random: Random) -> None:
        self.folder = folder
        self.changed_at = datetime.min.replace(tzinfo=UTC)
        self._random = random
        self._pool = list(_garments())
        self._unfinished: list[tuple[Path, bytes]] = []

    def change(self, day: int, now: datetime) -> None:
        """Do what happens on one day between two nights."""
        self.changed_at = now
        for path, data in self._unfinished:
            if path.parent.is_dir():
                self._write(path, data, now)
        self._unfinished.clear()
        for old in self._batches()[:-BATCHES_KEPT]:
            shutil.rmtree(old)
        if self._random.random() < 0.8:
            batch = self.folder / f"day-{day:03d}"
            batch.mkdir()
            for number in range(1, self._random.choice((0, 3, 8, 14, 22)) + 1):
                self._write(batch / f"img_{number}.png", self._picture(), now)
        for change in self._random.sample(self._changes(), 2):
            if self._files():
                change(now)

    def copy_late(self, run_at: datetime) -> None:
        """Begin to copy a file that is not whole yet when the run comes; it is tomorrow."""
        if not self.folder.exists():
            return
        self.changed_at = run_at - timedelta(minutes=1)
        batch = self._random.choice(self._batches())
        data = self._picture()
        path = batch / f"late_{run_at:%j}.png"
        self._write(path, data[: len(data) // 2], run_at - timedelta(seconds=2))
        self._unfinished.append((path, data))

    def vanish_last(self, batch: str) -> str | None:
        """Remove the last image of a batch that was listed and is being read."""
        images = (self.folder / batch).glob("img_*")
        for path in sorted(images, key=lambda path: int(path.stem[4:]))[-1:]:
            path.unlink()
            return f"{batch}/{path.name}"
        return None

    def _changes(self) -> list[Callable[[datetime], None]]:
        return [
            *(self._replace, self._add, self._remove, self._cut_short, self._empty),
            *(self._add_text, self._add_link, self._add_from_the_future, self._name_badly),
        ]

    def _replace(self, now: datetime) -> None:
        self._write(self._random.choice(self._files()), self._picture(), now)

    def _add(self, now: datetime) -> None:
        self._write(self._home() / f"img_{self._number()}.PNG", self._picture(), now)

    def _remove(self, now: datetime) -> None:
        self._random.choice(self._files()).unlink()

    def _cut_short(self, now: datetime) -> None:
        data = self._picture()
        self._write(self._home() / f"img_{self._number()}.jpg", data[: len(data) // 2], now)

    def _empty(self, now: datetime) -> None:
        self._write(self._home() / f"img_{self._number()}.png", b"", now)

    def _add_text(self, now: datetime) -> None:
        self._write(self._home() / "notes.txt", b"fragile", now)

    def _add_link(self, now: datetime) -> None:
        link = self._home() / f"link_{self._number()}.png"
        with suppress(OSError):  # on Windows not everybody may
            link.symlink_to(link.with_name("img_1.png"))

    def _add_from_the_future(self, now: datetime) -> None:
        path = self._home() / f"img_{self._number()}.png"
        self._write(path, self._picture(), now + YEARS_AHEAD)

    def _name_badly(self, now: datetime) -> None:
        hostile = b"=1+1 ,'" if os.name == "nt" else b"=1+1\n \xff,\"'\\"
        name = os.fsdecode(hostile + str(self._number()).encode() + b".png")
        self._write(self._home() / name, self._picture(), now)

    def _write(self, path: Path, data: bytes, now: datetime) -> None:
        path.write_bytes(data)
        os.utime(path, (now.timestamp(), now.timestamp()))

    def _picture(self) -> bytes:
        return self._random.choice(self._pool)

    def _number(self) -> int:
        return self._random.randrange(1000, 10**9)

    def _home(self) -> Path:
        return self._random.choice(self._batches())

    def _batches(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.is_dir())

    def _files(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("*/img_*") if not path.is_symlink())


def _garments() -> Iterator[bytes]:
    """Yield picture files: many of the data set's own size, some photographs."""
    for pixels in garment_pixels(GARMENTS):
        yield cv2.imencode(".png", pixels.reshape(28, 28))[1].tobytes()
    photographs = sorted((CODE_ROOT / "image_batches" / "G1").iterdir())[:PHOTOGRAPHS]
    yield from (path.read_bytes() for path in photographs)
