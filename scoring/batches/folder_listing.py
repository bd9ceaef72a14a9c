"""The walk through a batch: what is an image, what is left out, and why.

No recursion: a tree may be as deep as the system has paths for. No link is followed, and a folder
that leads back to one above it (a mount or a junction can) is not gone into again.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from msgspec import Struct

from scoring.batches.left_out import LeftOut, kind_by_name
from scoring.batches.litter import Litter
from scoring.preprocessing.formats import HEAD_BYTES, sniff
from scoring.records.regular_file import is_placeholder, open_regular

# A file with one of these is a candidate whatever is in it: an empty or destroyed picture must
# have its row, too. Every other file is asked for its content.
IMAGE_SUFFIXES = frozenset(
    (
        *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp", ".bmp"),
        *(".dib", ".webp", ".tif", ".tiff", ".gif", ".heic", ".heif", ".hif", ".avif"),
    )
)
SPECIAL_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISFIFO, "pipe"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISBLK, "device"),
    (stat.S_ISCHR, "device"),
)

Entry = os.DirEntry[bytes]
Identity = tuple[int, int]


class _Folder(Struct, frozen=True):
    """A folder on the way: ``path`` as the system opens it, ``prefix`` as results spell it."""

    path: bytes
    prefix: bytes
    identity: Identity
    parent: _Folder | None

    def is_within(self, identity: Identity) -> bool:
        """Tell whether a folder is this one or one above it."""
        folder: _Folder | None = self
        while folder is not None and folder.identity != identity:
            folder = folder.parent
        return folder is not None


class FolderListing:
    """Collects the candidates below a folder in ``names``, and the rest in ``left_out``.

    ``beat`` is called at every entry: a drive that does not answer shows by its silence.
    """

    def __init__(self, litter: Litter, beat: Callable[[], object]) -> None:
        self.names: list[bytes] = []
        self.left_out = LeftOut()
        self._litter = litter
        self._beat = beat
        self._waiting: list[_Folder] = []

    def collect(self, top: bytes) -> None:
        """Walk through all that lies below; raises OSError where ``top`` itself cannot be read."""
        self._look_into(_Folder(top, b"", _identity(top), None))
        while self._waiting:
            folder = self._waiting.pop()
            try:
                self._look_into(folder)
            except OSError as error:
                self.left_out.add_unreadable(folder.prefix, error)

    def _look_into(self, folder: _Folder) -> None:
        with os.scandir(folder.path) as entries:
            for entry in entries:
                self._beat()
                try:
                    self._take(folder, entry)
                except OSError as error:
                    self.left_out.add_unreadable(folder.prefix + entry.name, error)

    def _take(self, folder: _Folder, entry: Entry) -> None:
        name = os.fsdecode(entry.name)
        litter = self._litter.pattern_of(name)
        if litter is not None:
            self.left_out.litter[litter] += 1
        elif entry.is_dir(follow_symlinks=False):
            self._enter(folder, entry)
        elif not entry.is_file(follow_symlinks=False):
            self.left_out.kinds[_special_kind(entry)] += 1
        elif _is_candidate(name, entry.path):
            self.names.append(folder.prefix + entry.name)
        else:
            self.left_out.kinds[kind_by_name(name)] += 1

    def _enter(self, folder: _Folder, entry: Entry) -> None:
        identity = _identity(entry.path)
        if any(identity) and folder.is_within(identity):
            raise OSError(0, "leads back to a folder that it lies in")
        prefix = folder.prefix + entry.name + b"/"
        self._waiting.append(_Folder(entry.path, prefix, identity, folder))


def _is_candidate(name: str, path: bytes) -> bool:
    """Tell by the suffix where that is known, else by the content. Raises OSError."""
    if os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES:
        return True
    handle, status = open_regular(path)
    try:
        # To look into what lies in a cloud would fetch it.
        if is_placeholder(status):
            raise OSError(0, "lies in a cloud, not on this machine")
        return sniff(os.read(handle, HEAD_BYTES)) is not None
    finally:
        os.close(handle)


def _special_kind(entry: Entry) -> str:
    if entry.is_symlink():
        return "link"
    mode = entry.stat(follow_symlinks=False).st_mode
    return next((kind for is_kind, kind in SPECIAL_KINDS if is_kind(mode)), "of an unknown kind")


def _identity(path: bytes) -> Identity:
    """Some network drives have no numbers for files: theirs is (0, 0), and proves nothing."""
    status = os.stat(path)
    return (status.st_dev, status.st_ino) if status.st_ino else (0, 0)
