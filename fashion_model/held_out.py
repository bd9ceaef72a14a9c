"""What a bundle says of images it was not trained on becomes its reference, image by image."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scoring.inference.predictions import summarise
from scoring.preprocessing.image_statistics import ImageStatistics
from scoring.protocol.reference import KINDS, Reference
from scoring.protocol.signature import REFERENCE_NAME, ReviewWords, Signature, Thresholds
from scoring.records.atomic_file import replacing

# Any words will do: what counts is whether there are some.
WORDS = ReviewWords("low confidence", "strange")


def reference_of(
    truth: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    scores: NDArray[np.float64],
    statistics: ImageStatistics,
    thresholds: Thresholds,
    groups: NDArray[np.int64] | None,
) -> Reference:
    """Return the reference of N held-out images, as the served model answers.

    Args:
        truth: classes [N].
        probabilities: calibrated, [N, K].
        scores: of strangeness, [N].
        statistics: of the pixels that the model saw, [N] each.
        thresholds: which images the model marks for a person.
        groups: whose images they are, [N]; None: each its own.
    """
    seen = summarise(probabilities, scores, thresholds, WORDS)
    groups = np.arange(len(truth)) if groups is None else np.unique(groups, return_inverse=True)[1]
    arrays = {
        "truth": truth,
        "predicted": seen.class_index,
        "second": seen.second_index,
        "confidence": seen.confidence,
        "second_confidence": seen.second_confidence,
        "outlier_score": scores,
        **statistics._asdict(),
        "group": groups,
        "flagged": np.array([reason is not None for reason in seen.review]),
    }
    return Reference(**{name: arrays[name].astype(kind) for name, kind in KINDS.items()})


def with_reference(folder: Path, signature: Signature, reference: Reference) -> Signature:
    """Write the reference into the bundle's folder; return the signature that knows its hash."""
    content = reference.to_bytes()
    with replacing(folder / REFERENCE_NAME) as part:
        part.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return signature.renewed(files={**signature.files, REFERENCE_NAME: digest})
