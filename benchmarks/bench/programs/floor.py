"""The least that decode and arithmetic allow: a plain script on all cores, nothing else done.

    python -m benchmarks.bench.programs.floor FOLDER BUNDLE OUT.csv

A 28×28 PNG is decoded by the same call as the software's and is the model's input as it is. Of any
other picture the software's preprocessing makes the pixels, for without it the labels were others:
the same decoder at the same scale, then trimming and resizing. The network is the bundle's own, an
interpreter for each core; its head is one product of matrices. Nothing is checked, kept or sent.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Found = list[tuple[str, int, float]]

# Images an interpreter takes at once, by the measurements of scoring/inference/predictor.py.
SMALL_ROWS, LARGE_ROWS = 16, 2
SMALL_BYTES = 784


def main(folder: str, bundle: str, out: str) -> None:
    """Score a folder and write path, label, confidence."""
    cv2.setNumThreads(1)
    model = Model(Path(bundle))
    paths = sorted(entry.path for entry in os.scandir(folder))
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    blocks = [paths[start : start + model.rows] for start in range(0, len(paths), model.rows)]
    with ThreadPoolExecutor(cores) as threads:
        done = list(threads.map(model.score, [blocks[core::cores] for core in range(cores)]))
    with open(out, "w", newline="", encoding="utf-8") as file:
        for found in done:
            rows = ((path, model.labels[best], f"{sure:.4f}") for path, best, sure in found)
            csv.writer(file).writerows(rows)


class Model:
    """A bundle's files, read without a check of them."""

    def __init__(self, folder: Path) -> None:
        """Read the signature, the network (its own or the one it shares) and the head."""
        signed = json.loads((folder / "signature.json").read_text(encoding="utf-8"))
        self.labels: list[str] = signed["labels"]
        self.shape = tuple(signed["input"]["shape"])
        self.rows = SMALL_ROWS if np.prod(self.shape) <= SMALL_BYTES else LARGE_ROWS
        self._temperature = signed["temperature"]
        self._preprocessing = signed["preprocessing"]["name"]
        own = folder / "model.tflite"
        shared = folder.parent / "backbones" / f"{signed['files']['model.tflite']}.tflite"
        self._network = (own if own.exists() else shared).read_bytes()
        with np.load(folder / "head.npz") as head:
            self._kernel, self._bias = head["kernel"], head["bias"]

    def score(self, blocks: list[list[str]]) -> Found:
        """Return path, class and confidence of the images of some blocks."""
        interpreter = Interpreter(model_content=self._network, num_threads=1)
        source = interpreter.get_input_details()[0]["index"]
        interpreter.resize_tensor_input(source, (self.rows, *self.shape))
        interpreter.allocate_tensors()
        target = interpreter.get_output_details()[0]["index"]
        decode, pixels = self._decoder(), np.zeros((self.rows, *self.shape), np.uint8)
        found: Found = []
        for paths in blocks:
            for place, path in enumerate(paths):
                pixels[place] = decode(path).reshape(self.shape)
            interpreter.set_tensor(source, pixels)
            interpreter.invoke()
            features = interpreter.get_tensor(target)[: len(paths)]
            logits = (features @ self._kernel + self._bias) / self._temperature
            odds = np.exp(logits - logits.max(axis=1, keepdims=True))
            sure = odds.max(axis=1) / odds.sum(axis=1)
            found += zip(paths, odds.argmax(axis=1).tolist(), sure.tolist(), strict=True)
        return found

    def _decoder(self) -> Callable[[str], Pixels]:
        """Return what makes the model's pixels of a file."""
        whole: list[Callable[[str], Pixels]] = []

        def decode(path: str) -> Pixels:
            if path.endswith(".png"):
                with open(path, "rb") as file:
                    image = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_UNCHANGED)
                if image is not None and image.shape == self.shape[:2]:
                    return np.asarray(image, np.uint8)
            whole[:] = whole or [_preprocessing(self._preprocessing, self.shape)]
            return whole[0](path)

        return decode


def _preprocessing(name: str, shape: tuple[int, ...]) -> Callable[[str], Pixels]:
    # Imported where it is needed only: it would cost the small PNGs a fifth of their time.
    from scoring.preprocessing.photo import PaddedPhoto
    from scoring.preprocessing.pixels import DecodeLimits
    from scoring.preprocessing.product_photo import ProductPhoto

    preprocess = ProductPhoto() if name == "garment" else PaddedPhoto()
    height, width, channels = shape
    limits = DecodeLimits(10**9, 10**9)
    sides = (height, width, channels)
    return lambda path: preprocess(Path(path).read_bytes(), sides, limits).values


if __name__ == "__main__":
    main(*sys.argv[1:])
