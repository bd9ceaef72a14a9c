"""Old file or new file, never a torn one; a link is written through, mode and owner are kept."""

from __future__ import annotations

import errno
import glob
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

# Shares and FUSE file systems that cannot put a name on the disk for good say so in these words;
# there is nothing left to do about it. An error of the disk itself is none of them.
CANNOT_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
MAY_NOT_SYNC = {errno.EACCES, errno.EPERM, errno.EBADF, errno.EISDIR}

ON_WINDOWS = os.name == "nt"
# There a virus scanner or an indexer opens what was just written, and nobody may rename it
# meanwhile: it is done within a second. Elsewhere nobody is in the way.
PATIENCE_SECONDS = (0.01, 0.05, 0.1, 0.3, 0.5) if ON_WINDOWS else ()

Tell = Callable[[str], None]


# The system would name the part, of which nobody knows.
AWAY = "the folder that its link leads to is not there (is a share off?)"


def tell_nobody(_: str) -> None:
    """Take a message, and leave it at that."""


Ready = Callable[[Path], None]


def go_on(_: Path) -> None:
    """Let a part take its place."""


@contextmanager
def atomic_text(
    path: Path, encoding: str = "utf-8", tell: Tell = tell_nobody, ready: Ready = go_on
) -> Iterator[TextIO]:
    """Open a text file for writing that takes the place of ``path`` when the block ends.

    The text lies on the disk before the name changes hands. When the block raises, ``path`` is
    untouched and nothing is left beside it. ``tell`` hears of an owner that could not be kept,
    ``ready`` sees the part when it is whole, right before it takes its place, and may raise.
    Raises OSError (disk full, folder read-only, a pipe or a device in its place, file held open by
    another program on Windows).
    """
    with (
        replacing(path, tell, ready) as part,
        part.open("w", encoding=encoding, newline="") as file,
    ):
        yield file
        file.flush()
        _sync(file.fileno(), CANNOT_SYNC)


def copy_atomic(source: Path, path: Path) -> None:
    """Copy a file so that ``path`` is whole at every instant; raises OSError."""
    with replacing(path) as part:
        shutil.copyfile(source, part)


@contextmanager
def replacing(path: Path, tell: Tell = tell_nobody, ready: Ready = go_on) -> Iterator[Path]:
    """Yield the name of a part beside the file, to write; it takes its place when the block ends.

    When the block raises, the file is untouched and the part is gone. Raises OSError.
    """
    target = behind_link(path)
    if target == path:
        # A folder that is missing behind a link is a share that is away: it is not made up.
        path.parent.mkdir(parents=True, exist_ok=True)
    elif not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, AWAY, str(target))
    before = _status(target)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        if before:
            _keep_attributes(target, before, part, tell)
        ready(part)
        _put(part, target)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def behind_link(path: Path) -> Path:
    """Return the file that a link leads to, there or not; raises OSError where links run round."""
    if not path.is_symlink():
        return path
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    return target


def remove_leftovers(path: Path) -> None:
    """Remove parts of a file that a killed process left behind."""
    with suppress(OSError):
        target = behind_link(path)
        for part in target.parent.glob(f".{glob.escape(target.name)}.*.part"):
            with suppress(OSError):
                part.unlink(missing_ok=True)


def _put(part: Path, target: Path) -> None:
    for seconds in PATIENCE_SECONDS:
        try:
            os.replace(part, target)
        except PermissionError:
            time.sleep(seconds)
        else:
            return
    os.replace(part, target)


def _status(target: Path) -> os.stat_result | None:
    """Return what there is to replace; raises OSError where that is no file."""
    try:
        status = os.stat(target)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder, and no file", str(target))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "is a pipe or a device, and no file", str(target))
    return status


def _keep_attributes(target: Path, before: os.stat_result, part: Path, tell: Tell) -> None:
    """Give the part owner, access list and mode of the file it replaces, where that is permitted.

    The order matters: a change of owner may take bits of the mode away.
    """
    if not _keep_owner(before, part):
        tell(
            f"{target.name} belonged to another user or group, which only an administrator can "
            "keep; it is this program's user's now"
        )
    if hasattr(os, "listxattr"):
        with suppress(OSError):
            _keep_extended(target, part)
    # Windows knows of one bit, that nobody may write, and neither replaces such a file nor removes
    # its part.
    if not ON_WINDOWS:
        with suppress(OSError):
            part.chmod(stat.S_IMODE(before.st_mode))


def _keep_owner(before: os.stat_result, part: Path) -> bool:
    now = part.stat()
    if ON_WINDOWS or (now.st_uid, now.st_gid) == (before.st_uid, before.st_gid):
        return True
    try:
        os.chown(part, before.st_uid, before.st_gid)
    except OSError:
        with suppress(OSError):
            os.chown(part, -1, before.st_gid)
        return False
    return True


def _keep_extended(target: Path, part: Path) -> None:
    """Copy access lists and what else stands beside a file; labels that only root sets stay."""
    kept = set(os.listxattr(target))
    for name in kept:
        with suppress(OSError):
            os.setxattr(part, name, os.getxattr(target, name))
    for name in set(os.listxattr(part)) - kept:
        with suppress(OSError):
            os.removexattr(part, name)


def _sync_folder(folder: Path) -> None:
    """Make the new name itself last through a power cut; Windows has no such call."""
    if ON_WINDOWS:
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # a folder may be written, and not be read
        return
    try:
        _sync(handle, CANNOT_SYNC | MAY_NOT_SYNC)
    finally:
        os.close(handle)


def _sync(handle: int, tolerated: set[int]) -> None:
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in tolerated:
            raise
