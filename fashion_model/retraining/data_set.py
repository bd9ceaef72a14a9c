"""The data set that a model was trained on, cut as it was then: to tune the network itself with."""

from __future__ import annotations

import argparse
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from fashion_model.calibrate import measured_fold
from fashion_model.commands import larger_split, load_split, require_fit, require_shape_of
from fashion_model.dataset.description import KNOWN, DataError, DatasetDescription
from fashion_model.dataset.split import Split
from fashion_model.kept_features import KeptFeatures, held_out_digest
from fashion_model.retraining.serving import candidates
from scoring.inference.bundle import (
    REFERENCE_FILE,
    SERVED_FILE,
    Bundle,
    BundleError,
    load_bundle,
)
from scoring.protocol.bundle_names import find_bundle
from scoring.protocol.commands import command
from scoring.protocol.errors import UsageError
from scoring.protocol.promoted import retrained_folder
from scoring.settings import Settings


@dataclass(frozen=True)
class DataSet:
    """A data set with its description in the words of the model.

    ``larger`` is ``split`` with the images to train with as large as the recipe wants them.
    """

    description: DatasetDescription
    split: Split
    larger: Split


def read_data_set(options: argparse.Namespace, base: Bundle, kept: KeptFeatures) -> DataSet:
    """Return the data set that ``base`` was trained on; ``kept`` are its features.

    Raises:
        UsageError: nobody knows which one it is, or it is of another kind.
        DataError: it is not there, or has other pictures held out: none of those may be learnt
            from.
    """
    own = base.signature
    name = options.dataset or own.name
    if name not in KNOWN:
        raise UsageError(
            f"{name}: nothing says which data set this model was trained on: name it with"
            f" --dataset ({', '.join(sorted(KNOWN))}); what was taught is tuned with"
            f" {command('fashion_model.teach')} --deep"
        )
    options = argparse.Namespace(**{**vars(options), "dataset": name})
    require_shape_of(base, KNOWN[name])
    fold = measured_fold(own)
    description, split = load_split(options, own=fold)
    require_fit(base, description)
    if held_out_digest(split) != kept.held_out:
        raise DataError(
            f"{options.data or options.cache}: is not what {own.name} was trained on, or has other"
            " pictures held out; name the folder that it was trained from with --data"
        )
    described = replace(
        description, name=own.name, purpose=own.purpose, note=own.note, review=own.review
    )
    return DataSet(described, split, larger_split(options, split, fold))


def float_network(settings: Settings, base: Bundle) -> Path:
    """Return the float network that a bundle's integer one was made from, whoever has it.

    A bundle with a new head alone brings none. Raises DataError where none does.
    """
    name = base.signature.name
    folders = [retrained_folder(settings, version) for version, _ in candidates(settings, name)]
    for folder in (find_bundle(settings, name), *folders):
        with suppress(BundleError):
            bundle = load_bundle(folder)
            same = bundle.signature.files[SERVED_FILE] == base.signature.files[SERVED_FILE]
            if bundle.reference and same:
                return bundle.reference
    raise DataError(
        f"{base.folder}: there is no {REFERENCE_FILE} to go on from: bring it from where the model"
        f" was trained, or train one with {command('fashion_model.train')}"
    )
