"""Write a batch of real pictures: ``python -m fashion_model.batch --count 100 --out DIR``.

They come from the data set's test split where there is one. Pictures from the training images
are fine for trying the nightly run, but the model has seen them: their score says nothing.
"""

from __future__ import annotations

import argparse
import csv
import logging
import sys
from pathlib import Path

import cv2
import numpy as np

from fashion_model.commands import add_data_options, load_data, run_command
from fashion_model.dataset.description import DataError
from fashion_model.dataset.readers import LabelledImages
from fashion_model.flags import whole_number
from scoring.records.telling import telling_never_fails

logger = logging.getLogger("scoring.fashion_model")


def write_batch(
    data: LabelledImages, labels: tuple[str, ...], count: int, out: Path, seed: int
) -> None:
    """Write ``count`` pictures as PNG into ``out``, their true classes into ``out``.labels.csv.

    Raises:
        DataError: fewer pictures than ``count``, or ``out`` is there already.
    """
    if count > len(data):
        raise DataError(f"there are {len(data)} pictures, not {count}")
    if out.exists():
        raise DataError(f"{out}: is there already")
    chosen = np.random.default_rng(seed).permutation(len(data))[:count]
    digits = len(str(count))
    out.mkdir(parents=True)
    with out.with_name(f"{out.name}.labels.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["Image", "Label"])
        for number, index in enumerate(chosen, start=1):
            name = f"{number:0{digits}d}.png"
            image = data.images[index]
            # OpenCV writes blue first; one channel has no order.
            _write_png(out / name, image[:, :, ::-1] if image.shape[2] == 3 else image)
            table.writerow([name, labels[data.labels[index]]])


def _write_png(path: Path, image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    encoded, content = cv2.imencode(".png", image)
    if not encoded:
        raise DataError(f"{path}: cannot be written as PNG")
    path.write_bytes(content.tobytes())


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's values."""
    parser = argparse.ArgumentParser(prog="python -m fashion_model.batch", description=__doc__)
    add_data_options(parser)
    parser.add_argument("--count", type=whole_number(1), default=100, help="(default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    parser.add_argument("--seed", type=whole_number(0), default=0, help="which pictures are drawn")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    """Write the batch, with a warning where the model has seen its pictures."""
    description, data = load_data(options)
    chosen = data.test or data.train
    if chosen is None:
        raise DataError(f"{options.data}: has no pictures")
    write_batch(chosen, description.labels, options.count, options.out, options.seed)
    sys.stdout.write(f"{options.out}: {options.count} pictures\n")
    if data.test is None:
        sys.stderr.write(
            "warning: there is no test split here, these are training images: the model has"
            " seen them, so its score on them says nothing about new pictures\n"
        )


@telling_never_fails()
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run_command(run, parse_arguments(arguments))


if __name__ == "__main__":
    sys.exit(main())
