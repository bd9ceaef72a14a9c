"""Ray Serve: ``python -m benchmarks.peers.ray_serve int8|keras PORT``."""

from __future__ import annotations

import sys
import threading
from typing import Any

import ray
from ray import serve

from benchmarks.peers.networks import Int8, Keras


class Int8Deployment:
    """This project's predictor; one replica, whose threads are the predictor's."""

    def __init__(self) -> None:
        self.network = Int8()

    async def __call__(self, request: Any) -> Any:
        if request.method == "GET":
            return "ready"
        return self.network.of_base64((await request.json())["pixels"])


class KerasDeployment:
    """The Keras model, as the tutorial reads a request and answers it."""

    def __init__(self) -> None:
        self.network = Keras()

    async def __call__(self, request: Any) -> Any:
        if request.method == "GET":
            return "ready"
        return {"logits": self.network.logits((await request.json())["images"])}


if __name__ == "__main__":
    kind, port = sys.argv[1:]
    ray.init(include_dashboard=False, logging_level="error")
    serve.start(http_options={"host": "127.0.0.1", "port": int(port)})
    chosen: type = Int8Deployment if kind == "int8" else KerasDeployment
    serve.run(serve.deployment(chosen).bind())
    threading.Event().wait()
