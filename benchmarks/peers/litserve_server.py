"""LitServe: ``python -m benchmarks.peers.litserve_server int8|keras PORT``."""

from __future__ import annotations

import sys
from typing import Any

import litserve

from benchmarks.peers.networks import Int8, Keras


class Int8Api(litserve.LitAPI):
    """This project's predictor; one worker, whose threads are the predictor's."""

    def setup(self, device: str) -> None:
        self.network = Int8()

    # Unannotated: LitServe takes an annotation for the request's schema.
    def decode_request(self, request):  # type: ignore[no-untyped-def]
        return request["pixels"]

    def predict(self, pixels: str) -> Any:
        return self.network.of_base64(pixels)

    def encode_response(self, output: Any) -> Any:
        return output


class KerasApi(litserve.LitAPI):
    """The Keras model, by the tutorial's four steps."""

    def setup(self, device: str) -> None:
        self.network = Keras()

    # Unannotated: LitServe takes an annotation for the request's schema.
    def decode_request(self, request):  # type: ignore[no-untyped-def]
        return request["images"]

    def predict(self, images: Any) -> Any:
        return self.network.logits(images)

    def encode_response(self, output: Any) -> Any:
        return {"logits": output}


if __name__ == "__main__":
    kind, port = sys.argv[1:]
    api = {"int8": Int8Api, "keras": KerasApi}[kind]()
    server = litserve.LitServer(api, accelerator="cpu", timeout=600)
    server.run(host="127.0.0.1", port=int(port), generate_client_file=False)
