"""Triton's own client, unmodified: ``tritonclient[http]``."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from tests.conformance.checking import refused, run_checks
from tests.conformance.images import Images

PIXELS = "pixels"


def connect(images: Images, **options: Any) -> Any:
    return triton.InferenceServerClient(urlsplit(str(images.url)).netloc, **options)


def infer(images: Images, client: Any, **options: Any) -> Any:
    return client.infer(str(images.model), [tensor(images.pixels, binary=True)], **options)


def tensor(pixels: np.ndarray[Any, Any], *, binary: bool) -> Any:
    one = triton.InferInput(PIXELS, list(pixels.shape), "UINT8")
    one.set_data_from_numpy(pixels, binary_data=binary)
    return one


def wanted(*names: str, binary: bool) -> list[Any]:
    return [triton.InferRequestedOutput(name, binary_data=binary) for name in names]


def score(images: Images, *, sent: bool, back: bool, **options: Any) -> None:
    """Send and fetch in binary or as JSON, and hold what came against the model."""
    with connect(images) as client:
        answer = client.infer(
            str(images.model),
            [tensor(images.pixels, binary=sent)],
            outputs=wanted("label", "confidence", "probabilities", binary=back),
            **options,
        )
    images.check_scores(texts(answer.as_numpy("label")), answer.as_numpy("confidence"))
    assert answer.as_numpy("probabilities").tobytes() == images.probabilities.tobytes()


def texts(array: np.ndarray[Any, Any]) -> list[str]:
    """Return a BYTES tensor as texts: bytes where it came in binary, else texts already."""
    return [one.decode() if isinstance(one, bytes) else one for one in array.ravel().tolist()]


def check_json(images: Images) -> None:
    """JSON in, JSON out"""
    score(images, sent=False, back=False)


def check_binary_in(images: Images) -> None:
    """binary in, JSON out"""
    score(images, sent=True, back=False)


def check_binary_out(images: Images) -> None:
    """JSON in, binary out"""
    score(images, sent=False, back=True)


def check_binary(images: Images) -> None:
    """binary in, binary out"""
    score(images, sent=True, back=True)


def check_gzip(images: Images) -> None:
    """binary both ways, gzip both ways"""
    for sent in (True, False):
        score(
            images,
            sent=sent,
            back=True,
            request_compression_algorithm="gzip",
            response_compression_algorithm="gzip",
        )


def check_deflate(images: Images) -> None:
    """binary both ways, deflate both ways"""
    for sent in (True, False):
        score(
            images,
            sent=sent,
            back=False,
            request_compression_algorithm="deflate",
            response_compression_algorithm="deflate",
        )


def check_all_outputs(images: Images) -> None:
    """no output named: all of them"""
    with connect(images) as client:
        answer = infer(images, client)
    images.check_scores(texts(answer.as_numpy("label")), answer.as_numpy("confidence"))


def check_version_and_id(images: Images) -> None:
    """a version and a request id"""
    with connect(images) as client:
        version = str(images.version)
        answer = infer(images, client, model_version=version, request_id="night 7").get_response()
    assert (answer["id"], answer["model_version"]) == ("night 7", version)


def check_classification(images: Images) -> None:
    """classification, the 3 likeliest classes"""
    output = triton.InferRequestedOutput("probabilities", class_count=3)
    with connect(images) as client:
        answer = infer(images, client, outputs=[output])
    found = answer.as_numpy("probabilities")
    assert found.shape == (len(images.pixels), 3), found.shape
    first = [one.split(":", 2) for one in texts(found[:, 0])]
    images.check_scores([label for _, _, label in first], [float(value) for value, _, _ in first])
    for value, index, label in first:
        assert str(images.classes[int(index)]) == label, (value, index, label)


def check_many_at_once(images: Images) -> None:
    """requests side by side, one image each"""
    with connect(images, concurrency=4) as client:
        answers = [
            client.async_infer(
                str(images.model), [tensor(images.pixels[row : row + 1], binary=True)]
            )
            for row in range(len(images.pixels))
        ]
        found = [answer.get_result() for answer in answers]
    labels = [texts(one.as_numpy("label"))[0] for one in found]
    images.check_scores(labels, np.concatenate([one.as_numpy("confidence") for one in found]))


def check_health(images: Images) -> None:
    """live, ready, model ready"""
    with connect(images) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready(str(images.model))
        assert client.is_model_ready(str(images.model), str(images.version))
        assert not client.is_model_ready("no-such-model")


def check_metadata(images: Images) -> None:
    """metadata of server and model"""
    with connect(images) as client:
        assert client.get_server_metadata()["name"]
        told = client.get_model_metadata(str(images.model))
    (pixels,) = told["inputs"]
    assert (pixels["name"], pixels["datatype"]) == (PIXELS, "UINT8")
    assert pixels["shape"] == [-1, images.pixels.shape[1]]
    assert {"label", "confidence", "probabilities"} <= {one["name"] for one in told["outputs"]}
    assert told["versions"] == [str(images.version)]


def check_key(images: Images) -> None:
    """with a key, and without"""
    with triton.InferenceServerClient(urlsplit(str(images.locked_url)).netloc) as client:
        answer = infer(images, client, headers=images.authorization)
        refused(lambda: infer(images, client), InferenceServerException, "Authorization")
    images.check_scores(texts(answer.as_numpy("label")), answer.as_numpy("confidence"))


def check_refusals(images: Images) -> None:
    """statistics, unknown model, wrong shape: refused in words"""
    with connect(images) as client:
        call = client.get_inference_statistics
        refused(lambda: call(str(images.model)), InferenceServerException, "statistics")
        pixels = tensor(images.pixels, binary=True)
        refused(lambda: client.infer("nobody", [pixels]), InferenceServerException, "fashion")
        short = tensor(images.pixels[:, 1:], binary=True)
        model = str(images.model)
        refused(lambda: client.infer(model, [short]), InferenceServerException, "784")


CHECKS = (
    check_json,
    check_binary_in,
    check_binary_out,
    check_binary,
    check_gzip,
    check_deflate,
    check_all_outputs,
    check_version_and_id,
    check_classification,
    check_many_at_once,
    check_health,
    check_metadata,
    check_key,
    check_refusals,
)

if __name__ == "__main__":
    sys.exit(run_checks(version("tritonclient"), CHECKS))
