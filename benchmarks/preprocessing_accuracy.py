"""What preprocessing loses when data-set images come as product photographs.

    python -m benchmarks.preprocessing_accuracy --data DIR [--bundle fashion_model] [--count 1000]

Held-out images (never trained on) are scored as they are, then rendered as colour JPEGs on light
pages (benchmarks/preprocessing_photographs.py) and scored again through garment version 2, once
with JPEGs decoded at reduced scale and once whole. A row per kind of photograph: percent right
with reduced and with whole decoding, percent flagged for its background, CPU milliseconds an image
of both.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.held_out import LIMITS, SEED, parser, percent_right, prepare
from benchmarks.preprocessing_photographs import SCENES, photograph
from fashion_model.dataset.description import FASHION
from fashion_model.dataset.readers import LabelledImages
from scoring.inference.predictor import Predictor
from scoring.preprocessing.pixels import Shape
from scoring.preprocessing.product_photo import ProductPhoto

SHAPE: Shape = (28, 28, 1)


@dataclass(frozen=True)
class Scored:
    """Percent right, percent flagged by preprocessing, CPU milliseconds an image."""

    right: float
    flagged: float
    milliseconds: float


def score(
    files: Sequence[bytes], labels: NDArray[np.int64], way: ProductPhoto, predictor: Predictor
) -> Scored:
    """Preprocess and predict; only preprocessing is timed."""
    start = time.process_time()
    pixels = [way(data, SHAPE, LIMITS) for data in files]
    seconds = time.process_time() - start
    right = percent_right(predictor, np.stack([p.values for p in pixels]), labels)
    flagged = np.mean([p.review is not None for p in pixels])
    return Scored(right, 100 * float(flagged), 1000 * seconds / len(files))


def rows(data: LabelledImages, scenes: Sequence[str], predictor: Predictor) -> list[str]:
    """Score each kind of photograph; one line of text each, and their mean."""
    lines, reduced_all, whole_all = [], [], []
    for name in scenes:
        rng = np.random.default_rng(SEED)
        files = [photograph(image[:, :, 0], SCENES[name], rng) for image in data.images]
        reduced = score(files, data.labels, ProductPhoto(), predictor)
        whole = score(files, data.labels, ProductPhoto(decode_at_least=None), predictor)
        reduced_all.append(reduced.right)
        whole_all.append(whole.right)
        lines.append(
            f"{name:18} {reduced.right:8.2f} {whole.right:8.2f} {reduced.flagged:8.2f} "
            f"{reduced.milliseconds:8.2f} {whole.milliseconds:8.2f}"
        )
    lines.append(f"{'mean':18} {np.mean(reduced_all):8.2f} {np.mean(whole_all):8.2f}")
    return lines


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write a table."""
    line = parser("benchmarks.preprocessing_accuracy", __doc__, bundle="fashion_model", count=1000)
    line.add_argument("--scenes", nargs="+", choices=SCENES, default=list(SCENES))
    arguments = line.parse_args(argv)
    data, predictor = prepare(arguments, FASHION)
    right = percent_right(predictor, data.rows, data.labels)
    lines = [
        f"{'':18} {'reduced':>8} {'whole':>8} {'flagged':>8} {'ms red.':>8} {'ms whole':>8}",
        f"{'originals':18} {right:8.2f} {right:8.2f}",
        *rows(data, arguments.scenes, predictor),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
