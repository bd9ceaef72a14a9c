"""BentoML: ``bentoml serve benchmarks.peers.bentoml_services:Int8Service`` or ``:KerasService``."""

from __future__ import annotations

from typing import Any

import bentoml
import numpy as np

from benchmarks.peers.networks import Int8, Keras


@bentoml.service(workers=1, traffic={"timeout": 600})
class Int8Service:
    """This project's predictor; one worker, whose threads are the predictor's."""

    def __init__(self) -> None:
        self.network = Int8()

    @bentoml.api
    def predict(self, pixels: str) -> dict[str, Any]:
        return self.network.of_base64(pixels)


@bentoml.service(workers=1, traffic={"timeout": 600})
class KerasService:
    """The Keras model, with arrays as the tutorial has them."""

    def __init__(self) -> None:
        self.network = Keras()

    @bentoml.api
    def predict(self, images: np.ndarray) -> np.ndarray:
        return np.asarray(self.network.logits(images))
