"""Twenty of the kills; ``python -m tests.faults.kills --count 200`` does as many as you like."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.desk import LINUX
from tests.faults.kills import Kills

KILLS = 20
IMAGES = 5_000


@LINUX
@pytest.mark.long
@pytest.mark.timeout(1800)
def test_killed_at_twenty_random_moments(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SERVER__PORT", "CLIENT__TRIES", "CLIENT__RETRY_SECONDS"):
        monkeypatch.setenv(f"SCORING_{name}", "1")
    kills = Kills(project, IMAGES, seed=2)
    while kills.victims.total() < KILLS:
        kills.kill_once()
