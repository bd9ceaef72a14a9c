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
from msgspec.structs import replace

from scoring.protocol.errors import BadRequest, InvalidPixels
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


@pytest.mark.parametrize(
    ("index", "numbers"),
    [
        (["0", "1", "2"], [0, 1, 2]),
        (["2", "1", "0"], [2, 1, 0]),
        (["17", "5", "-3"], [17, 5, -3]),
        ([str(2**64 - 1), str(-(2**63)), "0"], [2**64 - 1, -(2**63), 0]),
        (["c.png", "a.png", "b.png"], [0, 1, 2]),
        (["2026-11-25 (1)", "", "pixel"], [0, 1, 2]),
    ],
)
def test_whole_numbers_of_the_index_come_back(index: list[str], numbers: list[int]) -> None:
    frame = {f"pixel{at + 1}": dict.fromkeys(index, at) for at in range(4)}
    limits = replace(LIMITS, rows=3)
    request = own.decode(Call(orjson.dumps(frame)), SIGNATURE, limits)
    assert list(request.ids) == numbers


@pytest.mark.parametrize(
    "index", [["0", "a"], ["0.5", "1.5"], ["007", "008"], ["1e3", "x"], ["nan", "1"], ["+1", "2"]]
)
def test_an_index_that_would_be_taken_for_other_numbers_is_refused(index: list[str]) -> None:
    frame = {f"pixel{at + 1}": dict.fromkeys(index, at) for at in range(4)}
    with pytest.raises(BadRequest, match="dataframe_split"):
        own.decode(Call(orjson.dumps(frame)), SIGNATURE, LIMITS)


@pytest.mark.parametrize("rows", [1, 2, 4])
@pytest.mark.parametrize("prefix", ["pixel", ""])
def test_a_frame_by_rows_is_told_so(rows: int, prefix: str) -> None:
    frame = {str(row): {f"{prefix}{at}": at for at in range(4)} for row in range(rows)}
    limits = replace(LIMITS, rows=4)
    if rows == 4 and not prefix:  # numbers both ways: by columns, as pandas does by itself
        own.decode(Call(orjson.dumps(frame)), SIGNATURE, limits)
        return
    with pytest.raises(InvalidPixels, match="orient='index'"):
        own.decode(Call(orjson.dumps(frame)), SIGNATURE, limits)


def test_an_index_beyond_64_bits_is_refused() -> None:
    frame = {f"pixel{at + 1}": {str(2**64): at} for at in range(4)}
    with pytest.raises(BadRequest, match=str(2**64 - 1)):
        own.decode(Call(orjson.dumps(frame)), SIGNATURE, LIMITS)


def test_an_answer_is_joined_to_the_rows_it_is_of(url: str) -> None:
    pixels = garment_pixels(6)
    frame = pd.DataFrame(pixels, index=[17, 5, 3, 4, 1, 0])
    answer = requests.post(f"{url}/predict", json=frame.to_json(), timeout=10).json()
    alone = [
        requests.post(f"{url}/predict", json=frame.loc[[at]].to_json(), timeout=10).json()[0]
        for at in frame.index
    ]
    assert answer == alone
    assert len({tuple(row[1:]) for row in alone}) > 1


def test_a_wrong_frame_is_refused_in_words(url: str) -> None:
    frame = pd.DataFrame(garment_pixels(2)[:, :700])
    response = requests.post(f"{url}/predict", json=frame.to_json(), timeout=DEADLINE)
    assert response.status_code == 422
    message = response.json()["error"]["message"]
    assert "there are 700 columns" in message
    assert "'700' is missing" in message
