"""Where the images lie: a folder that all nodes see, or object storage by its URL."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import msgspec

from cluster.storage import is_url, open_url, shown
from scoring.batches.folder_listing import IMAGE_SUFFIXES
from scoring.batches.image_folder import ImageList, find_batch, list_images, natural_key
from scoring.batches.image_reader import ImageReader, ImageRow, Step
from scoring.batches.left_out import LeftOut, kind_by_name
from scoring.batches.litter import Litter
from scoring.preprocessing.formats import HEAD_BYTES, sniff
from scoring.protocol.errors import BatchMissing, BatchUnreadable
from scoring.records.text import printable
from scoring.settings import BatchesSettings, Settings

# Threads that fetch from object storage: an answer takes tens of milliseconds, whatever its size.
FETCH_THREADS = 16


class Source(Protocol):
    """A folder of images: its candidates in order, and what reads them on a node."""

    @property
    def place(self) -> str: ...

    @property
    def batch(self) -> str: ...

    def images(self, rules: BatchesSettings) -> ImageList: ...

    def stamp(self, path: str) -> str: ...


@dataclass(frozen=True)
class FolderSource:
    """A folder of this machine, or of a share that every node has at the same path."""

    place: str
    batch: str

    def images(self, rules: BatchesSettings) -> ImageList:
        """Return the candidates as every run on one machine lists them."""
        return list_images(Path(self.place), rules)

    def stamp(self, path: str) -> str:
        """Return size and time of change; nothing of a file that is gone already."""
        try:
            status = os.stat(f"{self.place}/{path}", follow_symlinks=False)
        except OSError:
            return ""
        return f"{status.st_size}:{status.st_mtime_ns}"


@dataclass(frozen=True)
class UrlSource:
    """A folder of object storage; what it says of each object is kept from the listing."""

    place: str
    batch: str
    _stamps: dict[str, str] = field(default_factory=dict)

    def images(self, rules: BatchesSettings) -> ImageList:
        """Return the candidates by the rules and in the order of a folder.

        Raises BatchMissing where nothing has that name, BatchUnreadable where nobody answers.
        """
        files, root = open_url(self.place)
        try:
            found: Mapping[str, Mapping[str, Any]] = files.find(root, detail=True)
        except Exception as error:  # whatever the service's own package raises
            raise BatchUnreadable(f"{self.batch}: it cannot be listed: {error}") from error
        if not found:
            raise BatchMissing(f"no batch {self.batch}: nothing lies under that URL")
        names, left_out = [], LeftOut()
        for path, facts in found.items():
            name = path[len(root) + 1 :]
            if self._is_image(files, path, name, Litter(rules.litter), left_out):
                names.append(os.fsencode(name))
                self._stamps[name] = stamp_of(facts)
        # As list_images does.
        names.sort()
        names.sort(key=natural_key)
        return ImageList(names, left_out)

    def stamp(self, path: str) -> str:
        """Return what the listing said of an object's content."""
        return self._stamps[path]

    def _is_image(
        self, files: Any, path: str, name: str, litter: Litter, left_out: LeftOut
    ) -> bool:
        if not name or name.endswith("/"):
            return False  # how some programs mark a folder
        pattern = next(filter(None, map(litter.pattern_of, name.split("/"))), None)
        if pattern is not None:
            left_out.litter[pattern] += 1
            return False
        if os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES or _is_image_inside(files, path):
            return True
        left_out.kinds[kind_by_name(name)] += 1
        return False


class UrlReader(ImageReader, frozen=True, kw_only=True):
    """Reads objects; ``folder`` is the URL. What kept the service from answering is ``lost``.

    Such trouble is none of the picture's: it must end the work, and never become a row.
    """

    lost: list[str] = msgspec.field(default_factory=list)

    def _read_bytes(self, file: str, row: ImageRow, step: Step) -> bytes | None:
        files, root = opened(self.folder)
        path = f"{root}/{file}"
        try:
            with files.open(path, "rb") as stream:
                size = int(stream.size)
                if size > self.limits.max_bytes:
                    row.content_hash = f"{size} bytes over {self.limits.max_bytes}"
                    row.error = f"{size} bytes; files up to {self.limits.max_bytes} are read"
                    return None
                data: bytes = stream.read() if size else b""
        except FileNotFoundError:
            raise
        except Exception as error:  # whatever the service's own package raises
            self.lost.append(f"{printable(file)}: {error}")
            raise OSError(0, str(error)) from error
        step.beat()
        return data


def _is_image_inside(files: Any, path: str) -> bool:
    with files.open(path, "rb") as stream:
        return sniff(stream.read(HEAD_BYTES)) is not None


# One connection pool a process: opening is a few milliseconds, and each has threads of its own.
opened = cache(open_url)


def stamp_of(facts: Mapping[str, Any]) -> str:
    """Return what tells an object's content from another: its tag, or else size and time."""
    tag = facts.get("ETag") or facts.get("etag") or facts.get("md5Hash")
    changed = facts.get("LastModified") or facts.get("mtime") or facts.get("created") or ""
    return f"{facts.get('size')}:{tag or changed}"


def source_at(argument: str, settings: Settings) -> Source:
    """Return the batch a command line names: as ``client.request`` takes it, or a URL.

    Raises BatchMissing.
    """
    if is_url(argument):
        return UrlSource(argument.rstrip("/"), printable(shown(argument.rstrip("/"))))
    batch = find_batch(argument, settings.batches_folder)
    return FolderSource(os.path.abspath(batch.folder), batch.name)
