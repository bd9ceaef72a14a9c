"""Folders for what is nobody else's: the ledger's, and those beside it."""

from __future__ import annotations

import os
from pathlib import Path

OWNERS_ALONE = 0o700
# Windows closes a folder of that mode to all but who makes it and administrators (Python 3.11.10,
# 3.12.4 and later), whatever is granted on the project folder: a night as LOCAL SERVICE could not
# use what a first run by hand has made. There the project folder's access list says who may.
AS_ITS_FOLDER = 0o777
MODE = AS_ITS_FOLDER if os.name == "nt" else OWNERS_ALONE


def make_private_folder(folder: Path) -> None:
    """Make a folder that is not there yet for this user alone, whatever the umask; raises OSError.

    On Windows it is for whom the folder around it is for.
    """
    folder.mkdir(mode=MODE, parents=True, exist_ok=True)
