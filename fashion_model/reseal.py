"""Change what a bundle's signature says, without training or data, and give it its new version.

  python -m fashion_model.reseal --preprocessing garment:1
  python -m fashion_model.reseal --bundle models/digits --set thresholds.confidence=0.9
  python -m fashion_model.reseal --set "review.outlier=not a garment?" --set "note=..."

With nothing to change it brings an older signature to the present format. The bundle with its new
signature must load and score a picture before anything is written. Another preprocessing is only
right where both make the same kind of picture. With another temperature the bundle's reference,
which has confidences at the old one, is no longer part of it: ``calibrate`` makes a new one.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import orjson

from fashion_model.calibrate import write_signature
from fashion_model.commands import decode_limits, named_bundle, run_command
from scoring.inference.bundle import Bundle, read_bundle
from scoring.inference.predictor import Predictor
from scoring.preprocessing.registry import find_for
from scoring.protocol.errors import UsageError
from scoring.protocol.signature import REFERENCE_NAME, Signature
from scoring.records.telling import telling_never_fails

TEXTS = (
    "name",
    "purpose",
    "note",
    "input.columns.prefix",
    "review.low_confidence",
    "review.outlier",
)
VALUES = (
    "labels",
    "input.columns.first",
    "temperature",
    "thresholds.confidence",
    "thresholds.outlier_score",
)
# The other entries say what was measured, or what the files are.
CHANGEABLE = (*TEXTS, *VALUES)
Changes = dict[str, Any]


def preprocessing(text: str) -> tuple[str, Any]:
    """Read ``name:version``."""
    name, _, version = text.rpartition(":")
    if not name or not (version.isascii() and version.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not name:version")
    return "preprocessing", {"name": name, "version": int(version)}


def change(text: str) -> tuple[str, Any]:
    """Read ``entry=value``: a text as it stands, a number or a list as JSON."""
    entry, equals, value = text.partition("=")
    if not equals or entry not in CHANGEABLE:
        known = ", ".join(CHANGEABLE)
        raise argparse.ArgumentTypeError(f"{text!r} is not entry=value with an entry of: {known}")
    try:
        return entry, value.encode().decode() if entry in TEXTS else orjson.loads(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{entry}: {value!r} is no value: {error}") from error


def reseal(folder: Path, changes: Changes) -> Signature:
    """Change entries of the bundle in ``folder`` and return its new signature.

    Raises:
        BundleError, SignatureError, UnknownPreprocessing, UsageError: the bundle as it is, or as
        it would be, cannot be served; nothing was written.
        OSError: the signature cannot be written; the old one stands.
    """
    signature = _changed(named_bundle(folder).signature, changes)
    _score_a_picture(read_bundle(folder, signature))
    return write_signature(folder, signature)


def _changed(before: Signature, changes: Changes) -> Signature:
    """Return the signature with each dotted entry changed."""
    document = before.renewed().to_dict()
    for entry, value in changes.items():
        *tables, last = entry.split(".")
        place = document
        for table in tables:
            place = place[table]
        place[last] = value
    if document["temperature"] != before.temperature:
        document["files"].pop(REFERENCE_NAME, None)
    return before.renewed(**document)


def _score_a_picture(bundle: Bundle) -> None:
    """Take a picture through the whole bundle, as the client and the server will."""
    signature = bundle.signature
    preprocess = find_for(signature.preprocessing, signature.input)
    pixels = preprocess(_picture(), signature.input.shape, decode_limits()).values
    predictor = Predictor(bundle, threads=1)
    seen = predictor.predict(np.asarray(pixels, np.uint8).reshape(1, -1))
    predictor.close()
    if not (np.isfinite(seen.probabilities).all() and np.isfinite(seen.outlier_score).all()):
        raise UsageError("the model's answer to a picture is not a finite number")


def _picture() -> bytes:
    page = np.full((90, 80, 3), 245, np.uint8)
    cv2.rectangle(page, (25, 20), (55, 70), (60, 40, 30), -1)
    return cv2.imencode(".png", page)[1].tobytes()


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's values."""
    parser = argparse.ArgumentParser(
        prog="python -m fashion_model.reseal",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--bundle", type=Path, default=Path("fashion_model"), help="(default: %(default)s)"
    )
    parser.add_argument(
        "--preprocessing",
        dest="changes",
        action="append",
        type=preprocessing,
        metavar="NAME:VERSION",
        help="make the model's pixels with this preprocessing",
    )
    parser.add_argument(
        "--set",
        dest="changes",
        action="append",
        type=change,
        metavar="ENTRY=VALUE",
        help=f"change one of: {', '.join(CHANGEABLE)}",
    )
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    """Write the new signature and say its version."""
    signature = reseal(options.bundle, dict(options.changes or ()))
    sys.stdout.write(f"{options.bundle}: version {signature.version}\n")


@telling_never_fails()
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run_command(run, parse_arguments(arguments))


if __name__ == "__main__":
    sys.exit(main())
