"""What an image costs, in counts: a guard of its speed that no busy machine can upset.

Each figure is what was counted when it was written, and stands with what it is for. Who adds a copy
of the pixels, a statement an image or a call of the system finds it here.
"""

from __future__ import annotations

import os
import sqlite3
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import requests

from client import request
from scoring.protocol.frame_codec import decode_block, encode_block
from scoring.protocol.prediction import encode_request
from scoring.records.database import Database
from scoring.settings import CODE_ROOT
from tests.conftest import garment_pixels, write_batch

COUNT, FEW, CHUNK = 200, 50, 50
PIXELS = 784


@pytest.fixture
def batch(project: Path, server_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of ``COUNT`` pictures that go to a real server ``CHUNK`` at a time."""
    monkeypatch.setenv("SCORING_CLIENT__CHUNK_ROWS", str(CHUNK))
    folder = project / "image_batches" / "G1"
    write_batch(folder, COUNT)
    return folder


def drawn_garments() -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Return uint8 [N, 784]: the project's own data-set pictures."""
    files = sorted((CODE_ROOT / "image_batches" / "G1").glob("*.png"))
    images = [cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) for file in files]
    small = [one.reshape(-1) for one in images if one is not None and one.shape == (28, 28)]
    return np.stack(small) if small else garment_pixels(100)


def test_an_image_has_1060_bytes_of_json_and_620_packed() -> None:
    pixels = np.tile(drawn_garments(), (8, 1))[:512]
    ids = list(range(100_001, 100_001 + len(pixels)))
    assert len(encode_request(ids, pixels, None)) <= 1_060 * len(pixels)
    assert len(encode_request(ids, pixels, "zlib")) <= 620 * len(pixels)


def test_the_client_makes_base64_of_the_pixels_and_no_other_copy() -> None:
    pixels = garment_pixels(512)
    assert peak_bytes(lambda: encode_block(range(512), pixels, None)) <= 1.4 * pixels.nbytes


def test_the_server_makes_one_copy_of_the_pixels() -> None:
    pixels = garment_pixels(512)
    block = encode_block(range(len(pixels)), pixels, None)
    assert peak_bytes(lambda: decode_block(block, PIXELS, 512)) <= 1.1 * pixels.nbytes


def test_a_run_asks_once_a_chunk_and_five_times_besides(
    batch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 10,000 images in chunks of 512 that is 22 and 5: the first three are smaller."""
    asked = Counter[str]()
    send = requests.Session.send

    def counted(session: Any, prepared: Any, **options: Any) -> Any:
        asked[prepared.method] += 1
        return send(session, prepared, **options)

    monkeypatch.setattr(requests.Session, "send", counted)
    assert request.main(["G1"]) == 0
    assert asked["POST"] == COUNT // CHUNK
    assert asked["GET"] <= 5


def test_a_chunk_is_one_transaction_and_few_statements(
    batch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Predictions and where they are shown, 32, 16 and 2 by one statement: of 512, all by one."""
    statements: list[str] = []
    connect = Database._connect

    def traced(self: Database, *arguments: Any) -> sqlite3.Connection:
        connection = connect(self, *arguments)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(Database, "_connect", traced)
    assert request.main(["G1"]) == 0
    first, last = (
        place(statements, "INSERT INTO predictions") for place in (first_with, last_with)
    )
    begun = sum(text.startswith("BEGIN") for text in statements[first - 1 : last])
    scoring = [text for text in statements[first:last] if not is_of_a_transaction(text)]
    assert begun == COUNT // CHUNK
    # The cost of a chunk, and what is looked up meanwhile.
    assert len(scoring) <= (2 * 3 + 4) * (COUNT // CHUNK)


def test_a_small_file_takes_five_calls_of_the_system(
    project: Path, batch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is opened, looked at twice, read and closed; listing a folder asks for no file."""
    calls = Counter[str]()

    def counting(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def counted(*arguments: Any, **options: Any) -> Any:
            calls[name] += 1
            return real(*arguments, **options)

        return counted

    def calls_of(name: str) -> Counter[str]:
        calls.clear()
        assert request.main([name]) == 0
        return calls.copy()

    # Pictures that somebody may be asked about are kept, which has a price of its own.
    monkeypatch.setenv("SCORING_RECORDS__PICTURES_BYTES", "0")
    few = project / "image_batches" / "G0"
    write_batch(few, FEW)
    for name in ("open", "fstat", "read", "close", "stat", "lstat"):
        monkeypatch.setattr(os, name, counting(name))
    calls_of("G0")  # which loads what a run needs, once
    # What a run takes besides is the same for both.
    with_few, with_many = calls_of("G0"), calls_of("G1")
    an_image = {name: (with_many[name] - with_few[name]) / (COUNT - FEW) for name in calls}
    most = {"open": 1.0, "fstat": 1.0, "read": 1.0, "close": 1.0, "stat": 0.0, "lstat": 0.0}
    assert {name: n for name, n in an_image.items() if n > most[name] + 0.1} == {}


def peak_bytes(work: Callable[[], object]) -> int:
    """Return the most memory that work takes at a time, beside what it finds."""
    work()
    tracemalloc.start()
    try:
        kept = work()
        del kept
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def first_with(statements: list[str], text: str) -> int:
    return next(n for n, one in enumerate(statements) if text in one)


def last_with(statements: list[str], text: str) -> int:
    return max(n for n, one in enumerate(statements) if text in one)


def is_of_a_transaction(text: str) -> bool:
    return text.startswith(("BEGIN", "COMMIT", "--"))
