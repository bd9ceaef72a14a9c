"""What a bundle's network makes of pictures, kept beside it: for a new head without the pictures.

All pictures that were held out, and some of those that were learnt from. Only training reads them;
the server never does. A network that ends in integers has few levels, of which a byte says which.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_model.dataset.description import KNOWN, DataError
from fashion_model.dataset.readers import LabelledImages
from fashion_model.dataset.split import Split
from fashion_model.dataset.spread import spread_places
from scoring.inference.bundle import FEATURES_FILE, Bundle
from scoring.inference.predictor import Predictor
from scoring.preprocessing.image_statistics import image_statistics
from scoring.protocol.commands import command
from scoring.protocol.reference import NOT_ARRAYS
from scoring.records.atomic_file import replacing

# What a picture was used for: to learn, to choose temperature and thresholds, to measure.
LEARNT, CHOSEN_WITH, MEASURED = 0, 1, 2
PARTS = (LEARNT, CHOSEN_WITH, MEASURED)
LEVELS = 256
NOBODY = -1


@dataclass(frozen=True)
class KeptFeatures:
    """Features float32 [N, F] of N pictures, with what is known of them.

    ``labels`` int64 [N], ``people`` int64 [N] (-1: nobody knows), ``parts`` uint8 [N],
    ``statistics`` float32 [N, 3]: brightness, contrast and foreground.
    ``held_out`` is the SHA-256 of the pixels that were not learnt from: the same rows of two
    bundles are of the same pictures where it is the same.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    people: NDArray[np.int64]
    parts: NDArray[np.uint8]
    statistics: NDArray[np.float32]
    held_out: str

    def __len__(self) -> int:
        return len(self.labels)

    def of(self, *parts: int) -> KeptFeatures:
        """Return the pictures of some parts."""
        return self.take(np.flatnonzero(np.isin(self.parts, parts)))

    def take(self, places: NDArray[np.int64]) -> KeptFeatures:
        """Return the pictures at ``places``."""
        return KeptFeatures(
            self.features[places],
            self.labels[places],
            self.people[places],
            self.parts[places],
            self.statistics[places],
            self.held_out,
        )

    @property
    def known_people(self) -> NDArray[np.int64] | None:
        """Return whose pictures they are, None where nobody knows of some."""
        return None if (self.people == NOBODY).any() else self.people


def features_of_split(bundle: Bundle, split: Split, learnt: int) -> KeptFeatures:
    """Return the features of all pictures of ``split`` that are held out, and ``learnt`` others."""
    sample = split.train.take(spread_places(split.train, learnt))
    parts = (sample, split.fit, split.measure)
    predictor = Predictor(bundle)
    features = np.concatenate([predictor.features(part.rows) for part in parts])
    predictor.close()
    return KeptFeatures(
        features=features,
        labels=np.concatenate([part.labels for part in parts]),
        people=np.concatenate([_people(part) for part in parts]),
        parts=np.repeat(np.array(PARTS, np.uint8), [len(part) for part in parts]),
        statistics=np.concatenate([_statistics(part) for part in parts]),
        held_out=held_out_digest(split),
    )


def held_out_digest(split: Split) -> str:
    """Return which pictures are not learnt from: the SHA-256 of their pixels."""
    digest = hashlib.sha256()
    for part in (split.fit, split.measure):
        digest.update(part.rows.tobytes())
    return digest.hexdigest()


def _people(images: LabelledImages) -> NDArray[np.int64]:
    return np.full(len(images), NOBODY) if images.people is None else images.people


def _statistics(images: LabelledImages) -> NDArray[np.float32]:
    # As they are written, so that what is kept is what was made.
    return np.stack(image_statistics(images.rows), axis=1).astype(np.float16).astype(np.float32)


def write_features(kept: KeptFeatures, folder: Path) -> str:
    """Write them beside a bundle and return the file's SHA-256; raises OSError."""
    content = to_bytes(kept)
    with replacing(folder / FEATURES_FILE) as part:
        part.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def read_features(folder: Path, bundle: Bundle) -> KeptFeatures:
    """Return what lies beside a bundle in ``folder``, as its signature has it.

    Raises:
        DataError: there is none, or another than the signature says.
    """
    path = folder / FEATURES_FILE
    digest = bundle.signature.files.get(FEATURES_FILE)
    if digest is None:
        raise DataError(
            f"{folder}: brings no {FEATURES_FILE}, without which nothing can be held against it;"
            f" {_how_to_make_it(bundle.signature.name)}"
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise DataError(f"{path}: is not the file that the signature was written for")
    return _checked(path, content, bundle)


def _how_to_make_it(name: str) -> str:
    """Return where they come from: of a data set only some pictures are learnt from."""
    if name in KNOWN:
        return f"make it with {command('fashion_model.keep_features')}"
    return (
        "what was taught learns from corrected pictures in its classes' folders: put them there,"
        f" and give {command('fashion_model.teach')} again"
    )


def to_bytes(kept: KeptFeatures) -> bytes:
    """Return them as an npz file, the same bytes for the same features."""
    levels = np.unique(kept.features)
    few = len(levels) <= LEVELS
    arrays: dict[str, Any] = {
        "levels": levels if few else np.empty(0, np.float32),
        # A feature's values beside one another: they are alike, so that they pack better.
        "features": _places(kept.features, levels).T if few else kept.features.T,
        "labels": kept.labels.astype(np.uint16),
        "people": kept.people.astype(np.int32),
        "parts": kept.parts,
        "statistics": kept.statistics.astype(np.float16),
        "held_out": np.array([kept.held_out]),
    }
    file = io.BytesIO()
    whole: dict[str, Any] = {name: np.ascontiguousarray(one) for name, one in arrays.items()}
    np.savez_compressed(file, **whole)
    return file.getvalue()


def _places(features: NDArray[np.float32], levels: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.searchsorted(levels, features).astype(np.uint8)


def _checked(path: Path, content: bytes, bundle: Bundle) -> KeptFeatures:
    try:
        kept = _from_bytes(content)
    except NOT_ARRAYS as error:
        raise DataError(f"{path}: holds no features: {error}") from error
    width, classes = bundle.head.kernel.shape
    whole = kept.features.shape == (len(kept), width) and np.isfinite(kept.features).all()
    if not whole or not len(kept) or kept.labels.max() >= classes:
        raise DataError(f"{path}: holds no features of this bundle's network and classes")
    return kept


def _from_bytes(content: bytes) -> KeptFeatures:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        levels, features = arrays["levels"], arrays["features"].T
        return KeptFeatures(
            features=np.ascontiguousarray(levels[features] if len(levels) else features),
            labels=arrays["labels"].astype(np.int64),
            people=arrays["people"].astype(np.int64),
            parts=arrays["parts"].astype(np.uint8),
            statistics=arrays["statistics"].astype(np.float32),
            held_out=str(arrays["held_out"][0]),
        )
