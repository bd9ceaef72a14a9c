"""The client in front of other servers: read, post, write a CSV. No ledger, no checks.

    python -m benchmarks.peers.thin_client FOLDER URL FORM SIGNATURE.json OUT.csv

A thread for each core reads a chunk of 28×28 PNGs and posts it. ``FORM`` is how a server wants its
requests; the first four carry one block in base64, the others what the servers' tutorials show.
"""

from __future__ import annotations

import base64
import csv
import http.client
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Answer = tuple[list[str], list[float]]

CHUNK = 1000
TIMEOUT_SECONDS = 600


@dataclass(frozen=True)
class Form:
    """Where a chunk goes, how it is written, and where in the answer its predictions lie."""

    path: str
    write: Callable[[Pixels], Any]
    read: Callable[[Any], Any]


def _base64(pixels: Pixels) -> str:
    return base64.b64encode(pixels.tobytes()).decode()


def _v2(name: str, shape: list[int], datatype: str, data: Any, **more: Any) -> dict[str, Any]:
    return {"inputs": [{"name": name, "shape": shape, "datatype": datatype, "data": data, **more}]}


_PACKED = {"parameters": {"content_type": "base64"}}

FORMS = {
    "block": Form("/predict", lambda p: {"pixels": _base64(p)}, lambda a: a),
    "block-root": Form("/", lambda p: {"pixels": _base64(p)}, lambda a: a),
    "block-v2": Form(
        "/v2/models/bench/infer",
        lambda p: _v2("pixels", [1, 1], "BYTES", [_base64(p)], **_PACKED),
        lambda a: json.loads(a["outputs"][0]["data"][0]),
    ),
    "block-mlflow": Form(
        "/invocations",
        lambda p: {"dataframe_split": {"columns": ["pixels"], "data": [[_base64(p)]]}},
        lambda a: a["predictions"],
    ),
    "lists": Form("/predict", lambda p: {"images": p.tolist()}, lambda a: a["logits"]),
    "lists-bare": Form("/predict", lambda p: {"images": p.tolist()}, lambda a: a),
    "lists-root": Form("/", lambda p: {"images": p.tolist()}, lambda a: a["logits"]),
    "lists-v2": Form(
        "/v2/models/bench/infer",
        lambda p: _v2("images", list(p.shape), "FP32", p.ravel().tolist()),
        lambda a: np.reshape(a["outputs"][0]["data"], (-1, a["outputs"][0]["shape"][-1])),
    ),
    "lists-mlflow": Form(
        "/invocations", lambda p: {"inputs": p[..., None].tolist()}, lambda a: a["predictions"]
    ),
}


def main(folder: str, url: str, form: str, signature: str, out: str) -> None:
    """Score a folder and write path, label, confidence."""
    labels = json.loads(Path(signature).read_text(encoding="utf-8"))["labels"]
    paths = sorted(entry.path for entry in os.scandir(folder))
    chunks = [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]
    address = url.removeprefix("http://")

    def score(chunk: list[str]) -> Answer:
        return _understood(FORMS[form].read(_post(address, FORMS[form], _read(chunk))), labels)

    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        answers = list(threads.map(score, chunks))
    with open(out, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        for chunk, (names, sure) in zip(chunks, answers, strict=True):
            table.writerows(zip(chunk, names, sure, strict=True))


def _read(paths: list[str]) -> Pixels:
    pixels = np.empty((len(paths), 28, 28), np.uint8)
    for place, path in enumerate(paths):
        pixels[place] = np.asarray(cv2.imread(path, cv2.IMREAD_GRAYSCALE))
    return pixels


def _post(address: str, form: Form, pixels: Pixels) -> Any:
    connection = http.client.HTTPConnection(address, timeout=TIMEOUT_SECONDS)
    body = json.dumps(form.write(pixels))
    connection.request("POST", form.path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{answer.status}: {text[:400]!r}")
    return json.loads(text)


def _understood(answer: Any, labels: list[str]) -> Answer:
    """Return labels and confidences, of logits where that is the answer."""
    if isinstance(answer, dict):
        return answer["labels"], answer["confidences"]
    logits = np.asarray(answer, np.float64)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    sure = odds.max(axis=1) / odds.sum(axis=1)
    return [labels[one] for one in odds.argmax(axis=1)], sure.round(4).tolist()


if __name__ == "__main__":
    main(*sys.argv[1:])
