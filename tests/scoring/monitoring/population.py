"""Made-up images of a made-up model: what references and nights of tests are drawn of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scoring.monitoring.drift import PICTURES
from scoring.monitoring.night import Night
from scoring.protocol.reference import Reference

CLASSES = 5
Floats = NDArray[np.float64]


def population(
    images: int, seed: int, mix: Floats | None = None, group_size: int = 1, alike: float = 0.0
) -> Reference:
    """Return images of classes in ``mix``; what is seen and how sure one is goes by the class.

    A wrong answer is the class next to the true one. Those of a group share ``alike`` of what
    makes their figures vary.
    """
    random = np.random.default_rng(seed)
    truth = random.choice(CLASSES, images, p=mix)
    group = np.arange(images) // group_size
    own, shared = random.normal(size=(6, images)), random.normal(size=(6, images))[:, group]
    drawn = np.sqrt(1.0 - alike) * own + np.sqrt(alike) * shared
    confidence = 1.0 / (1.0 + np.exp(-(3.0 - 0.5 * truth + drawn[0])))
    right = random.random(images) < confidence
    predicted = np.where(right, truth, (truth + 1) % CLASSES)
    levels = 1.0 / (1.0 + np.exp(-(0.3 * truth - 1.0 + drawn[2:5])))
    brightness, contrast, foreground = levels.astype(np.float32)
    return Reference(
        truth=truth.astype(np.uint16),
        predicted=predicted.astype(np.uint16),
        second=((predicted + 1) % CLASSES).astype(np.uint16),
        confidence=confidence.astype(np.float32),
        second_confidence=(1.0 - confidence).astype(np.float32),
        outlier_score=(truth + drawn[1]).astype(np.float32),
        brightness=brightness,
        contrast=contrast,
        foreground=foreground,
        group=group.astype(np.uint32),
        flagged=confidence < 0.7,
    )


def night_of(images: Reference, **others: NDArray[np.float64]) -> Night:
    """Return the night of these images, as a ledger has it, with ``others`` instead."""
    figures = ("confidence", "second_confidence", "outlier_score", *PICTURES)
    arrays = {name: getattr(images, name).astype(np.float64) for name in figures}
    codes = {name: getattr(images, name).astype(np.int64) for name in ("predicted", "second")}
    return Night(**{**codes, **arrays, **others})
