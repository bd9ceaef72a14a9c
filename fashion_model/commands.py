"""What the commands share: the flags that name the data, logging, errors to exit codes."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from fashion_model.dataset.description import KNOWN, DataError, DatasetDescription
from fashion_model.dataset.download import fetch
from fashion_model.dataset.readers import Decoder, LabelledData, read_data
from fashion_model.dataset.split import FIRST_FOLD, Split, split_data
from fashion_model.flags import fold
from scoring.inference.bundle import (
    HEAD_FILE,
    REFERENCE_FILE,
    SERVED_FILE,
    SIGNATURE_FILE,
    Bundle,
    BundleError,
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


def require_bundle_folder(folder: Path) -> None:
    """Raise UsageError for a folder that no bundle may be written to: before hours of work."""
    if is_backbones_folder(folder):
        raise UsageError(f"{folder}: is where bundles share networks; give --out or --name another")
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UsageError(f"{folder}: is a file; --out names a folder")
    entries = {path.name for path in folder.iterdir()}
    if entries and not entries & {SIGNATURE_FILE, SERVED_FILE, HEAD_FILE, REFERENCE_FILE}:
        raise UsageError(
            f"{folder}: holds other things than a bundle; give --out a folder that is not there yet"
        )


def require_fit(bundle: Bundle, description: DatasetDescription) -> None:
    """Raise UsageError for a bundle that was made for other images or classes than these."""
    signature = bundle.signature
    if signature.input.shape != description.input.shape:
        have, wanted = description.input.shape, signature.input.shape
        what = f"images of {have}, the model takes {wanted}"
    elif signature.labels != description.labels:
        what = f"the classes {', '.join(description.labels)}, not the model's own"
    else:
        return
    raise UsageError(f"{bundle.folder}: the data set {description.name} has {what}; name the"
                     " model's own data set with --dataset")  # fmt: skip


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say which data set, and where it is."""
    parser.add_argument(
        "--data",
        type=Path,
        help="folder with IDX files, the Kaggle CSVs or folders named after their classes"
        " (default: download from the data set's official address, once)",
    )
    parser.add_argument(
        "--dataset", choices=sorted(KNOWN), default="fashion", help="which data set that is"
    )
    parser.add_argument("--address", help="download from another address than the official one")
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
    options: argparse.Namespace, wanted: DatasetDescription | None = None
) -> tuple[DatasetDescription, Split]:
    """Return the description and the three parts of the training images, as `load_data`."""
    description, data = load_data(options, wanted)
    if data.train is None:
        raise DataError(f"{options.data}: has a test split but no training images")
    return description, split_data(data.train, getattr(options, "fold", None) or FIRST_FOLD)


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
        sys.stderr.write(f"error: {error}\n")
        return int(error.exit_code if isinstance(error, ScoringError) else ExitCode.FAILED)
    return int(ExitCode.DONE)


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
