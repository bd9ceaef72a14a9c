"""What preprocessing loses when handwritten digits come as photographs of paper.

    python -m benchmarks.preprocessing_digits --data DIR [--bundle models/digits] [--count 500]

Held-out MNIST digits (never trained on) are scored as they are, then drawn in ink on paper at 200
to 500 pixels, photographed (uneven light, noise, JPEG) and scored again through `digit` version 1.
A row per kind of photograph: percent right, and percent flagged for its background.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.held_out import LIMITS, SEED, parser, percent_right, prepare
from fashion_model.dataset.description import DIGITS
from fashion_model.dataset.readers import LabelledImages
from scoring.inference.predictor import Predictor
from scoring.preprocessing.registry import find


@dataclass(frozen=True)
class Paper:
    """How a digit is photographed. Pairs are ranges, shares are of 1."""

    longest: tuple[int, int] = (200, 500)
    margin: tuple[float, float] = (0.05, 0.8)
    shadow: float = 0.35
    noise: float = 3.0
    chalk: bool = False


PAPERS = {
    "even light": Paper(shadow=0, noise=0),
    "uneven light": Paper(),
    "harsh light": Paper(shadow=0.6, noise=8),
    "chalk on board": Paper(chalk=True),
    "small files": Paper(longest=(40, 90)),
    "cut close": Paper(margin=(0, 0.05)),
}


def photograph(digit: NDArray[np.uint8], paper: Paper, rng: np.random.Generator) -> bytes:
    """Draw one (28, 28) digit with sharp ink on lit paper; a colour JPEG."""
    longest = round(float(np.exp(rng.uniform(*np.log(paper.longest)))))
    soft = cv2.resize(digit.astype(np.float32), (longest, longest), interpolation=cv2.INTER_CUBIC)
    cover = np.clip((soft / 255 - 0.4) * 4 + 0.4, 0, 1)
    top, bottom, left, right = (round(longest * m) for m in rng.uniform(*paper.margin, 4))
    cover = np.pad(cover, ((top, bottom), (left, right)))[:, :, None]
    page = rng.uniform(150, 250) + rng.uniform(-8, 8, 3)
    photo = page + (rng.uniform(20, 110, 3) - page) * cover
    corners = 1 - paper.shadow * rng.random((2, 2))
    photo *= cv2.resize(corners, (cover.shape[1], cover.shape[0]))[:, :, None]
    photo += rng.normal(0, paper.noise, cover.shape)
    pixels = np.clip(np.rint(photo), 0, 255).astype(np.uint8)
    shot = 255 - pixels if paper.chalk else pixels
    quality = int(rng.integers(60, 96))
    return cv2.imencode(".jpg", shot, (cv2.IMWRITE_JPEG_QUALITY, quality))[1].tobytes()


def row(name: str, data: LabelledImages, predictor: Predictor) -> str:
    """Photograph, preprocess and predict all digits in one way."""
    rng = np.random.default_rng(SEED)
    files = [photograph(image[:, :, 0], PAPERS[name], rng) for image in data.images]
    pixels = [find("digit", 1)(file, (28, 28, 1), LIMITS) for file in files]
    right = percent_right(predictor, np.stack([p.values for p in pixels]), data.labels)
    flagged = 100 * np.mean([p.review is not None for p in pixels])
    return f"{name:16} {right:8.2f} {flagged:8.2f}"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write a table."""
    line = parser("benchmarks.preprocessing_digits", __doc__, bundle="models/digits", count=500)
    data, predictor = prepare(line.parse_args(argv), DIGITS)
    right = percent_right(predictor, data.rows, data.labels)
    lines = [f"{'':16} {'right':>8} {'flagged':>8}", f"{'originals':16} {right:8.2f}"]
    lines += [row(name, data, predictor) for name in PAPERS]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
