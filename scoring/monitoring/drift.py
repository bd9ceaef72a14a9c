"""Is a night what the model was measured with? Tests of one night against the reference.

Images are compared given what the model called them, with the reference reweighted to the night's
mix of classes (``label_mix``): a change of mix alone raises none of the tests, and is told apart.
Each test says how likely chance alone is to move the night so far beyond what is *tolerated*.

Tolerated is more than nothing, and for a reason. Every night is held against the same reference,
and that is itself a sample: where it is a little off by chance, a test of "no difference" would
find that in each night anew, and evidence that is added up over nights would grow without end. So
a test asks whether the night differs by more than the reference's own errors and than a margin
below which nobody would want to be told.

The probabilities are upper bounds for any number of images (Hoeffding), no approximations: they
hold for thirty images as for ten thousand, and far out, where evidence is made of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from scoring.monitoring import label_mix
from scoring.monitoring.label_mix import Mix
from scoring.monitoring.night import Night
from scoring.monitoring.ranks import design_effect, numbered, scores, shares_beyond
from scoring.protocol.reference import Reference

Classes = NDArray[np.int64]
Floats = NDArray[np.float64]

# What the model answers, what the images look like, and how many of them are strange to it.
ANSWERS = ("confidence", "second_confidence", "outlier_score")
PICTURES = ("brightness", "contrast", "foreground")
STRANGE, STRANGEST = "strange", "strangest"
TESTS = (*ANSWERS, *PICTURES, STRANGE, STRANGEST)

# Standard deviations of a place: the image in the middle would be the 53rd of a hundred.
MARGIN = 0.1
# Of the share of strange images, or of the strangest, beyond the reference's.
STRANGE_MARGIN = 0.02
# The strangest of each answer, whether the model calls them strange or not: so many of a hundred of
# the reference's. A part of a night that is another thing moves no mean, but comes among them.
STRANGEST_SHARE = 0.05
# Standard errors of the reference.
REFERENCE_ERRORS = 2.0
# The strangest images that tell a part of a night from all of it: of a hundred of the reference's.
TAIL = 0.02
# Where all images are a little stranger, no more come into the tail than half as many as come
# beyond the middle (measured on shifts of pixels).
MOST_FROM_THE_MIDDLE = 0.5
# With fewer images of an answer the reference says nothing of how those look.
FEWEST_OF_CLASS = 20
# Standard errors of a night's own share of the strangest.
CHANCE = 2.0
# With fewer images a night says nothing; evidence stays as it was.
FEWEST_IMAGES = 10
# More say no more, and would take longer than a page may: an even selection of them.
MOST_IMAGES = 20_000


class Test(Struct, frozen=True):
    """What one test found.

    ``p`` is an upper bound of the probability to see this by chance; ``shift`` how far the night
    lies from the reference (standard deviations of a place, with its sign; of the strange the
    difference in share) and ``tolerated`` how far it may.
    """

    p: float
    shift: float
    tolerated: float


class Look(Struct, frozen=True):
    """A night beside the reference.

    ``images`` were compared; ``left_out`` were not, since the reference hardly has images that the
    model called so. A test that there were too few figures for is not in ``tests``. ``apart`` is
    the share of images, beyond chance, that are strange while the others are as always; it may be
    negative.
    """

    images: int
    left_out: int
    tests: Mapping[str, Test]
    mix: Mix
    apart: float = 0.0

    def smallest_p(self, names: Iterable[str] = TESTS) -> float:
        """Return the smallest probability of these tests, for that there are several; 1 of none."""
        found = [self.tests[name].p for name in names if name in self.tests]
        return min(1.0, len(found) * min(found)) if found else 1.0


class _Answer(Struct, frozen=True):
    """The images of one answer: a night's rows [n] and the reference's [r], weights sum to 1."""

    night: Classes
    reference: Classes
    weights: Floats

    def pick(self, kept: NDArray[np.bool_]) -> _Answer:
        """Return it with those of the night's images [N] only that are kept."""
        return replace(self, night=self.night[kept[self.night]])


def look(reference: Reference, night: Night, strange_above: float) -> Look:
    """Return how ``night`` compares with ``reference``; pure, the same for the same images.

    Args:
        reference: of the model that scored the night.
        night: N images that it scored, N may be 0.
        strange_above: outlier scores above it make an image strange (the model's threshold).
    """
    if len(night) > MOST_IMAGES:
        night = night.take(evenly(np.arange(len(night))))
    truth, called = (of.astype(np.int64) for of in (reference.truth, reference.predicted))
    classes = 1 + max(int(of.max(initial=0)) for of in (truth, called, night.predicted))
    single = design_effect(called == np.arange(classes)[:, None], reference.group)
    mix = label_mix.compare(called, night.predicted, classes, single)
    enough = np.bincount(called, minlength=classes) >= FEWEST_OF_CLASS
    left_out = int((~enough[night.predicted]).sum())
    counted = night.predicted[enough[night.predicted]]
    weights = label_mix.class_weights(truth, called, counted, classes)[truth]
    answers = [
        _answer(called == one, weights, night.predicted == one)
        for one in np.flatnonzero(enough & (np.bincount(night.predicted, minlength=classes) > 0))
    ]
    found = {name: _moved(reference, night, answers, name) for name in (*ANSWERS, *PICTURES)}
    found[STRANGE] = _stranger(reference, night, answers, strange_above)
    found[STRANGEST] = _strangest(reference, night, answers)
    tests = {name: test for name, test in found.items() if test is not None}
    return Look(len(night) - left_out, left_out, tests, mix, _apart(reference, night, answers))


def evenly(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return as many of some rows as a night is judged by, evenly spread; all of few."""
    if len(rows) <= MOST_IMAGES:
        return rows
    return rows[np.linspace(0, len(rows) - 1, MOST_IMAGES).astype(np.int64)]


def _answer(called: NDArray[np.bool_], weights: Floats, tonight: NDArray[np.bool_]) -> _Answer:
    rows = np.flatnonzero(called)
    own = weights[rows]
    # Where the night's mix has none of what the reference's images of this answer really are.
    own = own if own.sum() > 0 else np.ones(len(rows))
    return _Answer(np.flatnonzero(tonight), rows, own / own.sum())


def _moved(reference: Reference, night: Night, answers: list[_Answer], name: str) -> Test | None:
    """Test whether the figures of that name have moved or spread."""
    tonight, values = getattr(night, name), getattr(reference, name)
    answers = _with_figures(answers, tonight)
    images = sum(len(one.night) for one in answers)
    if images < FEWEST_IMAGES:
        return None
    # As the reference has them: what is equal must not differ by its last digits.
    tonight = tonight.astype(values.dtype)
    means = np.zeros(2)
    for one in answers:
        found = scores(values[one.reference], one.weights, tonight[one.night])
        means += found.sum(axis=1) / images
    design = _design(reference, answers, values)
    tolerated = MARGIN + REFERENCE_ERRORS * _error(answers, images, design)
    beyond = float(np.abs(means).max()) - tolerated
    return Test(by_chance(beyond, images / design), float(means[np.abs(means).argmax()]), tolerated)


def _design(reference: Reference, answers: list[_Answer], values: NDArray[np.float32]) -> float:
    """Return how many of the reference's images are as good as one, by their own places."""
    rows = np.concatenate([one.reference for one in answers])
    if numbered(reference.group[rows])[1] == len(rows):
        return 1.0
    own = [
        scores(values[one.reference], np.ones(len(one.reference)), values[one.reference])
        for one in answers
    ]
    return design_effect(np.concatenate(own, axis=1), reference.group[rows])


def _stranger(
    reference: Reference, night: Night, answers: list[_Answer], above: float
) -> Test | None:
    """Test whether more images are strange than the reference's."""
    answers = _with_figures(answers, night.outlier_score)
    images = sum(len(one.night) for one in answers)
    if images < FEWEST_IMAGES:
        return None
    odd = reference.outlier_score > np.float32(above)
    usual = sum(
        len(one.night) / images * float(odd[one.reference] @ one.weights) for one in answers
    )
    rows = np.concatenate([one.reference for one in answers])
    design = design_effect(odd[rows], reference.group[rows])
    spread = math.sqrt(max(usual * (1.0 - usual), 1.0 / len(rows)))
    tolerated = STRANGE_MARGIN + REFERENCE_ERRORS * spread * _error(answers, images, design)
    counted = np.concatenate([one.night for one in answers])
    share = float((night.outlier_score[counted].astype(np.float32) > np.float32(above)).mean())
    p = more_than(share, min(1.0, usual + tolerated), images / design)
    return Test(p, share - usual, tolerated)


def _strangest(reference: Reference, night: Night, answers: list[_Answer]) -> Test | None:
    """Test whether more images are among the strangest than the reference's."""
    answers = _with_figures(answers, night.outlier_score)
    images = sum(len(one.night) for one in answers)
    if images < FEWEST_IMAGES:
        return None
    share, design = _share_beyond(reference, night, answers, 1.0 - STRANGEST_SHARE)
    spread = math.sqrt(STRANGEST_SHARE * (1.0 - STRANGEST_SHARE))
    tolerated = STRANGE_MARGIN + REFERENCE_ERRORS * spread * _error(answers, images, design)
    p = more_than(share, min(1.0, STRANGEST_SHARE + tolerated), images / design)
    return Test(p, share - STRANGEST_SHARE, tolerated)


def _apart(reference: Reference, night: Night, answers: list[_Answer]) -> float:
    """Return how many images more are among the strangest than chance and the others explain.

    Means do not tell ten pictures of a hundred that lie upside down, nor need those be stranger
    than what the model calls strange: but the strangest become many, and the middle stays.
    """
    answers = _with_figures(answers, night.outlier_score)
    images = sum(len(one.night) for one in answers)
    if images < FEWEST_IMAGES:
        return 0.0
    share, design = _share_beyond(reference, night, answers, 1.0 - TAIL)
    variance = TAIL * (1.0 - TAIL) * (design / images + _error(answers, images, design) ** 2)
    of_all = max(0.0, _share_beyond(reference, night, answers, 0.5)[0] - 0.5)
    return share - TAIL - MOST_FROM_THE_MIDDLE * of_all - CHANCE * math.sqrt(variance)


def _share_beyond(
    reference: Reference, night: Night, answers: list[_Answer], place: float
) -> tuple[float, float]:
    """Return how many of the night are stranger than a place 0-1, and the design effect of that."""
    values = reference.outlier_score
    tonight = night.outlier_score.astype(values.dtype)
    rows = [one.reference for one in answers]
    beyond = np.concatenate(
        [
            shares_beyond(values[one.reference], one.weights, tonight[one.night], place)
            for one in answers
        ]
    )
    own = np.concatenate(
        [
            shares_beyond(values[one.reference], one.weights, values[one.reference], place)
            for one in answers
        ]
    )
    return float(beyond.mean()), design_effect(own, reference.group[np.concatenate(rows)])


def by_chance(beyond: float, images: float) -> float:
    """Return a bound of the probability that one of two means over images lies so far beyond.

    Each may, in two directions. What is evenly spread is sub-Gaussian with its own variance, 1.
    """
    return min(1.0, 4.0 * math.exp(-(max(0.0, beyond) ** 2) * images / 2.0))


def more_than(share: float, expected: float, images: float) -> float:
    """Return a bound of the probability of such a share of so many images, or a larger one.

    Source: Chernoff 1952; ``expected`` may also be an upper bound of what is expected.
    """
    if share <= expected or expected <= 0.0:
        return 1.0
    surprise = share * math.log(share / expected)
    if share < 1.0:
        surprise += (1.0 - share) * math.log((1.0 - share) / (1.0 - expected))
    return math.exp(-images * surprise)


def _with_figures(answers: list[_Answer], tonight: Floats) -> list[_Answer]:
    """Return the answers with those images only whose figure is a number, if there are any."""
    known = np.isfinite(tonight)
    kept = [one.pick(known) for one in answers]
    return [one for one in kept if len(one.night)]


def _error(answers: list[_Answer], images: int, design: float) -> float:
    """Return the standard error of the reference, of a mean of what has variance 1."""
    parts = [(len(one.night) / images) ** 2 * float((one.weights**2).sum()) for one in answers]
    return math.sqrt(design * sum(parts))


def most_wrong(reference: Reference) -> float:
    """Return how many of the images that are not marked may be wrong, as a share, by the reference.

    The reference's own share and its standard errors: it is itself a sample.
    """
    kept = np.flatnonzero(~reference.flagged)
    wrong = ~reference.right[kept]
    design = design_effect(wrong, reference.group[kept])
    # Wilson's upper end, of as many images as those of people are as good as.
    images, squared = len(kept) / design, REFERENCE_ERRORS**2
    share = float(wrong.mean()) if len(kept) else 0.0
    spread = math.sqrt(share * (1.0 - share) * images * squared + squared**2 / 4.0)
    return min(1.0, (share * images + squared / 2.0 + spread) / (images + squared))
