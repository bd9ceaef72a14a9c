"""ONNX Runtime in one process: ``python -m … FOLDER MODEL.onnx SIGNATURE.json OUT.csv``."""

from __future__ import annotations

import csv
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

BATCH = 256  # not tuned; its threads are all cores by default


def main(folder: str, model: str, signature: str, out: str) -> None:
    """Score a folder and write path, label, confidence."""
    signed = json.loads(Path(signature).read_text(encoding="utf-8"))
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    paths = sorted(entry.path for entry in os.scandir(folder))
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        pixels = np.stack(list(threads.map(_read, paths)))
    parts = [
        session.run(None, {"pixels": pixels[n : n + BATCH].astype(np.float32)})[0]
        for n in range(0, len(pixels), BATCH)
    ]
    logits = np.concatenate(parts) / signed["temperature"]
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    best, sure = odds.argmax(axis=1), odds.max(axis=1) / odds.sum(axis=1)
    with open(out, "w", newline="", encoding="utf-8") as file:
        rows = zip(paths, best, sure, strict=True)
        csv.writer(file).writerows((p, signed["labels"][one], f"{how:.4f}") for p, one, how in rows)


def _read(path: str) -> NDArray[Any]:
    return np.asarray(cv2.imread(path, cv2.IMREAD_GRAYSCALE), np.uint8)[..., None]


if __name__ == "__main__":
    main(*sys.argv[1:])
