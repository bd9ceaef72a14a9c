"""Prove what docs/monitoring.md claims: print its tables, on real images nobody trained on.

  python -m fashion_model.prove accuracy --data DIR --digits DIR
  python -m fashion_model.prove drift --data DIR --digits DIR
  python -m fashion_model.prove month --data DIR

The reference that nights are held against is the bundle's own; the nights are drawn from the images
that its figures were measured with, which are none of the reference's.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from fashion_model.calibrate import measured_fold
from fashion_model.commands import (
    add_data_options,
    load_data,
    load_split,
    named_bundle,
    require_fit,
    require_packages,
    run_command,
)
from fashion_model.dataset.description import DataError
from fashion_model.dataset.readers import LabelledImages
from fashion_model.dataset.split import Split
from fashion_model.proof import drift
from fashion_model.proof.nights import outputs_of, shifts, some_turned
from scoring.inference.bundle import Bundle
from scoring.inference.predictor import Predictor
from scoring.protocol.reference import Reference
from scoring.records.telling import telling_never_fails
from scoring.settings import CODE_ROOT

DIGITS = "digits"
TEACHING = CODE_ROOT / "requirements-teach.txt"


def reference_of(bundle: Bundle) -> Reference:
    """Return what the bundle brings; DataError without any."""
    content = bundle.held_out
    if content is None:
        raise DataError(f"{bundle.folder}: brings no reference; calibrate it anew")
    return Reference.from_bytes(content, len(bundle.signature.labels))


def prove_accuracy(options: argparse.Namespace, bundle: Bundle, split: Split) -> Iterator[str]:
    """Yield the tables on estimated accuracy."""
    require_packages("scipy", requirements=TEACHING)
    from fashion_model.proof import accuracy

    data = split.measure
    signature = bundle.signature
    above = signature.thresholds.outlier_score
    judge = accuracy.Judge(reference_of(bundle), len(signature.labels), above)
    predictor = Predictor(bundle)
    clean = outputs_of(predictor, data)
    predictor.close()
    found = [*shifts(bundle, data, _digits(options, bundle)), *some_turned(bundle, data)]
    yield from accuracy.tables(judge, clean, found)


def prove_drift(options: argparse.Namespace, bundle: Bundle, split: Split) -> Iterator[str]:
    """Yield the tables on drift."""
    data, limits = split.measure, bundle.signature.thresholds
    predictor = Predictor(bundle)
    clean = outputs_of(predictor, data)
    predictor.close()
    reference = reference_of(bundle)
    pool = drift.pool_of(reference, clean, data.labels, limits.confidence, limits.outlier_score)
    found = [*shifts(bundle, data, _digits(options, bundle)), *some_turned(bundle, data)]
    yield from drift.tables(pool, found, clean.accuracy)


def prove_month(options: argparse.Namespace, bundle: Bundle, split: Split) -> Iterator[str]:
    """Yield the table on retraining."""
    require_packages("sklearn", "scipy", requirements=TEACHING)
    from fashion_model.proof import month

    yield from month.table(bundle, split)


PARTS: dict[str, Callable[[argparse.Namespace, Bundle, Split], Iterator[str]]] = {
    "accuracy": prove_accuracy,
    "drift": prove_drift,
    "month": prove_month,
}


def _digits(options: argparse.Namespace, bundle: Bundle) -> LabelledImages | None:
    """Return images of digits in the model's form, where ``--digits`` says where they are."""
    if options.digits is None:
        return None
    own = argparse.Namespace(dataset=DIGITS, data=options.digits, address=None, cache=options.cache)
    description, data = load_data(own)
    if description.input.shape != bundle.signature.input.shape or data.train is None:
        raise DataError(f"{options.digits}: no digits in the form of this model's images")
    return data.train


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's values."""
    parser = argparse.ArgumentParser(
        prog="python -m fashion_model.prove",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("part", choices=sorted(PARTS), help="what is to be proved")
    add_data_options(parser)
    parser.add_argument("--digits", type=Path, help="folder with MNIST's files, to be mixed in")
    parser.add_argument(
        "--bundle", type=Path, default=Path("fashion_model"), help="(default: %(default)s)"
    )
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    """Print the tables of one part."""
    bundle = named_bundle(options.bundle)
    description, split = load_split(options, own=measured_fold(bundle.signature))
    require_fit(bundle, description)
    for line in PARTS[options.part](options, bundle, split):
        sys.stdout.write(f"{line}\n")


@telling_never_fails()
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run_command(run, parse_arguments(arguments))


if __name__ == "__main__":
    sys.exit(main())
