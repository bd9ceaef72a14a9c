"""Pictures for the model card: training curve, confusion matrix, reliability diagram."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fashion_model.metrics import CALIBRATION_BINS

DOTS_PER_INCH = 100


def draw_training_curve(history: Sequence[dict[str, float]], path: Path) -> None:
    """Draw loss and accuracy by step, of training and held-out images."""
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4))
    steps = [entry["step"] for entry in history]
    for name, text in (("", "training (augmented)"), ("held_out_", "held out")):
        left.plot(steps, [entry[f"{name}loss"] for entry in history], label=text)
        right.plot(steps, [100 * entry[f"{name}accuracy"] for entry in history], label=text)
    left.set(xlabel="step", ylabel="cross-entropy (nats)", yscale="log")
    right.set(xlabel="step", ylabel="accuracy (%)")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend()
    _save(figure, path)


def draw_confusion_matrix(counts: NDArray[np.int64], labels: Sequence[str], path: Path) -> None:
    """Draw ``counts`` [K, K], rows the true classes."""
    figure, axes = pyplot.subplots(figsize=(8, 7))
    axes.imshow(np.log1p(counts), cmap="Blues")
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    for row, column in np.ndindex(counts.shape):
        dark = np.log1p(counts[row, column]) > np.log1p(counts.max()) / 2
        axes.text(column, row, str(counts[row, column]), ha="center", va="center",
                  color="white" if dark else "black")  # fmt: skip
    _save(figure, path)


def draw_reliability_diagram(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], path: Path
) -> None:
    """Draw accuracy against calibrated confidence [N] in equal-width bins."""
    figure, axes = pyplot.subplots(figsize=(5, 5))
    place = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    for bin_number in np.unique(place):
        inside = place == bin_number
        axes.bar(
            (bin_number + 0.5) / CALIBRATION_BINS,
            right[inside].mean(),
            0.9 / CALIBRATION_BINS,
            color="tab:blue",
        )
        axes.text((bin_number + 0.5) / CALIBRATION_BINS, 0.02, str(inside.sum()),
                  rotation=90, ha="center", va="bottom", fontsize=8)  # fmt: skip
    axes.plot([0, 1], [0, 1], "k--", linewidth=1)
    axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, dpi=DOTS_PER_INCH)
    pyplot.close(figure)
