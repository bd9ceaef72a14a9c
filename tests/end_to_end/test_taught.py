"""What was taught is served, and names photographs that it has not seen."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import requests

from client import request
from fashion_model import teach
from scoring.protocol.errors import ExitCode
from scoring.settings import load_settings
from tests.conftest import BUNDLE, running_server
from tests.deadlines import DEADLINE
from tests.fashion_model.teaching.shop import THINGS, TINY, jpeg, photograph, write_shop

UNSEEN = 6


def write_unseen(folder: Path) -> None:
    folder.mkdir(parents=True)
    for thing in THINGS:
        for number in range(UNSEEN):
            data = jpeg(photograph(thing, 500 + number))
            (folder / f"{thing}-{number}.jpg").write_bytes(data)


def test_from_folders_to_results(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = project / "models"
    (models / "backbones").mkdir(parents=True)
    things = write_shop(project / "things", 20)
    arguments = [str(things), "--name", "shop", "--out", str(models / "shop")]
    taught = ["--backbone", str(TINY), "--cache", str(project / "data" / "features")]
    assert teach.main([*arguments, *taught]) == ExitCode.DONE
    write_unseen(project / "image_batches" / "P1")
    served = json.dumps([str(BUNDLE), str(models / "shop")])
    monkeypatch.setenv("SCORING_SERVER__MODELS", served)
    out = project / "out.csv"
    with running_server(load_settings()) as url:
        metadata = requests.get(f"{url}/v2/models/shop", timeout=DEADLINE).json()
        assert metadata["name"] == "shop"
        score = ["P1", "--model", "shop", "--server", url, "--out", str(out)]
        assert request.main(score) == ExitCode.DONE
    with out.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == UNSEEN * len(THINGS)
    right = sum(row["Image"].startswith(f"{row['Item']}-") for row in rows)
    assert right >= len(rows) - 2
    assert not [row["Error"] for row in rows if row["Error"]]
