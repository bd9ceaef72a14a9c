"""Keras as most would use it: decode, one array, ``keras.Model.predict``, a CSV.

    python -m benchmarks.bench.programs.keras_in_process FOLDER MODEL.keras SIGNATURE.json OUT.csv

Runs where TensorFlow is: it knows nothing of this software but the order of the labels.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path

BATCH = 256  # not tuned


def main(folder: str, model_file: str, signature: str, out: str) -> None:
    """Score a folder and write path, label, confidence."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import cv2
    import keras
    import numpy as np

    signed = json.loads(Path(signature).read_text())
    labels, temperature = signed["labels"], signed["temperature"]
    names = sorted(os.listdir(folder))
    read = [cv2.imread(f"{folder}/{name}", cv2.IMREAD_GRAYSCALE) for name in names]
    pixels = np.stack([np.asarray(one) for one in read])
    model = keras.models.load_model(model_file, compile=False)
    # The array as bytes: the network's first layer makes floats of them.
    logits = model.predict(pixels[..., None], batch_size=BATCH, verbose=0) / temperature
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    best, sure = odds.argmax(axis=1), odds.max(axis=1) / odds.sum(axis=1)
    with open(out, "w", newline="", encoding="utf-8") as file:
        rows = zip(names, best, sure, strict=True)
        csv.writer(file).writerows((name, labels[one], f"{how:.4f}") for name, one, how in rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
