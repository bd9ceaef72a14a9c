"""Figures over several bundles of one data set, each on the people it has not seen.

  python -m fashion_model.pooled --bundles data/training/fold-* --dataset clothing --data DIR
  python -m fashion_model.pooled --bundles … --into models/clothing

With a bundle for each fold this is cross-validation by person; with several seeds it says what a
seed changes. ``--into`` takes temperature and thresholds for another bundle from all of them: a few
thousand photographs of everybody say more than the few hundred that one training leaves.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fashion_model.calibrate import (
    choose_thresholds,
    fit_temperature,
    measured_fold,
    write_signature,
)
from fashion_model.commands import add_data_options, load_data, require_fit, run_command
from fashion_model.dataset.description import DataError, Goals
from fashion_model.dataset.readers import LabelledImages
from fashion_model.dataset.split import split_data
from fashion_model.evaluate import Figure, people_figures, percent
from fashion_model.metrics import expected_calibration_error
from scoring.inference.bundle import Bundle, load_bundle
from scoring.inference.head import FloatHead, softmax
from scoring.inference.predictor import Predictor
from scoring.records.telling import telling_never_fails

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """What bundles said of photographs of people they had not seen.

    ``logits`` [N, K]; ``probabilities`` [N, K], ``kept`` [N] (not marked) and ``strange`` [N] are
    by each bundle's own temperature and thresholds; ``scores`` [N] of strangeness.
    """

    labels: NDArray[np.int64]
    people: NDArray[np.int64]
    logits: Floats
    probabilities: Floats
    scores: Floats
    kept: NDArray[np.bool_]
    strange: NDArray[np.bool_]

    @property
    def right(self) -> NDArray[np.bool_]:
        """Return which photographs were named right."""
        return np.asarray(self.logits.argmax(axis=1) == self.labels, np.bool_)


def answers_of(bundle: Bundle, data: LabelledImages) -> Answers:
    """Return what ``bundle`` says of its own fold of ``data``; raises DataError without one."""
    fold = measured_fold(bundle.signature)
    if fold is None or data.people is None:
        raise DataError(f"{bundle.folder}: does not say which people it has not seen")
    unseen = split_data(data, fold).measure
    assert unseen.people is not None
    predictor = Predictor(bundle)
    logits, scores = FloatHead(bundle.head).apply(predictor.features(unseen.rows))
    predictor.close()
    probabilities = softmax(logits / bundle.signature.temperature)
    limits = bundle.signature.thresholds
    strange = scores > limits.outlier_score
    kept = ~strange & (probabilities.max(axis=1) >= limits.confidence)
    return Answers(unseen.labels, unseen.people, logits, probabilities, scores, kept, strange)


def pool(parts: list[Answers]) -> Answers:
    """Return all answers as one."""
    names = Answers.__dataclass_fields__
    return Answers(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in names})


def figures(seen: Answers) -> Iterator[Figure]:
    """Yield the figures of a model card."""
    right, confidence = seen.right, seen.probabilities.max(axis=1)
    yield Figure("images", str(len(right)))
    yield Figure("accuracy int8 (served)", percent(right.mean()))
    yield from people_figures(right, seen.people)
    yield Figure(
        "calibration error, 15 bins", percent(expected_calibration_error(confidence, right))
    )
    yield Figure("not flagged", percent(seen.kept.mean()))
    yield Figure("right among those", percent(right[seen.kept].mean()) if seen.kept.any() else "-")
    yield Figure("called strange", percent(seen.strange.mean()))


def calibrate_by(folder: Path, seen: Answers, goals: Goals) -> str:
    """Give the bundle in ``folder`` temperature and thresholds by ``seen``; return its version."""
    temperature = fit_temperature(seen.logits, seen.labels)
    probabilities = softmax(seen.logits / temperature)
    limits = choose_thresholds(probabilities, seen.scores, seen.labels, seen.people, goals)
    signature = load_bundle(folder).signature.renewed(
        temperature=temperature,
        thresholds={"confidence": limits.confidence, "outlier_score": limits.outlier_score},
    )
    return write_signature(folder, signature).version


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's values."""
    parser = argparse.ArgumentParser(
        prog="python -m fashion_model.pooled",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_data_options(parser)
    parser.add_argument("--bundles", type=Path, nargs="+", required=True, metavar="BUNDLE")
    parser.add_argument("--into", type=Path, help="bundle to calibrate by the others' answers")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    """Print each bundle's accuracy and the figures of all, and calibrate."""
    description, data = load_data(options)
    if data.train is None:
        raise DataError(f"{options.data}: has no training images")
    parts = []
    for folder in options.bundles:
        bundle = load_bundle(folder)
        require_fit(bundle, description)
        parts.append(answers_of(bundle, data.train))
        _print(Figure(str(folder), f"{percent(parts[-1].right.mean())} ({len(parts[-1].labels)})"))
    seen = pool(parts)
    for figure in figures(seen):
        _print(figure)
    if options.into:
        require_fit(load_bundle(options.into), description)
        version = calibrate_by(options.into, seen, description.goals)
        sys.stdout.write(f"{options.into}: version {version}\n")


def _print(figure: Figure) -> None:
    sys.stdout.write(f"{figure.name:42} {figure.value}\n")
    sys.stdout.flush()


@telling_never_fails()
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run_command(run, parse_arguments(arguments))


if __name__ == "__main__":
    sys.exit(main())
