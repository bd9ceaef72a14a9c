"""Ray Data with this project's predictor: ``python -m … FOLDER OUT.csv``."""

from __future__ import annotations

import csv
import os
import sys
from typing import Any

import cv2
import numpy as np
import ray

from benchmarks.peers.networks import Int8

ROWS = 512


class Scorer:
    """An actor for each core: reads, decodes and predicts a block of paths."""

    def __init__(self) -> None:
        self.network = Int8(threads=1)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        read = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in batch["item"]]
        rows = np.stack([np.asarray(one, np.uint8).reshape(-1) for one in read])
        found = self.network.of_rows(rows)
        return {"path": batch["item"], **{key: np.asarray(value) for key, value in found.items()}}


def main(folder: str, out: str) -> None:
    """Score a folder and write path, label, confidence."""
    ray.init(include_dashboard=False, logging_level="error")
    cores = os.cpu_count() or 1
    paths = sorted(entry.path for entry in os.scandir(folder))
    whole = ray.data.from_items(paths, override_num_blocks=max(1, min(len(paths) // ROWS, 200)))
    found = whole.map_batches(Scorer, concurrency=cores, batch_size=ROWS)
    with open(out, "w", newline="", encoding="utf-8") as file:
        for row in found.iter_rows():
            csv.writer(file).writerow((row["path"], row["labels"], row["confidences"]))


if __name__ == "__main__":
    main(*sys.argv[1:])
