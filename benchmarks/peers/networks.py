"""What every server of the comparison has behind it: this project's predictor, or the Keras model.

Both are made from the bundle's folder in ``BENCH_BUNDLE``.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def bundle_folder() -> Path:
    return Path(os.environ["BENCH_BUNDLE"])


class Int8:
    """This project's own int8 predictor, as it is."""

    def __init__(self, threads: int = 0) -> None:
        """Load the bundle; ``threads`` 0 takes all cores."""
        from scoring.inference.bundle import load_bundle
        from scoring.inference.predictor import Predictor

        self._predictor = Predictor(load_bundle(bundle_folder()), threads)

    def of_base64(self, text: str) -> dict[str, Any]:
        """Return labels and confidences of a block of uint8 pixels in base64."""
        width = self._predictor.signature.input.row_length
        block = np.frombuffer(base64.b64decode(text), np.uint8).reshape(-1, width)
        return self.of_rows(block)

    def of_rows(self, rows: NDArray[np.uint8]) -> dict[str, Any]:
        """Return labels and confidences of uint8 [N, H*W*C]."""
        found, labels = self._predictor.predict(rows), self._predictor.signature.labels
        return {
            "labels": [labels[one] for one in found.class_index],
            "confidences": found.confidence.round(4).tolist(),
        }


class Keras:
    """The bundle's reference model, through ``predict`` as tutorials do."""

    def __init__(self) -> None:
        """Load the model."""
        import keras

        self._model = keras.models.load_model(bundle_folder() / "model.keras", compile=False)

    def logits(self, images: Any) -> list[list[float]]:
        """Return the logits of images [N, 28, 28], nested lists or an array."""
        pixels = np.asarray(images, np.float32).reshape(-1, 28, 28, 1)
        logits: list[list[float]] = self._model.predict(pixels, verbose=0).tolist()
        return logits
