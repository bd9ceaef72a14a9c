"""A folder in which the processes of one server add up their numbers; see server/metrics.py."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

# prometheus-client looks for it when it is loaded, so that it must stand there before.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
PREFIX = "garment-scorer-metrics-"


def share_among_siblings() -> None:
    """Name the folder that all children of this process's parent share, and make it.

    Where it is another user's, or anyone's to write to, this process counts for itself.
    """
    folder = Path(tempfile.gettempdir(), f"{PREFIX}{os.getuid()}-{os.getppid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    if is_ours and not stat.S_IMODE(status.st_mode) & 0o077:
        os.environ.setdefault(SHARED_FOLDER, str(folder))
