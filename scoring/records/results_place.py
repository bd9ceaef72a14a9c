"""Where results are told to go: rather nowhere than over something else."""

from __future__ import annotations

import os
from codecs import BOM_UTF8
from pathlib import Path
from tempfile import TemporaryFile

from scoring.protocol.errors import UsageError
from scoring.records.atomic_file import behind_link
from scoring.records.results_csv import COLUMNS

# A results file begins with the byte order mark and its first column.
HEADER_START = BOM_UTF8 + COLUMNS[0].encode()
OF_THE_SYSTEM = (("/", "proc"), ("/", "sys"))


def results_place(flag: str, path: Path) -> Path:
    """Return where a ``flag`` of a command line points, before anything is scored for it.

    Raises UsageError rather than overwrite something else, and for what cannot be written.
    """
    if str(path) == "-":
        raise UsageError(f"{flag} - is no standard output here: results go to a file; name one")
    try:
        if path.is_dir():
            what = f"is a folder; name a file, like {path / 'Results.csv'}"
            raise UsageError(f"{flag} {path} {what}")
        if _is_open_already(path):
            raise UsageError(f"{flag} {path} is what another program opened; name a file")
        if _is_of_the_system(path):
            what = "would lie among what the system tells of itself, where no file can be made"
            raise UsageError(f"{flag} {path} {what}; name a file elsewhere")
        if path.exists() and not path.is_file():
            raise UsageError(f"{flag} {path} is a pipe or a device; name a file")
        start = _start(path)
        _try_beside(path)
    except OSError as error:
        why = error.strerror or error
        raise UsageError(f"{flag} {path} cannot be written: {why}; name another file") from error
    if start and start != HEADER_START:
        raise UsageError(f"{flag} {path} is no results file; it is left as it is")
    return Path(os.path.realpath(path))


def _is_open_already(path: Path) -> bool:
    """Tell whether it stands for an open file, like /dev/stdout and /dev/fd/3.

    What a shell sent there (``> file``) would be taken away, and with it what is printed.
    """
    leads_to = [
        path.parent.resolve() / path.name,
        *([path.readlink()] if path.is_symlink() else []),
    ]
    return any(place.parts[:2] == ("/", "proc") and place.parent.name == "fd" for place in leads_to)


def _is_of_the_system(path: Path) -> bool:
    """Tell whether it lies where Linux shows processes and devices as if they were files."""
    return behind_link(path.absolute()).parent.resolve().parts[:2] in OF_THE_SYSTEM


def _start(path: Path) -> bytes:
    """Return what would be overwritten, as far as it tells; nothing where there is no file yet."""
    try:
        with path.open("rb") as file:
            return file.read(len(HEADER_START))
    except FileNotFoundError:
        return b""


def _try_beside(path: Path) -> None:
    """Raise OSError where no file can be made: it is written beside its place, and renamed."""
    folders = behind_link(path.absolute()).parents
    with TemporaryFile(dir=next(folder for folder in folders if folder.exists())):
        pass
