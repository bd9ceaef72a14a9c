"""From reviews to a sealed candidate: learn a head, calibrate it anew, write the bundle."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from msgspec.structs import asdict, replace
from numpy.typing import NDArray

from fashion_model.bundle_files import share_backbone, write_head
from fashion_model.calibrate import (
    FOLD,
    FOLDS,
    choose,
    fit_temperature,
    reference_entry,
    write_signature,
)
from fashion_model.dataset.description import KNOWN, DataError
from fashion_model.held_out import reference_of, with_reference
from fashion_model.kept_features import CHOSEN_WITH, LEARNT, MEASURED, KeptFeatures, write_features
from fashion_model.linear_head import LinearHead
from fashion_model.metrics import expected_calibration_error
from fashion_model.retraining.learning import Examples, Relearnt, relearn
from fashion_model.retraining.reviewed import ReviewedPictures, bounded, evenly_drawn
from fashion_model.retraining.serving import Facts, write_facts
from scoring.inference.bundle import (
    FEATURES_FILE,
    HEAD_FILE,
    SERVED_FILE,
    Bundle,
    BundleError,
    Head,
    load_bundle,
)
from scoring.inference.head import FloatHead, softmax
from scoring.inference.predictor import Predictor
from scoring.preprocessing.image_statistics import ImageStatistics
from scoring.protocol.reference import Reference
from scoring.protocol.signature import Thresholds

Floats = NDArray[np.float64]
Features = NDArray[np.float32]


@dataclass(frozen=True)
class Material:
    """What a candidate is made of: the bundle that serves, its features, reviews and theirs.

    ``allowed`` is the share of held-out pictures that the gate lets it lose.
    """

    base: Bundle
    kept: KeptFeatures
    reviewed: ReviewedPictures
    features: Features
    allowed: float


def make_candidate(material: Material, home: Path, now: datetime) -> Bundle:
    """Write a candidate below ``home`` and return it; it is loaded and tried before.

    Raises:
        DataError: there is nothing to learn from.
        BundleError: it could not be served; nothing is left of it.
        OSError: it cannot be written.
    """
    base = material.base
    learnt = to_learn(material)
    found = _learn(material, learnt)
    head = replace(
        base.head,
        kernel=found.head.kernel.astype(np.float32),
        bias=found.head.bias.astype(np.float32),
    )
    with part_of(home) as part:
        share_backbone(part, base.model)
        relative = bool(head.relative)
        write_head(part, head.kernel, head.bias, head.whitening, head.class_means, relative)
        files = {
            SERVED_FILE: base.signature.files[SERVED_FILE],
            HEAD_FILE: hashlib.sha256((part / HEAD_FILE).read_bytes()).hexdigest(),
        }
        seal_candidate(part, material, head, files)
        return put_in_place(part, home, facts_of(material, learnt, now, caution=found.caution))


def to_learn(material: Material) -> NDArray[np.bool_]:
    """Return which reviewed pictures are learnt from, bool [N]; raises DataError for none."""
    reviewed = material.reviewed
    learnt = ~reviewed.held_out & reviewed.has_class
    if not learnt.any():
        name = material.base.signature.name
        raise DataError(f"{name}: nobody has reviewed a picture to learn from yet")
    return np.asarray(learnt, np.bool_)


def facts_of(
    material: Material,
    learnt: NDArray[np.bool_],
    now: datetime,
    caution: float = 0.0,
    steps: int = 0,
) -> Facts:
    """Return what is to be known of a candidate that has learnt from those reviewed pictures."""
    reviewed = material.reviewed
    return Facts(
        name=material.base.signature.name,
        base=material.base.signature.version,
        made_at=now.astimezone(UTC).isoformat(timespec="microseconds"),
        learnt=[reviewed.hashes[place] for place in np.flatnonzero(learnt)],
        caution=caution,
        left_out=reviewed.left_out,
        steps=steps,
    )


def _learn(material: Material, learnt: NDArray[np.bool_]) -> Relearnt:
    base, kept, reviewed = material.base, material.kept, material.reviewed
    old = LinearHead(base.head.kernel.astype(np.float64), base.head.bias.astype(np.float64))
    examples = Examples(
        material.features[learnt],
        reviewed.labels[learnt],
        bounded(reviewed.weights[learnt]),
        reviewed.groups[learnt],
    )
    anchors = kept.of(LEARNT).features
    return relearn(old, anchors, examples, kept.of(CHOSEN_WITH, MEASURED), material.allowed)


def seal_candidate(part: Path, material: Material, head: Head, files: Mapping[str, str]) -> None:
    """Calibrate ``head`` anew; write features, reference and signature beside it.

    ``material`` has the features that the head is for; ``files``: the hashes of what lies there.
    """
    base, kept = material.base, material.kept
    temperature, thresholds = _calibrated(material, head)
    files = {**files, FEATURES_FILE: write_features(kept, part)}
    measured = kept.of(MEASURED)
    logits, scores = FloatHead(head).apply(measured.features)
    probabilities = softmax(logits / temperature)
    statistics = ImageStatistics(*measured.statistics.astype(np.float64).T)
    reference = reference_of(
        measured.labels, probabilities, scores, statistics, thresholds, measured.known_people
    )
    before = base.signature.figures
    folds = {name: before[name] for name in (FOLD, FOLDS) if name in before}
    signature = base.signature.renewed(
        temperature=temperature,
        thresholds=asdict(thresholds),
        reference=reference_entry(probabilities, scores, statistics),
        figures={**figures_of(reference, thresholds), **folds},
        created=datetime.now(UTC).date().isoformat(),
        files=files,
    )
    write_signature(part, with_reference(part, signature, reference))


def _calibrated(material: Material, head: Head) -> tuple[float, Thresholds]:
    """Fit temperature and thresholds to what is held out for choosing, and to reviews held out."""
    kept, reviewed = material.kept.of(CHOSEN_WITH), material.reviewed
    drawn = _as_often_as_they_count(reviewed)
    features = np.concatenate([kept.features, material.features[drawn]])
    labels = np.concatenate([kept.labels, reviewed.labels[drawn]])
    people = kept.known_people
    if people is not None:  # a near-copy's group stands for a person that nobody knows
        people = np.concatenate([people, people.max() + 1 + reviewed.groups[drawn]])
    logits, scores = FloatHead(head).apply(features)
    known = KNOWN.get(material.base.signature.name)
    if known and known.input == material.base.signature.input:
        return choose(logits, scores, labels, people, known.goals)
    from fashion_model.teaching.sureness import choose_review

    temperature = fit_temperature(logits, labels)
    groups = np.arange(len(labels)) if people is None else people
    return temperature, choose_review(logits, scores, labels, groups, temperature)[0]


def _as_often_as_they_count(reviewed: ReviewedPictures) -> NDArray[np.int64]:
    """Return places of held-out reviews, as many as there are, each as often as it stands for."""
    places = np.flatnonzero(reviewed.held_out & reviewed.has_class)
    return places[evenly_drawn(reviewed.weights[places], len(places))]


def figures_of(reference: Reference, thresholds: Thresholds) -> dict[str, float]:
    """Return a signature's figures: shares of 0-1."""
    right, kept = reference.right, ~reference.flagged
    confidence = reference.confidence.astype(np.float64)
    return {
        "measured_images": float(len(reference)),
        "accuracy": float(right.mean()),
        "calibration_error": expected_calibration_error(confidence, right),
        "unflagged_share": float(kept.mean()),
        "unflagged_accuracy": float(right[kept].mean()) if kept.any() else 0.0,
        "called_strange": float((reference.outlier_score > thresholds.outlier_score).mean()),
    }


@contextmanager
def part_of(home: Path) -> Iterator[Path]:
    """Yield a hidden folder that is gone when the block ends, unless it was put in its place."""
    part = home / f".{secrets.token_hex(4)}.part"
    part.mkdir(parents=True)
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def put_in_place(part: Path, home: Path, facts: Facts) -> Bundle:
    """Try a bundle, and give it its name; one of that version is the same, unless it is damaged.

    Raises BundleError for one that could not be served.
    """
    bundle = load_bundle(part)
    Predictor(bundle, threads=1).close()
    write_facts(part, facts)
    folder = home / bundle.signature.version
    with suppress(BundleError):
        return load_bundle(folder)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(part, folder)
    return load_bundle(folder)
