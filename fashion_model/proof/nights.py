"""What a model makes of images, once; nights are then drawn from it without any network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fashion_model.dataset.readers import LabelledImages
from fashion_model.shifts import PIXELS, STRENGTHS, Strength, imbalanced, mixed_in, shifted
from scoring.inference.bundle import Bundle
from scoring.inference.predictor import Predictor
from scoring.monitoring.night import Night
from scoring.preprocessing.image_statistics import image_statistics

Rows = NDArray[np.int64]
IMBALANCE, STRANGERS, TURNED = "class imbalance", "digits mixed in", "some upside down"
TURNED_SHARES = (0.05, 0.1, 0.25)


@dataclass(frozen=True)
class Outputs:
    """What a model made of N images, and which it named right, bool [N]."""

    night: Night
    right: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.night)

    @property
    def accuracy(self) -> float:
        return float(self.right.mean())

    def take(self, rows: Rows) -> Outputs:
        """Return the outputs of those images."""
        return Outputs(self.night.take(rows), self.right[rows])

    def draw(self, count: int, random: np.random.Generator) -> Outputs:
        """Return a night of so many images, drawn with replacement."""
        return self.take(random.choice(len(self), count))


@dataclass(frozen=True)
class Shift:
    """Images that are others than those of the reference: their kind, how much, and the outputs."""

    kind: str
    strength: Strength
    outputs: Outputs


def outputs_of(predictor: Predictor, data: LabelledImages, truth: Rows | None = None) -> Outputs:
    """Return what a model makes of images; ``truth`` stands in for their labels."""
    seen = predictor.predict(data.rows)
    night = Night(
        seen.class_index,
        seen.confidence,
        seen.second_index,
        seen.second_confidence,
        seen.outlier_score,
        *image_statistics(data.rows),
    )
    return Outputs(night, seen.class_index == (data.labels if truth is None else truth))


def shifts(
    bundle: Bundle, data: LabelledImages, strangers: LabelledImages | None, seed: int = 0
) -> Iterator[Shift]:
    """Yield what becomes of images that are changed, chosen or mixed in every way there is.

    ``strangers`` are images of other things, of which no answer is right.
    """
    predictor = Predictor(bundle)
    clean = outputs_of(predictor, data)
    for kind in PIXELS:
        for strength in STRENGTHS:
            images = shifted(data.images, kind, strength, np.random.default_rng(seed))
            changed = LabelledImages(images, data.labels)
            yield Shift(kind, strength, outputs_of(predictor, changed))
    for strength in STRENGTHS:
        rows = imbalanced(data.labels, len(data), strength, np.random.default_rng(seed))
        yield Shift(IMBALANCE, strength, clean.take(rows))
    if strangers:
        none_right = np.full(len(strangers), -1)
        others = outputs_of(predictor, strangers, none_right)
        for strength in STRENGTHS:
            yield Shift(STRANGERS, strength, _mixed(clean, others, strength, seed))
    predictor.close()


def some_turned(bundle: Bundle, data: LabelledImages, seed: int = 0) -> Iterator[Shift]:
    """Yield what becomes of images some of which lie upside down, ever more of them.

    Means hardly move, and the model is sure of much that it gets wrong.
    """
    predictor = Predictor(bundle)
    clean = outputs_of(predictor, data)
    turned = outputs_of(predictor, LabelledImages(data.images[:, ::-1, ::-1], data.labels))
    predictor.close()
    for strength, share in zip(STRENGTHS, TURNED_SHARES, strict=True):
        is_turned = np.random.default_rng(seed).random(len(data)) < share
        yield Shift(TURNED, strength, _either(is_turned, turned, clean))


def _mixed(clean: Outputs, others: Outputs, strength: Strength, seed: int) -> Outputs:
    random = np.random.default_rng(seed)
    is_other = mixed_in(len(clean), strength, random)
    return _either(is_other, others.take(random.choice(len(others), len(clean))), clean)


def _either(which: NDArray[np.bool_], some: Outputs, others: Outputs) -> Outputs:
    """Return of each image the outputs of ``some`` or of the ``others``, all of them [N]."""
    night = Night(
        **{
            name: np.where(which, getattr(some.night, name), getattr(others.night, name))
            for name in Night.__struct_fields__
        }
    )
    return Outputs(night, np.where(which, some.right, others.right))
