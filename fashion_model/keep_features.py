"""Keep a bundle's features of its data set beside it, so that a head can be learnt anew later.

  python -m fashion_model.keep_features --dataset fashion --data DIR
  python -m fashion_model.keep_features --bundle models/clothing --dataset clothing --data DIR

All pictures that the bundle's training held out, and ``--learnt`` of those it learnt from. The
bundle gets a new version, for the file is sealed like its others.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fashion_model.calibrate import measured_fold, write_signature
from fashion_model.commands import (
    add_data_options,
    add_fold_option,
    load_split,
    named_bundle,
    require_fit,
    require_shape_of,
    run_command,
)
from fashion_model.dataset.description import KNOWN
from fashion_model.flags import whole_number
from fashion_model.kept_features import features_of_split, write_features
from scoring.inference.bundle import FEATURES_FILE
from scoring.records.telling import telling_never_fails

# What suffices to hold a head where it was: more changes nothing (docs/monitoring.md).
LEARNT = 2_500


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's values."""
    parser = argparse.ArgumentParser(
        prog="python -m fashion_model.keep_features",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_data_options(parser)
    add_fold_option(parser)
    parser.add_argument(
        "--bundle", type=Path, default=Path("fashion_model"), help="(default: %(default)s)"
    )
    parser.add_argument(
        "--learnt", type=whole_number(1), default=LEARNT, help="(default: %(default)s)"
    )
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    """Write the features and the signature that has them."""
    bundle = named_bundle(options.bundle)
    require_shape_of(bundle, KNOWN[options.dataset])
    description, split = load_split(options, own=measured_fold(bundle.signature))
    require_fit(bundle, description)
    kept = features_of_split(bundle, split, options.learnt)
    digest = write_features(kept, bundle.folder)
    files = {**bundle.signature.files, FEATURES_FILE: digest}
    signature = write_signature(bundle.folder, bundle.signature.renewed(files=files))
    size = (bundle.folder / FEATURES_FILE).stat().st_size
    sys.stdout.write(f"{len(kept)} pictures, {size} bytes\n")
    sys.stdout.write(f"{options.bundle}: version {signature.version}\n")


@telling_never_fails()
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run_command(run, parse_arguments(arguments))


if __name__ == "__main__":
    sys.exit(main())
