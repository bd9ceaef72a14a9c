"""The first version's callers: their body, their answer, and a whole script of theirs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import orjson
import pandas as pd
import pytest
import requests

from scoring.settings import CODE_ROOT, Settings
from server.dialects import own
from server.dialects.dialect import Call
from server.dialects.original import OriginalRequest
from tests.conftest import BUNDLE, garment_pixels, running_server
from tests.deadlines import DEADLINE
from tests.server.dialects.test_own import GOLDEN, LIMITS, PIXELS, SIGNATURE, answer

SCRIPT = CODE_ROOT / "tests" / "data" / "original_client.py"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running_server(Settings(project=BUNDLE.parent)) as url:
        yield url


@pytest.mark.parametrize("name", ["frame", "frame-twice"])
def test_a_frame_is_read_and_answered_as_it_was(name: str) -> None:
    body = (GOLDEN / f"{name}.request.json").read_bytes()
    request = own.decode(Call(body), SIGNATURE, LIMITS)
    assert isinstance(request, OriginalRequest)
    assert request.pixels.tolist() == PIXELS
    reply = own.encode(request, answer())
    assert (reply.status, reply.content_type) == (200, "application/json")
    assert reply.body == (GOLDEN / "frame.answer.json").read_bytes().rstrip()


def write_pictures(folder: Path, count: int) -> None:
    """Light garments on dark, larger than the model's input, in grey and in colour."""
    folder.mkdir()
    for number, pixels in enumerate(garment_pixels(count)):
        picture = cv2.resize(pixels.reshape(28, 28), (168, 196), interpolation=cv2.INTER_CUBIC)
        if number % 2:
            picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
        cv2.imwrite(str(folder / f"numba{number:02}.png"), picture)


def own_rows(url: str, folder: Path) -> list[dict[str, Any]]:
    pictures = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted(folder.iterdir())]
    pixels = [cv2.resize(np.asarray(one), (28, 28)).ravel().tolist() for one in pictures]
    split = {"dataframe_split": {"data": pixels}}
    rows: list[dict[str, Any]] = requests.post(
        f"{url}/predict", json=split, timeout=DEADLINE
    ).json()["predictions"]
    return rows


def test_a_script_as_the_originals_works_unchanged(url: str, tmp_path: Path) -> None:
    write_pictures(tmp_path / "G1", 13)
    command = [sys.executable, str(SCRIPT), str(tmp_path / "G1"), url]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=DEADLINE)
    results = pd.read_csv(tmp_path / "Results.csv")
    expected = own_rows(url, tmp_path / "G1")
    assert results["Image number"].tolist() == list(range(13))
    assert results["Item"].tolist() == [row["label"] for row in expected]
    percent = [round(100 * row["confidence"], 2) for row in expected]
    assert results["Accuracy"].tolist() == percent


@pytest.mark.parametrize("twice", [False, True])
def test_the_rows_have_the_frames_own_order(url: str, twice: bool) -> None:
    pixels = garment_pixels(12)
    frame = pd.DataFrame(pixels, index=[f"r{at}" for at in range(12)])
    text = frame.sample(frac=1, random_state=3).to_json()
    order = [int(name[1:]) for name in orjson.loads(text)["0"]]
    body = orjson.dumps(text) if twice else text.encode()
    headers = {"Content-Type": "application/json"}
    rows = requests.post(f"{url}/predict", data=body, headers=headers, timeout=DEADLINE).json()
    split = {"dataframe_split": {"data": pixels[order].tolist()}}
    expected = requests.post(f"{url}/predict", json=split, timeout=DEADLINE).json()["predictions"]
    assert order != sorted(order)
    assert rows == [
        [number, row["label"], round(100 * row["confidence"], 2)]
        for number, row in enumerate(expected)
    ]


def test_a_wrong_frame_is_refused_in_words(url: str) -> None:
    frame = pd.DataFrame(garment_pixels(2)[:, :700])
    response = requests.post(f"{url}/predict", json=frame.to_json(), timeout=DEADLINE)
    assert response.status_code == 422
    assert "700 columns; this model has 784" in response.json()["error"]["message"]
