"""Who may use a folder: its maker alone, on Windows whoever may use the project."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from scoring.protocol.private_folder import make_private_folder
from scoring.settings import CODE_ROOT

# What is made by all that is made beside the ledger, and with what mode. Where os.name is "nt",
# other modules would be loaded: it is so for the one that asks, and for no longer.
ON_WINDOWS = """
import os, sys
from pathlib import Path
os.name = "nt"
import scoring.protocol.private_folder
os.name = "posix"
from scoring.processes.locks import instance_lock
from scoring.records.ledger import Ledger
from scoring.settings import Settings
made, mkdir = [], os.mkdir
os.mkdir = lambda path, mode=0o777, **more: (made.append(mode), mkdir(path, mode, **more))[1]
settings = Settings(project=Path(sys.argv[1]))
with instance_lock(settings, "here"), Ledger.from_settings(settings) as ledger:
    ledger.copy_to(settings.backups_folder / "copy.db")
print(*map(oct, made))
"""


@pytest.mark.skipif(os.name == "nt", reason="not run here: needs a POSIX system")
def test_it_is_this_users_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make_private_folder(tmp_path / "data" / "backups")
        make_private_folder(tmp_path / "data" / "backups")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "data" / "backups").stat().st_mode) == 0o700


def test_windows_is_not_asked_to_close_a_folder_to_the_service(tmp_path: Path) -> None:
    """0o700 has a meaning of its own there, beside which what the operator granted is nothing."""
    done = subprocess.run(
        [sys.executable, "-c", ON_WINDOWS, str(tmp_path)],
        cwd=CODE_ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {"0o777"}
