"""MLServer's runtimes, and the folder that ``mlserver start`` wants.

python -m benchmarks.peers.mlserver_runtimes int8|keras FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput

from benchmarks.peers.networks import Int8, Keras


class Int8Runtime(MLModel):
    """This project's predictor; the answer is one text, as small as it gets."""

    async def load(self) -> bool:
        self.network = Int8()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        data = payload.inputs[0].data.root[0]
        told = json.dumps(self.network.of_base64(data))
        output = ResponseOutput(name="out", shape=[1, 1], datatype="BYTES", data=[told])
        return InferenceResponse(model_name=self.name, outputs=[output])


class KerasRuntime(MLModel):
    """The Keras model, decoded and encoded by the codecs of the tutorial."""

    async def load(self) -> bool:
        self.network = Keras()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        images = NumpyCodec.decode_input(payload.inputs[0])
        logits = np.asarray(self.network.logits(images), np.float32)
        outputs = [NumpyCodec.encode_output("logits", logits)]
        return InferenceResponse(model_name=self.name, outputs=outputs)


if __name__ == "__main__":
    kind, target = sys.argv[1:]
    runtime = {"int8": Int8Runtime, "keras": KerasRuntime}[kind]
    name = f"benchmarks.peers.mlserver_runtimes.{runtime.__name__}"
    folder = Path(target)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.json").write_text(json.dumps({"host": "127.0.0.1", "parallel_workers": 0}))
    (folder / "model-settings.json").write_text(
        json.dumps({"name": "bench", "implementation": name})
    )
