from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.scheduler_process import Desk
from tests.faults.desk import Project


@pytest.fixture
def faulty(project: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return a project folder to break; retries do not wait."""
    monkeypatch.setenv("SCORING_CLIENT__RETRY_SECONDS", "0.01")
    return Project(project)


@pytest.fixture
def night(project: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Return a project folder in which a real scheduler works."""
    monkeypatch.setenv("SCORING_CLIENT__RETRY_SECONDS", "0.1")
    return Desk(project, monkeypatch)
