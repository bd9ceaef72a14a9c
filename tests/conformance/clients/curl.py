"""curl, as a person types it."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.conformance.checking import run_checks
from tests.conformance.images import Images

JSON = ("-H", "Content-Type: application/json")


def curl(*arguments: str, body: bytes | None = None) -> Any:
    """Return the JSON that curl was answered; ``-d @-`` takes the body."""
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "60", *arguments],
        input=body,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def compare(images: Images, answer: Any) -> None:
    rows = answer["predictions"]
    images.check_scores([row["label"] for row in rows], [row["confidence"] for row in rows])


def predict(images: Images, document: Any, *arguments: str) -> None:
    body = json.dumps(document).encode()
    compare(images, curl(*JSON, *arguments, "-d", "@-", f"{images.url}/predict", body=body))


def check_split(images: Images) -> None:
    """/predict: dataframe_split"""
    predict(images, {"dataframe_split": {"data": images.pixels.tolist()}})


def check_forms(images: Images) -> None:
    """/predict: dataframe_records, instances flat and nested, inputs"""
    rows = images.pixels.tolist()
    columns = [f"pixel{number}" for number in range(1, len(rows[0]) + 1)]
    records = [dict(zip(columns, row, strict=True)) for row in rows]
    nested = images.pixels.reshape(-1, 28, 28).tolist()
    predict(images, {"dataframe_records": records})
    for name in ("instances", "inputs"):
        for values in (rows, nested):
            predict(images, {name: values})


def check_base64(images: Images) -> None:
    """/predict: instances of pictures and of pixels in base64"""
    pictures = [Path(str(path)).read_bytes() for path in images.files]
    for contents in (pictures, [row.tobytes() for row in images.pixels]):
        encoded = [{"b64": base64.b64encode(one).decode()} for one in contents]
        predict(images, {"instances": encoded})


def check_csv(images: Images) -> None:
    """/predict: text/csv, without a header"""
    body = "\n".join(",".join(map(str, row)) for row in images.pixels.tolist()).encode()
    csv = ("-H", "Content-Type: text/csv; header=absent", "--data-binary", "@-")
    compare(images, curl(*csv, f"{images.url}/predict", body=body))


def check_details(images: Images) -> None:
    """/predict: probabilities=1 and top=3"""
    body = json.dumps({"instances": images.pixels.tolist()}).encode()
    url = f"{images.url}/predict?probabilities=1&top=3"
    rows = curl(*JSON, "-d", "@-", url, body=body)["predictions"]
    found = [[row["probabilities"][name] for name in images.classes.tolist()] for row in rows]
    assert np.array(found, np.float32).tobytes() == images.probabilities.tobytes()
    assert all(len(row["top"]) == 3 for row in rows)
    first = [row["top"][0] for row in rows]
    images.check_scores([one["label"] for one in first], [one["confidence"] for one in first])


def check_named(images: Images) -> None:
    """/models/{name}/predict"""
    body = json.dumps({"dataframe_split": {"data": images.pixels.tolist()}}).encode()
    url = f"{images.url}/models/{images.model}/predict"
    compare(images, curl(*JSON, "-d", "@-", url, body=body))


def check_form(images: Images) -> None:
    """/predict: 100 pictures in one form"""
    files = [argument for path in images.files for argument in ("-F", f"file=@{path}")]
    compare(images, curl(*files, f"{images.url}/predict"))


def check_picture(images: Images) -> None:
    """/predict: a picture as the body, 100 times"""
    one_by_one(images, lambda path: ("--data-binary", f"@{path}", f"{images.url}/predict"))


def check_name(images: Images) -> None:
    """/predictint: the name of a picture, 100 times"""
    url = f"{images.url}/predictint?imageName="
    one_by_one(images, lambda path: (url + path.rsplit("/", 1)[1],))


def one_by_one(images: Images, arguments: Callable[[str], tuple[str, ...]]) -> None:
    answers = [curl(*arguments(str(path))) for path in images.files]
    compare(images, {"predictions": [answer["prediction"] for answer in answers]})


def check_infer(images: Images) -> None:
    """/v2/models/{name}/infer, compressed on the way back"""
    data = {"name": "pixels", "datatype": "UINT8", "shape": list(images.pixels.shape)}
    body = json.dumps({"inputs": [{**data, "data": images.pixels.tolist()}]}).encode()
    url = f"{images.url}/v2/models/{images.model}/infer"
    answer = curl(*JSON, "--compressed", "-d", "@-", url, body=body)
    found = {one["name"]: one["data"] for one in answer["outputs"]}
    images.check_scores(found["label"], found["confidence"])


def check_key(images: Images) -> None:
    """with a key, and without"""
    body = json.dumps({"instances": images.pixels.tolist()}).encode()
    url = f"{images.locked_url}/predict"
    key = ("-H", f"Authorization: Bearer {images.key}")
    compare(images, curl(*JSON, *key, "-d", "@-", url, body=body))
    assert curl(*JSON, "-d", "@-", url, body=body)["error"]["code"] == "unauthorized"


def check_tf_serving(images: Images) -> None:
    """TensorFlow Serving: instances, inputs, base64"""
    url = f"{images.url}/v1/models/{images.model}:predict"
    rows = images.pixels.tolist()
    encoded = [{"b64": base64.b64encode(row.tobytes()).decode()} for row in images.pixels]
    for instances in (rows, encoded):
        body = json.dumps({"instances": instances}).encode()
        compare(images, curl(*JSON, "-d", "@-", url, body=body))
    body = json.dumps({"inputs": rows}).encode()
    columns = curl(*JSON, "-d", "@-", url, body=body)["outputs"]
    images.check_scores(columns["label"], columns["confidence"])


def check_tf_status(images: Images) -> None:
    """TensorFlow Serving: status and metadata of a model"""
    url = f"{images.url}/v1/models/{images.model}"
    (state,) = curl(url)["model_version_status"]
    assert state["state"] == "AVAILABLE"
    version = state["version"]
    assert curl(f"{url}/versions/{version}")["model_version_status"] == [state]
    assert curl(f"{url}/metadata")["model_spec"]["name"] == str(images.model)


def check_invocations(images: Images) -> None:
    """MLflow: /invocations, as JSON and as CSV"""
    url = f"{images.url}/invocations"
    rows = images.pixels.tolist()
    for document in ({"dataframe_split": {"data": rows}}, {"inputs": rows}, {"instances": rows}):
        compare(images, curl(*JSON, "-d", "@-", url, body=json.dumps(document).encode()))
    header = ",".join(f"pixel{number}" for number in range(1, len(rows[0]) + 1))
    table = "\n".join([header, *(",".join(map(str, row)) for row in rows)]).encode()
    csv = ("-H", "Content-Type: text/csv", "--data-binary", "@-")
    compare(images, curl(*csv, url, body=table))


CHECKS = (
    check_split,
    check_forms,
    check_base64,
    check_csv,
    check_details,
    check_named,
    check_form,
    check_picture,
    check_name,
    check_infer,
    check_tf_serving,
    check_tf_status,
    check_invocations,
    check_key,
)

if __name__ == "__main__":
    told = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True)
    sys.exit(run_checks(told.stdout.split()[1], CHECKS))
