"""Say that a bundle takes another preprocessing, without training or data.

``python -m fashion_model.reseal --preprocessing garment:2`` writes the signature anew, and with
it another version. Only right where both preprocessings make the same kind of picture.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fashion_model.commands import run_command
from scoring.inference.bundle import SIGNATURE_FILE, load_bundle
from scoring.protocol.signature import Signature, dump_signature, seal


def preprocessing(text: str) -> dict[str, str | int]:
    """Read ``name:version``."""
    name, _, version = text.rpartition(":")
    if not name or not version.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not name:version")
    return {"name": name, "version": int(version)}


def reseal(folder: Path, wanted: dict[str, str | int]) -> Signature:
    """Give the bundle in ``folder`` another preprocessing and return its new signature."""
    document = load_bundle(folder).signature.to_dict()
    signature = seal({**document, "preprocessing": wanted})
    (folder / SIGNATURE_FILE).write_bytes(dump_signature(signature))
    return signature


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
        "--preprocessing", type=preprocessing, required=True, metavar="NAME:VERSION"
    )
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    """Write the new signature and say its version."""
    signature = reseal(options.bundle, options.preprocessing)
    sys.stdout.write(f"{options.bundle}: version {signature.version}\n")


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run_command(run, parse_arguments(arguments))


if __name__ == "__main__":
    sys.exit(main())
