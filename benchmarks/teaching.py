"""How right a taught bundle is on new people's photographs, by how many it was taught from.

  python -m benchmarks.teaching --data CLOTHING --backbone models/backbones/NAME.tflite

CLOTHING holds class-named folders and people.csv (image,person). For each set of classes and each
size, people are dealt into those whose pictures are learnt from, until there are so many of each
class, and those that are measured with: all the others. What cross-validation claims of the
pictures that were learnt from stands beside what is true of new people's.
"""

from __future__ import annotations

import argparse
import logging
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fashion_model.metrics import expected_calibration_error
from fashion_model.teach import CACHE
from fashion_model.teaching.backbones import Backbone
from fashion_model.teaching.copies import group_pictures, near_copies
from fashion_model.teaching.lesson import Lesson, learn, validate
from fashion_model.teaching.photographs import Photographs, read_photographs
from fashion_model.teaching.sources import find_labelled_files
from scoring.inference.head import FloatHead, softmax

Indices = NDArray[np.int64]
TEN = ("dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt",
       "t-shirt")  # fmt: skip
FOUR = ("blazer", "hoodie", "polo", "undershirt")
# Classes, sizes, and how many pictures of each class are left to measure with at least; the dealing
# is repeated until they are. Of skirts there are 128.
TAUGHT = ((FOUR, (20, 50), 30), (TEN, (20, 50), 30), (TEN, (100,), 10))
DEALINGS = 1_000
COLUMNS = ("classes", "a class", "seed", "claimed", "interval", "true", "of", "ECE", "not flagged",
           "right of it", "strange")  # fmt: skip


@dataclass(frozen=True)
class Row:
    """What was claimed and what is true of a taught bundle; shares of 0-1.

    ``true`` is the mean of the classes, for as many pictures of each were learnt from.
    """

    classes: int
    size: int
    seed: int
    claimed: float
    low: float
    high: float
    true: float
    measured: int
    calibration_error: float
    unflagged: float
    right_unflagged: float
    strange: float

    def cells(self) -> tuple[str, ...]:
        """Return the row as text, percentages with one decimal."""
        shares = [f"{100 * share:.1f}" for share in (self.true, self.calibration_error,
                  self.unflagged, self.right_unflagged, self.strange)]  # fmt: skip
        return (str(self.classes), str(self.size), str(self.seed), f"{100 * self.claimed:.1f}",
                f"{100 * self.low:.1f}-{100 * self.high:.1f}", shares[0], str(self.measured),
                *shares[1:])  # fmt: skip


def deal(photographs: Photographs, size: int, left: int, seed: int) -> tuple[Indices, Indices]:
    """Return the pictures to learn from, ``size`` a class, and all of other people's.

    Raises ValueError where no dealing leaves enough to measure with.
    """
    classes, count = photographs.classes, len(photographs.labels)
    names = [file.group for file in photographs.files]
    people, owners = np.unique(names, return_inverse=True)
    own = np.zeros((len(people), count), np.int64)
    np.add.at(own, (owners, classes), 1)
    random = np.random.default_rng(seed)
    for _ in range(DEALINGS):
        learnt, have = np.zeros(len(people), bool), np.zeros(count, np.int64)
        for person in random.permutation(len(people)):
            if (own[person][have < size] > 0).any():
                learnt[person] = True
                have += own[person]
        if have.min() >= size and (own.sum(axis=0) - have).min() >= left:
            inside = learnt[owners]
            chosen = [
                random.permutation(np.flatnonzero(inside & (classes == k)))[:size]
                for k in range(count)
            ]
            return np.sort(np.concatenate(chosen)), np.flatnonzero(~inside)
    raise ValueError(f"{size} pictures a class do not leave {left} of other people's")


def measure(backbone: Backbone, photographs: Photographs, size: int, left: int, seed: int) -> Row:
    """Teach from ``size`` pictures a class and measure with other people's."""
    learnt, unseen = (photographs.take(part) for part in deal(photographs, size, left, seed))
    groups, _ = group_pictures(learnt, near_copies(learnt))
    lesson = learn(backbone, learnt, groups, validate(learnt, groups))
    return _row(lesson, unseen, size, seed)


def _row(lesson: Lesson, unseen: Photographs, size: int, seed: int) -> Row:
    logits, scores = FloatHead(lesson.head).apply(unseen.features)
    probabilities = softmax(logits / lesson.temperature)
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == unseen.classes
    strange = scores > lesson.thresholds.outlier_score
    kept = ~strange & (confidence >= lesson.thresholds.confidence)
    claimed = lesson.figures()
    return Row(
        classes=len(unseen.labels),
        size=size,
        seed=seed,
        claimed=claimed["accuracy"],
        low=claimed["accuracy_low"],
        high=claimed["accuracy_high"],
        true=float(np.mean([right[unseen.classes == k].mean() for k in range(len(unseen.labels))])),
        measured=len(unseen),
        calibration_error=expected_calibration_error(confidence, right),
        unflagged=float(kept.mean()),
        right_unflagged=float(right[kept].mean()) if kept.any() else 0.0,
        strange=float(strange.mean()),
    )


def read(folder: Path, labels: tuple[str, ...], backbone: Backbone, cache: Path) -> Photographs:
    """Return the photographs of ``labels``; what cannot be read is left out and told."""
    files = [file for file in find_labelled_files(folder).files if file.label in labels]
    photographs, unreadable = read_photographs(files, labels, backbone, cache)
    for one in unreadable:
        sys.stderr.write(f"left out {one.file.path}: {one.why}\n")
    return photographs


def main(arguments: list[str] | None = None) -> int:
    """Print a row for each set of classes, size and seed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.teaching",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, help="class folders and people.csv")
    parser.add_argument("--backbone", type=Path, required=True, help="the frozen network")
    parser.add_argument("--cache", type=Path, default=CACHE, help="features (%(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="dealings of each (%(default)s)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    backbone = Backbone(options.backbone)
    sys.stdout.write(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n")
    for labels, sizes, left in TAUGHT:
        photographs = read(options.data, labels, backbone, options.cache)
        for size in sizes:
            for seed in range(options.seeds):
                row = measure(backbone, photographs, size, left, seed)
                sys.stdout.write(f"| {' | '.join(row.cells())} |\n")
                sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
