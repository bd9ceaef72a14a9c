"""What the commands share: the flags that name the data, logging, errors to exit codes."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from fashion_model.dataset.description import KNOWN, Crops, DataError, DatasetDescription
from fashion_model.dataset.download import fetch
from fashion_model.dataset.people import PEOPLE_FILE, Fold
from fashion_model.dataset.readers import Decoder, LabelledData, LabelledImages, read_data
from fashion_model.dataset.split import FIRST_FOLD, Split, split_data
from fashion_model.flags import fold
from scoring.inference.bundle import (
    HEAD_FILE,
    REFERENCE_FILE,
    SERVED_FILE,
    SIGNATURE_FILE,
    Bundle,
    BundleError,
    load_bundle,
)
from scoring.preprocessing.decode import DecodeLimits
from scoring.preprocessing.registry import UnknownPreprocessing, find_for
from scoring.protocol.bundle_names import is_backbones_folder
from scoring.protocol.errors import ExitCode, ScoringError, UsageError
from scoring.settings import CODE_ROOT, ClientSettings

logger = logging.getLogger("scoring.fashion_model")
CACHE = Path("data/datasets")
REQUIREMENTS = CODE_ROOT / "requirements.txt"
STOPPED = 130  # as a shell says it: 128 and the number of the signal that Ctrl-C sends
# With fewer, what is right for 99 in 100 is decided by no picture at all, and a single person's
# floor and light by a fifth.
LEAST_PICTURES, LEAST_PEOPLE = 100, 5


class MissingPackages(UsageError):
    """A command needs what serving does not: TensorFlow, Matplotlib, scikit-learn."""

    def __init__(self, names: Sequence[str], requirements: Path = REQUIREMENTS) -> None:
        one = len(names) == 1
        super().__init__(
            f"this command needs {' and '.join(names)}, which {'is' if one else 'are'} not"
            f" installed: {sys.executable} -m pip install -r {requirements}"
        )


def require_packages(*names: str, requirements: Path = REQUIREMENTS) -> None:
    """Raise MissingPackages for what is not installed: before the work and not after it."""
    missing = [name for name in names if not is_installed(name)]
    if missing:
        raise MissingPackages(missing, requirements)


def is_installed(package: str) -> bool:
    """Tell whether a package is there, without loading it."""
    return find_spec(package) is not None


def named_bundle(folder: Path) -> Bundle:
    """Return the bundle that a flag names; raises UsageError where it cannot be used."""
    try:
        return load_bundle(folder)
    except BundleError as error:
        raise UsageError(str(error)) from error


def require_file(path: Path | None, what: str) -> None:
    """Raise UsageError for a flag's file that is not there; ``what`` says what it should be."""
    if path and not path.is_file():
        raise UsageError(f"{path}: there is no such {what}")


def require_folder_to_write(folder: Path, flag: str) -> None:
    """Raise UsageError for a folder that cannot be made because a file is in its place."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not there.is_dir():
        raise UsageError(f"{there}: is a file; {flag} names a folder")


def require_bundle_folder(folder: Path) -> None:
    """Raise UsageError for a folder that no bundle may be written to: before hours of work."""
    require_folder_to_write(folder, "--out")
    if is_backbones_folder(folder):
        raise UsageError(f"{folder}: is where bundles share networks; give --out or --name another")
    if not folder.exists():
        return
    entries = {path.name for path in folder.iterdir()}
    if entries and not entries & {SIGNATURE_FILE, SERVED_FILE, HEAD_FILE, REFERENCE_FILE}:
        raise UsageError(
            f"{folder}: holds other things than a bundle; give --out a folder that is not there yet"
        )


def require_fit(bundle: Bundle, description: DatasetDescription) -> None:
    """Raise UsageError for a bundle that was made for other images or classes than these."""
    require_shape_of(bundle, description)
    if bundle.signature.labels != description.labels:
        raise _misfit(
            bundle, description, f"the classes {', '.join(description.labels)}, not the model's own"
        )


def require_shape_of(bundle: Bundle, description: DatasetDescription) -> None:
    """Raise UsageError for a bundle of other images; nothing of the data need be read for it."""
    have, wanted = description.input.shape, bundle.signature.input.shape
    if have != wanted:
        raise _misfit(bundle, description, f"images of {have}, the model takes {wanted}")


def _misfit(bundle: Bundle, description: DatasetDescription, what: str) -> UsageError:
    return UsageError(f"{bundle.folder}: the data set {description.name} has {what}; name the"
                      " model's own data set with --dataset")  # fmt: skip


def require_calibratable(count: int, people: NDArray[np.int64] | None) -> None:
    """Raise DataError for too few held-out images, or people, to choose thresholds with."""
    if count < LEAST_PICTURES:
        raise DataError(f"only {count} pictures are held out to choose temperature and thresholds"
                        f" with, or to measure with; it takes {LEAST_PICTURES}")  # fmt: skip
    if people is not None and len(np.unique(people)) < LEAST_PEOPLE:
        raise DataError(f"pictures of only {len(np.unique(people))} people are held out to choose"
                        " temperature and thresholds with, or to measure with; it takes those of"
                        f" {LEAST_PEOPLE}, as with --fold K/N and a smaller N")  # fmt: skip


def require_enough_held_out(split: Split) -> None:
    """Raise DataError where a part that a bundle is calibrated or measured with is too small."""
    for part in (split.fit, split.measure):
        require_calibratable(len(part), part.people)


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say which data set, and where it is."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--data",
        type=Path,
        help="folder with IDX files, the Kaggle CSVs or folders named after their classes"
        " (default: download from the data set's official address, once)",
    )
    parser.add_argument(
        "--dataset", choices=sorted(KNOWN), default="fashion", help="which data set that is"
    )
    where.add_argument("--address", help="download from another address than the official one")
    parser.add_argument(
        "--cache", type=Path, default=CACHE, help="where downloads are kept (default: %(default)s)"
    )


def add_fold_option(parser: argparse.ArgumentParser) -> None:
    """Add the flag that says which people's pictures are held out."""
    parser.add_argument(
        "--fold",
        type=fold,
        metavar="K/N",
        help="part K of N to measure with, the next one to choose with, for data that says whose"
        f" pictures they are (default: the bundle's own; {FIRST_FOLD} for a new one)",
    )


def load_data(
    options: argparse.Namespace, wanted: DatasetDescription | None = None
) -> tuple[DatasetDescription, LabelledData]:
    """Return the data set the flags name, downloading it where there is no ``--data``.

    Args:
        wanted: another description than the data set's own, for larger images for instance.

    Raises:
        DataError: no data, or not what was expected.
    """
    description = wanted or KNOWN[options.dataset]
    folder = options.data
    if folder is None:
        folder = options.cache / description.name
        fetch(options.address or description.address, description.md5, folder)
    data = read_data(folder, description, decoder(description))
    return dataclasses.replace(description, labels=data.class_names), data


def load_split(
    options: argparse.Namespace,
    wanted: DatasetDescription | None = None,
    own: Fold | None = None,
) -> tuple[DatasetDescription, Split]:
    """Return the description and the three parts of the training images, as `load_data`.

    Args:
        own: the fold where no ``--fold`` says another.
    """
    description, data = load_data(options, wanted)
    if data.train is None:
        raise DataError(f"{options.data}: has a test split but no training images")
    return description, split_data(
        data.train, wanted_fold(options, data.train) or own or FIRST_FOLD
    )


def larger_split(options: argparse.Namespace, split: Split, own: Fold | None = None) -> Split:
    """Return ``split`` with the images to train with as large as random cut-outs want them."""
    known = KNOWN[options.dataset]
    plan = known.recipe.augmentation
    if not isinstance(plan, Crops):
        return split
    sides = (plan.source_side, plan.source_side, known.input.shape[2])
    large = dataclasses.replace(known, input=structs.replace(known.input, shape=sides))
    _, larger = load_split(options, large, own)
    return dataclasses.replace(split, train=larger.train)


def wanted_fold(options: argparse.Namespace, data: LabelledImages) -> Fold | None:
    """Return what ``--fold`` says; raises UsageError where nobody knows whose pictures they are."""
    chosen: Fold | None = getattr(options, "fold", None)
    if chosen and data.people is None:
        raise UsageError(f"--fold {chosen}: nothing says whose pictures these are ({PEOPLE_FILE});"
                         " leave the flag out")  # fmt: skip
    return chosen


def decode_limits() -> DecodeLimits:
    """Return the limits that the client has for a picture by default."""
    client = ClientSettings()
    return DecodeLimits(max_pixels=client.max_image_pixels, max_bytes=client.max_file_bytes)


def run_command(command: Callable[[argparse.Namespace], None], options: argparse.Namespace) -> int:
    """Run ``command``; return its exit code, with an expected error as one line on stderr."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr
    )
    try:
        command(options)
    except KeyboardInterrupt:
        sys.stderr.write("stopped: give the same command again to go on with what is done\n")
        return STOPPED
    except ModuleNotFoundError as error:
        sys.stderr.write(f"error: {MissingPackages([error.name or str(error)])}\n")
        return int(ExitCode.USAGE)
    except ImportError as error:
        sys.stderr.write(f"error: a package that is installed does not load: {error}\n")
        return int(ExitCode.USAGE)
    except (ScoringError, BundleError, UnknownPreprocessing, OSError) as error:
        sys.stderr.write(f"error: {_told(error)}\n")
        return int(error.exit_code if isinstance(error, ScoringError) else ExitCode.FAILED)
    return int(ExitCode.DONE)


def _told(error: Exception) -> str:
    """Return an error as one line: what Windows or Linux says of a file stands behind its name."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def decoder(description: DatasetDescription) -> Decoder | None:
    """Return what turns picture files into the model's pixels, as the client will later."""
    wanted = description.preprocessing
    try:
        preprocess = find_for(wanted, description.input)
    except UnknownPreprocessing:
        # IDX files and CSVs hold pixels already and need none.
        return None
    limits = decode_limits()
    return lambda data: preprocess(data, description.input.shape, limits).values
