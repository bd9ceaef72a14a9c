"""The folder in which the processes of one server add up: this user's alone, or none."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from server.shared_metrics import PREFIX, SHARED_FOLDER, share_among_siblings

pytestmark = pytest.mark.skipif(os.name == "nt", reason="several processes: on POSIX systems only")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the folder is to be, with nothing there."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    # Set and taken away, so that what the test sets goes with it.
    monkeypatch.setenv(SHARED_FOLDER, "")
    monkeypatch.delenv(SHARED_FOLDER)
    return tmp_path / f"{PREFIX}{os.getuid()}-{os.getppid()}"


def test_siblings_share_a_folder_of_their_users(folder: Path) -> None:
    for _ in range(2):
        share_among_siblings()
        assert os.environ[SHARED_FOLDER] == str(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_may_write_to_is_not_used(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    share_among_siblings()
    assert SHARED_FOLDER not in os.environ


def test_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    folder.symlink_to(elsewhere)
    share_among_siblings()
    assert SHARED_FOLDER not in os.environ
