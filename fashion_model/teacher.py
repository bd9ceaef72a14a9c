"""What a trained bundle says of training images, for another network to learn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scoring.inference.bundle import load_bundle
from scoring.inference.predictor import Predictor


class Teacher:
    """The integer model of a bundle: as right as its reference and many times as fast."""

    def __init__(self, folder: Path, mirrored: bool) -> None:
        """Load the bundle in ``folder``; ``mirrored``: look at the mirror image as well."""
        bundle = load_bundle(folder)
        self._predictor = Predictor(bundle)
        self._kernel, self._bias = bundle.head.kernel, bundle.head.bias
        self._mirrored = mirrored

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return logits float32 [N, K] for ``images`` uint8 [N, H, W, C], the mean of the looks."""
        looks = [images, images[:, :, ::-1]] if self._mirrored else [images]
        rows = np.concatenate(looks).reshape(len(looks) * len(images), -1)
        features = self._predictor.features(rows).reshape(len(looks), len(images), -1)
        mean: NDArray[np.float32] = features.mean(axis=0) @ self._kernel + self._bias
        return mean
