"""A script as the first version's client was works with this server as it stands."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from client.api import ScoringClient
from scoring.settings import CODE_ROOT
from tests.conftest import garment_pixels, write_batch

SCRIPT = CODE_ROOT / "tests" / "data" / "original_client.py"


@pytest.mark.slow
def test_the_first_versions_script_works_unchanged(tmp_path: Path, server_url: str) -> None:
    write_batch(tmp_path / "pictures", 9)
    subprocess.run(
        [sys.executable, str(SCRIPT), "pictures", server_url], cwd=tmp_path, check=True, timeout=240
    )
    with (tmp_path / "Results.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["Image number", "Item", "Accuracy"]
    with ScoringClient(server_url) as client:
        signature = client.signature()
        seen = client.score_rows(signature, range(9), garment_pixels(9)).predictions
    expected = [[one.id, one.label, round(100 * one.confidence, 2)] for one in seen]
    assert [[int(number), item, float(accuracy)] for number, item, accuracy in rows] == expected
