"""What tests of several machines need: their packages, and a folder with all kinds of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import write_batch

REASON = "its packages are in the environment of make cluster only"


@pytest.fixture
def arrow() -> None:
    """Skip what needs Parquet where the packages are not there."""
    pytest.importorskip("pyarrow", reason=f"pyarrow: {REASON}")


@pytest.fixture
def mixed(project: Path) -> Path:
    """Return a batch of 37 images, three of them bad, and of what is none."""
    folder = project / "image_batches" / "mixed"
    write_batch(folder, 33)
    write_batch(folder / "=2+3", 1, seed=1)
    (folder / "img_5.png").write_bytes(b"")
    (folder / "img_17.png").write_bytes(b"no picture")
    whole = (folder / "img_20.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "01.png").write_bytes(whole)
    (folder / "picture").write_bytes(whole)
    (folder / "notes.txt").write_text("no image")
    (folder / ".hidden.png").write_bytes(whole)
    return folder
