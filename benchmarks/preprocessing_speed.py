"""What decoding and preprocessing cost: microseconds of one core for each image.

    python -m benchmarks.preprocessing_speed [--count 2000] [--rounds 5]

Files are made here from soft noise, so no data set is needed: PNGs of 28 x 28 (already in the data
set's form), enlarged PNGs, and JPEG photographs on a light page. The best round is shown: the
others were disturbed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from scoring.preprocessing.pixels import DecodeLimits, Preprocess
from scoring.preprocessing.registry import find

LIMITS = DecodeLimits(max_pixels=10_000_000, max_bytes=10_000_000)
SMALL = 28
DISTINCT = 20


def encoded(size: int, suffix: str, rng: np.random.Generator) -> bytes:
    """Make one file: a random pattern in a dark 28 x 28 square, enlarged; JPEGs on a light page."""
    noise = rng.integers(0, 256, (6, 6), dtype=np.uint8)
    inner = cv2.resize(noise, (SMALL - 4, SMALL - 4), interpolation=cv2.INTER_CUBIC)
    small = np.pad(inner.astype(np.uint8), 2)
    how = cv2.INTER_CUBIC if suffix == ".jpg" else cv2.INTER_NEAREST
    pixels: NDArray[np.uint8] = cv2.resize(small, (size, size), interpolation=how).astype(np.uint8)
    if suffix == ".jpg":
        pixels = np.pad(245 - pixels // 2, size // 8, constant_values=245)
        pixels = np.dstack([pixels, pixels // 2 + 122, pixels]).astype(np.uint8)
    return cv2.imencode(suffix, pixels)[1].tobytes()


def microseconds(preprocess: Preprocess, files: Sequence[bytes], count: int, rounds: int) -> float:
    """Return the best round's time for one image."""
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        for i in range(count):
            preprocess(files[i % len(files)], (SMALL, SMALL, 1), LIMITS)
        best = min(best, time.perf_counter() - start)
    return best / count * 1e6


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write a table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.preprocessing_speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=2000, help="28 x 28 images (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="(%(default)s)")
    chosen = parser.parse_args(argv)
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    sys.stdout.write(f"{'':16} {'garment 1':>12} {'garment 2':>12}  microseconds\n")
    for size, suffix in ((28, ".png"), (280, ".png"), (761, ".png"), (300, ".jpg"), (900, ".jpg")):
        files = [encoded(size, suffix, rng) for _ in range(DISTINCT)]
        count = max(DISTINCT, chosen.count * SMALL // size)
        both = [microseconds(find("garment", v), files, count, chosen.rounds) for v in (1, 2)]
        sys.stdout.write(f"{size:>6} {suffix:9} {both[0]:12.1f} {both[1]:12.1f}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
