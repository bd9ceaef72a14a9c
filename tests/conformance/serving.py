"""The server that the clients ask, and what it must answer them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from scoring.batches.image_folder import list_images
from scoring.inference.bundle import load_bundle
from scoring.inference.predictor import Predictor
from scoring.preprocessing.pixels import DecodeLimits
from scoring.preprocessing.registry import find
from scoring.processes.port_owner import free_port
from scoring.processes.readiness import read_readiness
from scoring.settings import CODE_ROOT, BatchesSettings, ClientSettings
from tests.conformance.images import Images
from tests.deadlines import wait_for

BUNDLE = CODE_ROOT / "fashion_model"
PICTURES = CODE_ROOT / "image_batches" / "G1"


# What the API is served by, with the port left open.
OURS = ("server", "--port", "{port}")
GUNICORN = ("gunicorn", "server:create_app()", "-b", "127.0.0.1:{port}", "--workers", "2")


@contextmanager
def server(project: Path, module: Sequence[str], key: str = "") -> Iterator[str]:
    """Run ``python -m module …`` with the settings as they come; yield its URL.

    With a ``key`` it wants that of every caller.
    """
    port = free_port("127.0.0.1")
    kept = {name: text for name, text in os.environ.items() if not name.startswith("SCORING_")}
    ours = {
        "SCORING_PROJECT": str(project),
        "SCORING_SERVER__MODELS": f'["{BUNDLE}"]',
        "SCORING_SERVER__IMAGES": str(PICTURES),
        "SCORING_SERVER__API_KEY" if key else "SCORING_SERVER__ALLOW_ANONYMOUS": key or "true",
    }
    with (project / f"server-{port}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *(word.replace("{port}", str(port)) for word in module)],
            cwd=CODE_ROOT,
            env={**kept, **ours},
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: process.poll() is not None or read_readiness(url) is not None, "a server")
        yield url
    finally:
        process.terminate()
        process.wait(60)


def expected(url: str, locked_url: str, key: str) -> Images:
    """Return the pictures, their pixels, and what the model makes of them without any server."""
    bundle = load_bundle(BUNDLE)
    spec = bundle.signature
    files = [PICTURES / name for name in list_images(PICTURES, BatchesSettings())]
    client = ClientSettings()
    limits = DecodeLimits(client.max_image_pixels, client.max_file_bytes)
    preprocess = find(spec.preprocessing.name, spec.preprocessing.version)
    rows = [preprocess(path.read_bytes(), spec.input.shape, limits).values for path in files]
    predictor = Predictor(bundle)
    seen = predictor.predict(np.stack(rows))
    predictor.close()
    return Images(
        url=np.array(url),
        locked_url=np.array(locked_url),
        key=np.array(key),
        model=np.array(spec.name),
        version=np.array(spec.version),
        files=np.array([str(path) for path in files]),
        pixels=np.stack(rows),
        labels=np.array([spec.labels[index] for index in seen.class_index]),
        confidence=seen.confidence.astype(np.float32),
        probabilities=seen.probabilities.astype(np.float32),
        classes=np.array(spec.labels),
    )
