"""What most tests need: a project folder of their own, and a real server on a free port."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

import tests.examples  # noqa: F401  # chooses which examples hypothesis draws
from scoring.processes.listening import bind
from scoring.protocol.identity import SessionSecret
from scoring.settings import CODE_ROOT, PREFIX, Settings, load_settings
from tests.deadlines import DEADLINE

BUNDLE = CODE_ROOT / "fashion_model"
# What lies there starts programs, or breaks them: too much for the quick part.
SLOW_FOLDERS = {"end_to_end", "faults", "simulation"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if SLOW_FOLDERS & set(item.nodeid.split("/")):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty project folder that settings, ledger, logs and results lie in."""
    folder = tmp_path / "project"
    (folder / "image_batches").mkdir(parents=True)
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SCORING_PROJECT", str(folder))
    monkeypatch.setenv("SCORING_SERVER__MODELS", json.dumps([str(BUNDLE)]))
    return folder


@pytest.fixture
def settings(project: Path) -> Settings:
    """Return the settings of the test's own project folder."""
    return load_settings()


def garment_pixels(count: int, seed: int = 0) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Return uint8 [count, 784]: shirt-like shapes, each a little different."""
    random = np.random.default_rng(seed)
    images = np.zeros((count, 28, 28), dtype=np.uint8)
    for image in images:
        left, top = random.integers(4, 9, size=2)
        shade = int(random.integers(90, 250))
        cv2.rectangle(image, (int(left), int(top)), (27 - int(left), 26), shade, -1)
        cv2.rectangle(image, (1, int(top)), (26, int(top) + 6), shade, -1)
        image += random.integers(0, 6, size=(28, 28), dtype=np.uint8)
    return images.reshape(count, 784)


def write_batch(folder: Path, count: int, seed: int = 0) -> list[Path]:
    """Write ``count`` garment images as 28×28 PNGs img_1.png … and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, pixels in enumerate(garment_pixels(count, seed), start=1):
        path = folder / f"img_{number}.png"
        cv2.imwrite(str(path), pixels.reshape(28, 28))
        paths.append(path)
    return paths


@contextmanager
def running_server(settings: Settings, secret: SessionSecret | None = None) -> Iterator[str]:
    """Serve the real model on a free port of this process; yield the URL."""
    from server.app import create_app
    from server.drain import Drain
    from server.http_server import HttpServer

    drain = Drain()
    app = create_app(settings, drain=drain, secret=secret, loopback=True)
    server = HttpServer(app, bind("127.0.0.1", 0, "server.port"), settings.server, drain)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.stop(2.0)


@pytest.fixture
def server_url(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the URL of a real server; client settings point to it."""
    with running_server(settings) as url:
        monkeypatch.setenv("SCORING_CLIENT__SERVER", url)
        yield url


@contextmanager
def in_thread(target: Callable[[], None]) -> Iterator[threading.Thread]:
    """Run ``target`` beside the test and wait for it at the end."""
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    yield thread
    thread.join(DEADLINE)
    assert not thread.is_alive()
