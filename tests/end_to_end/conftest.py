from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import write_batch
from tests.end_to_end.scheduler_process import Desk


@pytest.fixture(scope="session")
def many_images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return enough images for a run to be caught in the middle; link them, do not copy."""
    return write_batch(tmp_path_factory.mktemp("many"), 2_000)


@pytest.fixture
def desk(project: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Return a project folder with one batch of twelve garments."""
    write_batch(project / "image_batches" / "G1", 12)
    return Desk(project, monkeypatch)
