"""The first version's server, written anew from its description: Flask's own, and ``predict``.

python -m benchmarks.bench.programs.original_server MODEL.keras SIGNATURE.json PORT
"""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from flask import Flask, Response, jsonify, request


def main(model_file: str, signature: str, port: str) -> None:
    """Serve until it is ended."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras

    labels = json.loads(Path(signature).read_text())["labels"]
    model = keras.models.load_model(model_file, compile=False)
    app = Flask(__name__)

    @app.get("/")
    def ready() -> str:
        return "ready"

    @app.post("/predict")
    def predict() -> Response:
        frame = pd.read_json(io.StringIO(request.get_json()))
        pixels = frame.to_numpy().reshape(-1, 28, 28, 1).astype("float32")
        logits = model.predict(pixels)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares = odds / odds.sum(axis=1, keepdims=True)
        rows = [
            [number, labels[int(share.argmax())], round(100 * float(share.max()), 2)]
            for number, share in enumerate(shares)
        ]
        return jsonify(rows)

    app.run(port=int(port))


if __name__ == "__main__":
    main(*sys.argv[1:])
