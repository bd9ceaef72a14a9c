"""Turn a trained network into a bundle: ``python -m fashion_model.export --state FILE``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from fashion_model.checkpoint import load_state
from fashion_model.commands import (
    add_data_options,
    add_fold_option,
    load_split,
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
    source.add_argument("--state", type=Path, help="a training's state file")
    source.add_argument("--model", type=Path, help="a bundle's model.keras")
    parser.add_argument("--out", type=Path, required=True, help="bundle folder")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    """Export the averaged weights of a training, finished or not, or a reference model."""
    require_packages("tensorflow")
    description, split = load_split(options)
    state = load_state(options.state) if options.state else None
    if options.state and state is None:
        raise DataError(f"{options.state}: there is no such training state")

    from fashion_model.bundle_writer import export_bundle
    from fashion_model.network import network_of_weights, read_network, require_shape

    if state:
        network = network_of_weights(state.arrays["averages"], description)
    else:
        network = read_network(options.model)
        require_shape(network, description)
    signature = export_bundle(network, description, split, options.out)
    sys.stdout.write(f"{options.out}: version {signature.version}\n")


@telling_never_fails()
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run_command(run, parse_arguments(arguments))


if __name__ == "__main__":
    sys.exit(main())
