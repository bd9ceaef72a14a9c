"""Made-up photographs of a shop's things, and a tiny stand-in for the backbone.

``tests/data/tiny_backbone.tflite`` is three random convolutions (12, 24 and 40 filters of 3 x 3,
stride 2, ReLU6) over 48 x 48 x 3 pixels and their mean, quantised by
``fashion_model.bundle_writer.quantise`` on blocks of random colours: 40 features, 17 KB.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from scoring.settings import CODE_ROOT

TINY = CODE_ROOT / "tests" / "data" / "tiny_backbone.tflite"
# Blue, green, red, as OpenCV has them.
THINGS = {"mug": (40, 40, 220), "vase": (200, 60, 30), "plate": (60, 190, 60)}


def photograph(thing: str, seed: int) -> NDArray[np.uint8]:
    """Return a picture [80, 60, 3] of a thing in its colour, somewhere on a grainy table."""
    random = np.random.default_rng((sorted(THINGS).index(thing), seed))
    shade = int(random.integers(90, 190))
    grain = random.integers(0, 100, (10, 8, 3), np.uint8)
    page = cv2.resize(grain, (60, 80), interpolation=cv2.INTER_CUBIC) + np.uint8(shade - 50)
    at = (int(random.integers(20, 40)), int(random.integers(25, 55)))
    colour = tuple(int(c + random.integers(-25, 26)) for c in THINGS[thing])
    if thing == "mug":
        cv2.rectangle(page, (at[0] - 12, at[1] - 15), (at[0] + 12, at[1] + 15), colour, -1)
    else:
        wide = 18 if thing == "plate" else 9
        cv2.ellipse(page, at, (wide, 18), int(random.integers(0, 40)), 0, 360, colour, -1)
    return np.asarray(page, np.uint8)


def jpeg(pixels: NDArray[np.uint8], quality: int = 92) -> bytes:
    """Return a picture as the bytes of a JPEG file."""
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def write_things(folder: Path, thing: str, count: int, seed: int = 0) -> list[Path]:
    """Write ``count`` photographs of a thing into ``folder`` and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        path = folder / f"{number}.jpg"
        path.write_bytes(jpeg(photograph(thing, seed + number)))
        paths.append(path)
    return paths


def write_shop(folder: Path, count: int = 14) -> Path:
    """Write a folder of three classes with ``count`` photographs each."""
    for thing in THINGS:
        write_things(folder / thing, thing, count)
    return folder


def blunted(network: bytes) -> bytes:
    """Return the stand-in with its last convolution's weights set to one and the same."""
    interpreter = Interpreter(model_content=network)
    interpreter.allocate_tensors()
    weights = [
        interpreter.get_tensor(tensor["index"])
        for tensor in interpreter.get_tensor_details()
        if len(tensor["shape"]) == 4 and tensor["shape"][0] == 40 and tensor["shape"][1] == 3
    ]
    (raw,) = [weight.tobytes() for weight in weights]
    assert network.count(raw) == 1
    return network.replace(raw, b"\x05" * len(raw))
