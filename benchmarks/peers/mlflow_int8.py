"""This project's predictor as an MLflow model made from code: nothing is pickled."""

from __future__ import annotations

from typing import Any

import mlflow

from benchmarks.peers.networks import Int8


class Int8Model(mlflow.pyfunc.PythonModel):
    """One row of the frame is a block of pixels in base64."""

    def load_context(self, context: Any) -> None:
        self.network = Int8()

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return self.network.of_base64(model_input["pixels"].iloc[0])


mlflow.models.set_model(Int8Model())
