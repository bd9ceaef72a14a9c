"""Turn a trained network into a bundle: ``python -m fashion_model.export --state FILE``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from numpy.typing import NDArray

from fashion_model.checkpoint import load_state
from fashion_model.commands import (
    add_data_options,
    add_fold_option,
    load_split,
    require_bundle_folder,
    require_enough_held_out,
    require_file,
    require_packages,
    run_command,
)
from fashion_model.dataset.description import DataError
from scoring.records.telling import telling_never_fails


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's values."""
    parser = argparse.ArgumentParser(prog="python -m fashion_model.export", description=__doc__)
    add_data_options(parser)
    add_fold_option(parser)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--state", type=Path, nargs="+", help="a training's state file; of several,"
                        " the mean of their weights")  # fmt: skip
    source.add_argument("--model", type=Path, help="a bundle's model.keras")
    parser.add_argument("--out", type=Path, required=True, help="bundle folder")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    """Export the averaged weights of trainings, finished or not, or a reference model."""
    require_packages("tensorflow")
    require_bundle_folder(options.out)
    require_file(options.model, "network; a bundle may come without its own")
    weights = mean_weights(options.state) if options.state else None
    description, split = load_split(options)

    from fashion_model.bundle_writer import export_bundle
    from fashion_model.network import network_of_weights, read_network, require_shape

    if weights:
        network = network_of_weights(weights, description)
    else:
        network = read_network(options.model)
        require_shape(network, description)
    require_enough_held_out(split)
    signature = export_bundle(network, description, split, options.out)
    sys.stdout.write(f"{options.out}: version {signature.version}\n")


def mean_weights(files: Sequence[Path]) -> list[NDArray[Any]]:
    """Return the mean of what trainings came to that began with the same weights.

    Other seeds lead to other places of one valley, and its middle does better with new images
    than they do, at the cost of one (Wortsman et al. 2022, "Model soups", arXiv 2203.05482).

    Raises:
        DataError: a file is missing, is no state, or is of a network of another shape.
    """
    states = [_weights_in(file) for file in files]
    shapes = [[weight.shape for weight in weights] for weights in states]
    for file, shape in zip(files, shapes, strict=True):
        if shape != shapes[0]:
            raise DataError(f"{file}: is of a network of another shape than that in {files[0]}")
    return [np.stack(alike).mean(axis=0, dtype=np.float32) for alike in zip(*states, strict=True)]


def _weights_in(file: Path) -> list[NDArray[Any]]:
    state = load_state(file)
    if state is None:
        raise DataError(f"{file}: there is no such training state")
    return state.arrays["averages"]


@telling_never_fails()
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run_command(run, parse_arguments(arguments))


if __name__ == "__main__":
    sys.exit(main())
