"""What the benchmarks of accuracy share: images that no model was trained on, and a model."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fashion_model.dataset.description import DatasetDescription
from fashion_model.dataset.readers import LabelledImages, read_data
from fashion_model.dataset.split import split_data
from scoring.inference.bundle import load_bundle
from scoring.inference.predictor import Predictor
from scoring.preprocessing.pixels import DecodeLimits

LIMITS = DecodeLimits(max_pixels=10_000_000, max_bytes=10_000_000)
# Of the photographs that are drawn: every way of preprocessing gets the same ones.
SEED = 1


def parser(module: str, what: str | None, bundle: str, count: int) -> argparse.ArgumentParser:
    """Return the command line of a benchmark: where the data are, which model, how many images."""
    made = argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=what,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--data", type=Path, required=True, help="folder of the IDX files")
    made.add_argument("--bundle", type=Path, default=Path(bundle))
    made.add_argument("--count", type=int, default=count, help="images of each kind (%(default)s)")
    return made


def prepare(
    arguments: argparse.Namespace, description: DatasetDescription
) -> tuple[LabelledImages, Predictor]:
    """Return the first held-out images and the model, as the command line names them.

    OpenCV keeps to one thread from now on: what is measured is one core's work.
    """
    cv2.setNumThreads(1)
    train = read_data(arguments.data, description).train
    if train is None:
        raise SystemExit(f"{arguments.data} holds no training images")
    data = split_data(train).measure
    data = data.take(np.arange(min(arguments.count, len(data))))
    return data, Predictor(load_bundle(arguments.bundle))


def percent_right(
    predictor: Predictor, pixels: NDArray[np.uint8], labels: NDArray[np.int64]
) -> float:
    """Predict pixels [N, H·W·C]; return how many of a hundred get their true label."""
    return 100 * float(np.mean(predictor.predict(pixels).class_index == labels))
