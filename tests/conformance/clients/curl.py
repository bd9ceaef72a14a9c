"""curl, as a person types it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

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


CHECKS = (check_split, check_named, check_form, check_picture, check_name, check_infer)

if __name__ == "__main__":
    told = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True)
    sys.exit(run_checks(told.stdout.split()[1], CHECKS))
