"""Where partitions lie: a folder that all nodes see, or object storage by its URL.

Both write a file whole or not at all: a folder by renaming, object storage by its own promise.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from scoring.protocol.errors import UsageError
from scoring.protocol.file_names import as_file_name
from scoring.records.atomic_file import remove_leftovers, replacing

IS_URL = "://"
# Arrow brings its own way to these; other packages for S3 want other versions of what scoring has.
BY_ARROW = frozenset({"s3", "gs", "gcs"})


class Storage(Protocol):
    """Files of one folder, by name."""

    def names(self) -> set[str]: ...

    def read(self, name: str) -> bytes: ...

    def write(self, name: str, data: bytes) -> None: ...

    def remove(self, name: str) -> None: ...


class FolderStorage:
    """A folder of this machine, or of a share that every node has at the same path."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> set[str]:
        """Return the names that are there; none where the folder is not there yet."""
        try:
            return {entry.name for entry in os.scandir(self._folder)}
        except FileNotFoundError:
            return set()

    def read(self, name: str) -> bytes:
        """Return a file's bytes; raises OSError."""
        return (self._folder / name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        """Put a file in place, whole and on the disk; raises OSError."""
        path = self._folder / name
        try:
            with replacing(path) as part, part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            # A disk that is full says so of no file.
            error.filename = str(path)
            raise

    def remove(self, name: str) -> None:
        """Remove a file and what a killed writer left of it; one that is not there is no error."""
        path = self._folder / name
        path.unlink(missing_ok=True)
        remove_leftovers(path)


class UrlStorage:
    """A folder of object storage (``s3://bucket/folder``), by fsspec."""

    def __init__(self, url: str) -> None:
        self._files, self._root = open_url(url)

    def names(self) -> set[str]:
        """Return the names that are there, asked anew each time."""
        self._files.invalidate_cache()
        try:
            paths = self._files.ls(self._root, detail=False)
        except FileNotFoundError:
            return set()
        return {path.rsplit("/", 1)[-1] for path in paths}

    def read(self, name: str) -> bytes:
        """Return an object's bytes; raises OSError."""
        data: bytes = self._files.cat_file(f"{self._root}/{name}")
        return data

    def write(self, name: str, data: bytes) -> None:
        """Put an object in place; it is there whole or not at all."""
        self._files.pipe_file(f"{self._root}/{name}", data)

    def remove(self, name: str) -> None:
        """Remove an object; one that is not there is no error."""
        with suppress(FileNotFoundError):
            self._files.rm_file(f"{self._root}/{name}")


def is_url(place: str) -> bool:
    """Tell ``s3://bucket/folder`` from the path of a folder."""
    return IS_URL in place


def storage_at(place: str) -> Storage:
    """Return the folder of a path or URL; it need not be there. Raises UsageError."""
    if is_url(place):
        return UrlStorage(place)
    folder = Path(as_file_name(place))
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{place} is no folder; name one")
    return FolderStorage(folder)


def open_url(url: str) -> tuple[Any, str]:
    """Return fsspec's file system and the path in it.

    Raises UsageError for a kind of URL that no installed package knows. Keys and addresses of the
    service come from its own environment variables, so that they stand in no command line.
    """
    import fsspec  # optional: requirements-cluster.txt
    import pyarrow as pa
    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow import fs

    try:
        if urlsplit(url).scheme in BY_ARROW:
            files, root = fs.FileSystem.from_uri(url)
            return ArrowFSWrapper(files, skip_instance_cache=True), root.rstrip("/")
        files, root = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError, pa.ArrowException, OSError) as error:
        raise UsageError(f"{shown(url)}: {error}") from error
    if "file" in files.protocol or "memory" in files.protocol:
        raise UsageError(f"{shown(url)}: name a folder that every node sees by its path")
    return files, root.rstrip("/")


def shown(place: str) -> str:
    """Return a path or URL as results and messages show it: without a password in it."""
    if not is_url(place):
        return place
    parts = urlsplit(place)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
