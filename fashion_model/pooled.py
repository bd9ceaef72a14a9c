"""Figures over several bundles of one data set, each on the people it has not learned from.

  python -m fashion_model.pooled --bundles data/training/fold-* --dataset clothing --data DIR
  python -m fashion_model.pooled --bundles … --into models/clothing

With bundles whose held-out people are all there are this is cross-validation by person; with
several seeds it says what a seed changes. ``--into`` takes temperature and thresholds for another
bundle from all of them: a few thousand photographs of everybody say more than the few hundred that
one training leaves.
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
    calibrate_bundle,
    choose,
    measured_fold,
    write_signature,
)
from fashion_model.commands import (
    add_data_options,
    load_data,
    named_bundle,
    require_calibratable,
    require_fit,
    require_shape_of,
    run_command,
)
from fashion_model.dataset.description import KNOWN, DataError, Goals
from fashion_model.dataset.people import person_folds
from fashion_model.dataset.readers import LabelledImages
from fashion_model.dataset.split import Split, split_data
from fashion_model.evaluate import Figure, people_figures, percent, print_figures
from fashion_model.held_out import reference_of, with_reference
from fashion_model.metrics import expected_calibration_error
from scoring.inference.bundle import Bundle
from scoring.inference.head import FloatHead, softmax
from scoring.inference.predictor import Predictor
from scoring.preprocessing.image_statistics import ImageStatistics, image_statistics
from scoring.protocol.signature import Thresholds
from scoring.records.telling import telling_never_fails

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """What bundles said of photographs of people they had not learned from.

    ``logits`` [N, K] before any temperature, ``scores`` [N] of strangeness, ``statistics`` [N, 3]
    of the pixels, in the order of ``ImageStatistics``.
    """

    labels: NDArray[np.int64]
    people: NDArray[np.int64]
    logits: Floats
    scores: Floats
    statistics: Floats

    @property
    def right(self) -> NDArray[np.bool_]:
        """Return which photographs were named right."""
        return np.asarray(self.logits.argmax(axis=1) == self.labels, np.bool_)

    def take(self, which: NDArray[np.bool_]) -> Answers:
        """Return those answers."""
        return Answers(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Judged:
    """Answers by temperature and thresholds: ``kept`` [N] are those that are not marked."""

    right: NDArray[np.bool_]
    confidence: Floats
    kept: NDArray[np.bool_]
    strange: NDArray[np.bool_]


def answers_of(bundle: Bundle, data: LabelledImages) -> Answers:
    """Return what ``bundle`` says of the people it was not trained on; DataError without any.

    They are both parts that its training left out: that of its figures, and that which its
    own temperature and thresholds were chosen with; none of these is used here.
    """
    split = unseen_split(bundle, data)
    predictor = Predictor(bundle)
    parts = []
    for part in (split.measure, split.fit):
        assert part.people is not None
        logits, scores = FloatHead(bundle.head).apply(predictor.features(part.rows))
        statistics = np.stack(image_statistics(part.rows), axis=1)
        parts.append(Answers(part.labels, part.people, logits, scores, statistics))
    predictor.close()
    return pool(parts)


def unseen_split(bundle: Bundle, data: LabelledImages) -> Split:
    """Return the split that ``bundle`` was trained by; DataError where nobody knows it."""
    fold = measured_fold(bundle.signature)
    if fold is None:
        raise DataError(f"{bundle.folder}: does not say which people it has not seen")
    if data.people is None:
        raise DataError("the data do not say whose pictures they are: people.csv is missing")
    return split_data(data, fold)


def pool(parts: list[Answers]) -> Answers:
    """Return all answers as one."""
    names = Answers.__dataclass_fields__
    return Answers(*(np.concatenate([getattr(part, n) for part in parts]) for n in names))


def chosen_by(seen: Answers, goals: Goals) -> tuple[float, Thresholds]:
    """Return the temperature and the thresholds that suit these answers."""
    return choose(seen.logits, seen.scores, seen.labels, seen.people, goals)


def judge(seen: Answers, temperature: float, limits: Thresholds) -> Judged:
    """Return what becomes of answers by this temperature and these thresholds."""
    confidence = softmax(seen.logits / temperature).max(axis=1)
    strange = seen.scores > limits.outlier_score
    return Judged(seen.right, confidence, ~strange & (confidence >= limits.confidence), strange)


def judge_across(seen: Answers, goals: Goals) -> Judged:
    """Return what becomes of half of the people by what was chosen with the others, both ways."""
    half = person_folds(seen.labels, seen.people, 2) == 0
    parts = [judge(seen.take(mine), *chosen_by(seen.take(~mine), goals)) for mine in (half, ~half)]
    names = Judged.__dataclass_fields__
    return Judged(*(np.concatenate([getattr(part, n) for part in parts]) for n in names))


def figures(seen: Answers, goals: Goals) -> Iterator[Figure]:
    """Yield the figures of a model card."""
    yield Figure("images", str(len(seen.labels)))
    yield Figure("accuracy int8 (served)", percent(seen.right.mean()))
    yield from people_figures(seen.right, seen.people)
    judged = judge_across(seen, goals)
    error = expected_calibration_error(judged.confidence, judged.right)
    kept = judged.kept
    yield Figure("calibration error, 15 bins", percent(error))
    yield Figure("not flagged", percent(kept.mean()))
    yield Figure("right among those", percent(judged.right[kept].mean()) if kept.any() else "-")
    yield Figure("called strange", percent(judged.strange.mean()))


def calibrate_by(bundle: Bundle, seen: Answers, data: LabelledImages, goals: Goals) -> str:
    """Give ``bundle`` temperature, thresholds and reference by ``seen``; return its version.

    Its figures are measured anew on its own people of ``data``; DataError without any.
    """
    split = unseen_split(bundle, data)
    temperature, thresholds = chosen_by(seen, goals)
    signature = calibrate_bundle(bundle, split, goals, (temperature, thresholds))
    reference = reference_of(
        seen.labels,
        softmax(seen.logits / temperature),
        seen.scores,
        ImageStatistics(*seen.statistics.T),
        thresholds,
        seen.people,
    )
    signature = with_reference(bundle.folder, signature, reference)
    return write_signature(bundle.folder, signature).version


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
    bundles = [named_bundle(folder) for folder in options.bundles]
    into = named_bundle(options.into) if options.into else None
    for bundle in filter(None, (*bundles, into)):
        require_shape_of(bundle, KNOWN[options.dataset])
    description, data = load_data(options)
    if data.train is None:
        raise DataError(f"{options.data}: has no training images")
    for bundle in filter(None, (*bundles, into)):
        require_fit(bundle, description)
    seen = pool([_told_answers(bundle, data.train) for bundle in bundles])
    print_figures(figures(seen, description.goals))
    if into:
        require_calibratable(len(seen.labels), seen.people)
        version = calibrate_by(into, seen, data.train, description.goals)
        sys.stdout.write(f"{into.folder}: version {version}\n")


def _told_answers(bundle: Bundle, data: LabelledImages) -> Answers:
    seen = answers_of(bundle, data)
    told = f"{percent(seen.right.mean())} ({len(seen.labels)})"
    print_figures([Figure(str(bundle.folder), told)])
    return seen


@telling_never_fails()
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run_command(run, parse_arguments(arguments))


if __name__ == "__main__":
    sys.exit(main())
