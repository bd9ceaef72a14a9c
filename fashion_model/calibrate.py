"""Fit temperature and thresholds of a bundle, and note what it sees on held-out data.

Everything is fitted on the integer model as served, on the ``fit`` part of the split; the
figures come from the ``measure`` part, which nothing was fitted to or chosen with.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from fashion_model.commands import (
    add_data_options,
    add_fold_option,
    load_split,
    named_bundle,
    require_enough_held_out,
    require_fit,
    require_shape_of,
    run_command,
)
from fashion_model.dataset.description import KNOWN, Goals
from fashion_model.dataset.people import Fold
from fashion_model.dataset.readers import LabelledImages
from fashion_model.dataset.split import Split
from fashion_model.held_out import reference_of, with_reference
from fashion_model.metrics import (
    confidence_threshold,
    expected_calibration_error,
    threshold_by_person,
)
from fashion_model.photographs.coarse import coarse_copies, watch_for
from scoring.inference.bundle import SIGNATURE_FILE, Bundle, load_bundle
from scoring.inference.head import FloatHead, root_features, softmax
from scoring.inference.predictor import Predictor
from scoring.preprocessing.image_statistics import ImageStatistics, image_statistics
from scoring.protocol.signature import Signature, Thresholds, dump_signature
from scoring.records.atomic_file import replacing
from scoring.records.telling import telling_never_fails

logger = logging.getLogger("scoring.fashion_model")

OUTLIER_IMAGES = 20_000
COARSE_IMAGES = 500
# Added to the covariance's eigenvalues, as a share of their mean: features that are almost
# constant would otherwise dominate the distance.
SHRINKAGE = 0.05
# What the signature's figures call the people that were measured with.
FOLD, FOLDS = "fold", "folds"
TEMPERATURE_RANGE = (0.05, 20.0)
DEFAULT_GOALS = Goals()


def fit_temperature(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return the temperature that maximises the likelihood of ``labels`` [N], logits [N, K].

    Source: Guo et al. 2017, arXiv 1706.04599. The loss is convex in 1/T: golden sections.
    """
    low, high = (1.0 / bound for bound in reversed(TEMPERATURE_RANGE))
    ratio = (np.sqrt(5.0) - 1.0) / 2.0
    while high - low > 1e-6:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if cross_entropy(logits * left, labels) < cross_entropy(logits * right, labels):
            high = right
        else:
            low = left
    return float(2.0 / (low + high))


def fit_outlier_model(
    bundle: Bundle, data: LabelledImages
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return whitening [F, F] and whitened class means [K, F] of the features' square roots.

    Where the bundle's head is a relative one, of those of their shares, and with one axis more
    that tells coarse pictures.

    Source: Lee et al. 2018, arXiv 1807.03888: one covariance shared by all classes.
    """
    chosen = np.random.default_rng(0).permutation(len(data))[:OUTLIER_IMAGES]
    sample = data.take(chosen)
    features = _root_features(bundle, sample)
    classes = range(len(bundle.signature.labels))
    means = np.stack([features[sample.labels == k].mean(axis=0) for k in classes])
    residuals = features - means[sample.labels]
    values, vectors = np.linalg.eigh(residuals.T @ residuals / len(residuals))
    whitening = vectors / np.sqrt(values + SHRINKAGE * values.mean())
    if not bundle.head.relative:
        return whitening, means @ whitening
    few = sample.take(np.arange(min(COARSE_IMAGES, len(sample))))
    copies = dataclasses.replace(few, images=coarse_copies(few.images, np.random.default_rng(0)))
    coarse = _root_features(bundle, copies)
    return watch_for(coarse, features, whitening, means @ whitening, sample.labels)


def _root_features(bundle: Bundle, data: LabelledImages) -> NDArray[np.float64]:
    return root_features(_features(bundle, data).astype(np.float64), bool(bundle.head.relative))


def calibrate_bundle(
    bundle: Bundle,
    split: Split,
    goals: Goals = DEFAULT_GOALS,
    chosen: tuple[float, Thresholds] | None = None,
) -> Signature:
    """Fit ``bundle`` on ``split``, write its new signature and return it.

    ``chosen``: temperature and thresholds that are known to suit; None: those that suit ``split``.
    Figures that are not measured here, those of the reference, stay where they are of the same
    images; with others they are dropped, and that is logged.
    """
    features = _features(bundle, split.fit)
    logits, scores = FloatHead(bundle.head).apply(features)
    temperature, thresholds = chosen or choose(
        logits, scores, split.fit.labels, split.fit.people, goals
    )
    probabilities = softmax(logits / temperature)
    statistics = image_statistics(split.fit.rows)
    signature = bundle.signature.renewed(
        temperature=temperature,
        thresholds=structs.asdict(thresholds),
        reference=reference_entry(probabilities, scores, statistics),
        figures={},
    )
    reference = reference_of(
        split.fit.labels, probabilities, scores, statistics, thresholds, split.fit.people
    )
    signature = with_reference(bundle.folder, signature, reference)
    write_signature(bundle.folder, signature)
    figures = held_out_figures(load_bundle(bundle.folder), split.measure)
    if split.fold:
        figures |= {FOLD: float(split.fold.number), FOLDS: float(split.fold.count)}
    kept = _still_true(bundle.signature.figures, figures)
    return write_signature(bundle.folder, signature.renewed(figures={**figures, **kept}))


def _still_true(before: dict[str, float], measured: dict[str, float]) -> dict[str, float]:
    """Return the figures that were not measured anew and are of the same images.

    Calibration changes no label: as many images with the same accuracy are the same ones.
    """
    others = {name: value for name, value in before.items() if name not in measured}
    if all(before.get(name) == measured[name] for name in ("measured_images", "accuracy")):
        return others
    if others:
        logger.warning("dropped %s: measured on other images", ", ".join(others))
    return {}


def held_out_figures(bundle: Bundle, data: LabelledImages) -> dict[str, float]:
    """Return the served model's figures on ``data``: shares of 0-1."""
    predictor = Predictor(bundle)
    seen = predictor.predict(data.rows)
    predictor.close()
    right = seen.class_index == data.labels
    kept = np.array([reason is None for reason in seen.review])
    strange = seen.outlier_score > bundle.signature.thresholds.outlier_score
    return {
        "measured_images": float(len(data)),
        "accuracy": float(right.mean()),
        "calibration_error": expected_calibration_error(seen.confidence, right),
        "unflagged_share": float(kept.mean()),
        "unflagged_accuracy": float(right[kept].mean()) if kept.any() else 0.0,
        "called_strange": float(strange.mean()),
    }


def cross_entropy(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return the mean cross-entropy (nats) of logits [N, K] with the true classes [N]."""
    top = logits.max(axis=1, keepdims=True)
    total = np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0]
    return float((total - logits[np.arange(len(labels)), labels]).mean())


def _features(bundle: Bundle, data: LabelledImages) -> NDArray[np.float32]:
    predictor = Predictor(bundle)
    features = predictor.features(data.rows)
    predictor.close()
    return features


def choose(
    logits: NDArray[np.float64],
    scores: NDArray[np.float64],
    labels: NDArray[np.int64],
    people: NDArray[np.int64] | None,
    goals: Goals,
) -> tuple[float, Thresholds]:
    """Return the temperature and the thresholds that suit these answers."""
    temperature = fit_temperature(logits, labels)
    probabilities = softmax(logits / temperature)
    return temperature, choose_thresholds(probabilities, scores, labels, people, goals)


def choose_thresholds(
    probabilities: NDArray[np.float64],
    scores: NDArray[np.float64],
    labels: NDArray[np.int64],
    people: NDArray[np.int64] | None,
    goals: Goals,
) -> Thresholds:
    """Return the thresholds that meet ``goals`` on images of ``labels`` [N] by ``people`` [N]."""
    strange = float(np.quantile(scores, 1.0 - goals.strange))
    usual = np.flatnonzero(scores <= strange)
    right = probabilities[usual].argmax(axis=1) == labels[usual]
    confidence = probabilities[usual].max(axis=1)
    if people is None:
        return Thresholds(confidence_threshold(confidence, right, goals.right), strange)
    needed = threshold_by_person(confidence, right, people[usual], goals.right, goals.sureness)
    return Thresholds(needed, strange)


def measured_fold(signature: Signature) -> Fold | None:
    """Return which people's pictures a bundle was measured with, None where that is not noted."""
    figures = signature.figures
    return Fold(int(figures[FOLD]), int(figures[FOLDS])) if FOLD in figures else None


def reference_entry(
    probabilities: NDArray[np.float64], scores: NDArray[np.float64], statistics: ImageStatistics
) -> dict[str, Any]:
    """Return a signature's ``reference``: what was seen in N held-out images."""
    predicted = probabilities.argmax(axis=1)
    shares = np.bincount(predicted, minlength=probabilities.shape[1]) / len(predicted)
    return {
        "count": len(scores),
        "class_shares": shares.tolist(),
        "confidence_deciles": _quantiles(probabilities.max(axis=1), 11),
        "brightness_deciles": _quantiles(statistics.brightness, 11),
        "contrast_deciles": _quantiles(statistics.contrast, 11),
        "foreground_deciles": _quantiles(statistics.foreground, 11),
        "outlier_percentiles": _quantiles(scores, 101),
    }


def _quantiles(values: NDArray[np.float64], count: int) -> list[float]:
    return [float(value) for value in np.quantile(values, np.linspace(0.0, 1.0, count))]


def write_signature(folder: Path, signature: Signature) -> Signature:
    """Write ``signature`` as that of the bundle in ``folder``; the old one stands until then."""
    with replacing(folder / SIGNATURE_FILE) as part:
        part.write_bytes(dump_signature(signature))
    return signature


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's values."""
    parser = argparse.ArgumentParser(prog="python -m fashion_model.calibrate", description=__doc__)
    add_data_options(parser)
    add_fold_option(parser)
    parser.add_argument(
        "--bundle", type=Path, default=Path("fashion_model"), help="(default: %(default)s)"
    )
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    """Calibrate a bundle anew, for instance with other goals."""
    bundle = named_bundle(options.bundle)
    require_shape_of(bundle, KNOWN[options.dataset])
    description, split = load_split(options, own=measured_fold(bundle.signature))
    require_fit(bundle, description)
    require_enough_held_out(split)
    signature = calibrate_bundle(bundle, split, description.goals)
    for name, value in signature.figures.items():
        sys.stdout.write(f"{name} {value:.4f}\n")
    sys.stdout.write(f"{options.bundle}: version {signature.version}\n")


@telling_never_fails()
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run_command(run, parse_arguments(arguments))


if __name__ == "__main__":
    sys.exit(main())
