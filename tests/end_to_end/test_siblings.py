"""The bundles in models/: the same server and client, other labels, shapes and preprocessing."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import requests

from client import request
from scoring.inference.bundle import load_bundle
from scoring.protocol.errors import ExitCode
from scoring.settings import CODE_ROOT, load_settings
from tests.conftest import running_server, write_batch
from tests.deadlines import DEADLINE

MODELS = CODE_ROOT / "models"
FURTHER = sorted(file.parent for file in MODELS.glob("*/signature.json"))
BUNDLES = (CODE_ROOT / "fashion_model", *FURTHER)
NAMES = ["fashion", "cats_dogs", "clothing", "digits"]
# With the networks that they share, and what retraining needs.
ALL_BYTES = 22_000_000


@pytest.fixture
def all_served(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project folder whose server serves every committed bundle."""
    monkeypatch.setenv("SCORING_SERVER__MODELS", json.dumps([str(path) for path in BUNDLES]))
    return project


def write_digits(folder: Path) -> None:
    """Write the ten digits as somebody with a felt pen might, photographed off-centre on paper."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(4)
    for digit in range(10):
        page = np.full((300, 260, 3), 235, np.uint8)
        at = (int(random.integers(40, 110)), int(random.integers(190, 260)))
        cv2.putText(page, str(digit), at, cv2.FONT_HERSHEY_SIMPLEX, 5, (90, 40, 30), 16)
        cv2.imwrite(str(folder / f"{digit}.jpg"), page)


def items(results: Path) -> dict[str, str]:
    with results.open(encoding="utf-8-sig", newline="") as file:
        return {row["Image"]: row["Item"] for row in csv.DictReader(file)}


def test_the_committed_bundles_are_whole_and_small() -> None:
    names = [load_bundle(folder).signature.name for folder in BUNDLES]
    assert names == NAMES
    folders = (CODE_ROOT / "fashion_model", MODELS)
    files = (file for folder in folders for file in folder.rglob("*") if file.is_file())
    # What Python leaves there of the modules that ran is in no checkout.
    kept = (file for file in files if file.parent.name != "__pycache__")
    assert sum(file.stat().st_size for file in kept) < ALL_BYTES


def test_three_models_side_by_side(all_served: Path) -> None:
    batches = all_served / "image_batches"
    write_digits(batches / "D1")
    write_batch(batches / "G1", 3)
    with running_server(load_settings()) as url:
        ready = requests.get(f"{url}/health/ready", timeout=DEADLINE).json()
        assert [model["name"] for model in ready["models"]] == NAMES
        score = ["--server", url, "--out", str(all_served / "out.csv")]
        assert request.main(["D1", "--model", "digits", *score]) == ExitCode.DONE
        read = items(all_served / "out.csv")
        assert sum(name == f"{item}.jpg" for name, item in read.items()) >= 9
        assert request.main(["D1", "--model", "cats_dogs", *score]) == ExitCode.DONE
        assert set(items(all_served / "out.csv").values()) <= {"cats", "dogs"}
        assert request.main(["G1", *score]) == ExitCode.DONE
        assert len(items(all_served / "out.csv")) == 3
        assert request.main(["G1", "--model", "hats", *score]) == ExitCode.NO_SERVER
    logs = {path.name for path in (all_served / "logs").glob("Metrics-log*")}
    assert logs == {"Metrics-log.csv", "Metrics-log-digits.csv", "Metrics-log-cats_dogs.csv"}
