"""KServe's own client, unmodified: ``kserve.InferenceRESTClient``, protocols v1 and v2."""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import Coroutine
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

from tests.conformance.checking import refused, run_checks
from tests.conformance.images import Images


def run(protocol: str, call: str, *arguments: Any, **options: Any) -> Any:
    """Make one call of the client, which speaks asyncio only."""

    async def ask() -> Any:
        client = InferenceRESTClient(RESTConfig(protocol=protocol, timeout=60, retries=0))
        answer: Coroutine[Any, Any, Any] = getattr(client, call)(*arguments, **options)
        return await answer

    return asyncio.run(ask())


def infer(images: Images, *, binary: bool, url: str = "", headers: Any = None) -> Any:
    pixels = InferInput("pixels", list(images.pixels.shape), "UINT8")
    pixels.set_data_from_numpy(images.pixels, binary_data=binary)
    request = InferRequest(str(images.model), [pixels], request_id="night 7")
    where = url or str(images.url)
    return run("v2", "infer", where, request, model_name=str(images.model), headers=headers)


def check_infer(images: Images) -> None:
    """v2: infer, JSON"""
    compare(images, infer(images, binary=False))


def check_binary(images: Images) -> None:
    """v2: infer, binary in"""
    compare(images, infer(images, binary=True))


def compare(images: Images, answer: Any) -> None:
    assert answer.id == "night 7", answer.id
    outputs = {one.name: one.as_numpy() for one in answer.outputs}
    labels = [one.decode() if isinstance(one, bytes) else one for one in outputs["label"].tolist()]
    images.check_scores(labels, outputs["confidence"])


def check_key(images: Images) -> None:
    """v2: with a key, and without"""
    url = str(images.locked_url)
    compare(images, infer(images, binary=True, url=url, headers=images.authorization))
    refused(lambda: infer(images, binary=False, url=url), httpx.HTTPStatusError, "Authorization")


def check_health(images: Images) -> None:
    """v2: live, ready, model ready"""
    assert run("v2", "is_server_live", str(images.url)) is True
    assert run("v2", "is_server_ready", str(images.url)) is True
    assert run("v2", "is_model_ready", str(images.url), str(images.model)) is True


def check_refusals(images: Images) -> None:
    """v2: unknown model, refused in words"""
    body = {"inputs": [{"name": "pixels", "shape": [1, 1], "datatype": "UINT8", "data": [0]}]}
    refused(
        lambda: run("v2", "infer", str(images.url), body, model_name="nobody"),
        httpx.HTTPStatusError,
        "fashion",
    )


def check_v1(images: Images) -> None:
    """v1: predict, instances of numbers"""
    predict(images, images.pixels.tolist())


def check_v1_base64(images: Images) -> None:
    """v1: predict, instances of pictures in base64"""
    files = [Path(str(path)).read_bytes() for path in images.files]
    predict(images, [{"b64": base64.b64encode(file).decode()} for file in files])


def predict(images: Images, instances: list[Any]) -> None:
    body = {"instances": instances}
    answer = run("v1", "infer", str(images.url), body, model_name=str(images.model))
    rows = answer["predictions"]
    images.check_scores([one["label"] for one in rows], [one["confidence"] for one in rows])


def check_v1_refusals(images: Images) -> None:
    """v1: unknown model, wrong pixels: refused in words"""
    url, model = str(images.url), str(images.model)

    def ask(name: str, instances: list[Any]) -> Any:
        return run("v1", "infer", url, {"instances": instances}, model_name=name)

    refused(lambda: ask("nobody", [[0] * 784]), httpx.HTTPStatusError, "fashion")
    refused(lambda: ask(model, [[0]]), httpx.HTTPStatusError, "784")


def check_v1_health(images: Images) -> None:
    """v1: live, model ready"""
    assert run("v1", "is_server_live", str(images.url)) is True
    assert run("v1", "is_model_ready", str(images.url), str(images.model)) is True


CHECKS = (
    check_infer,
    check_binary,
    check_key,
    check_health,
    check_refusals,
    check_v1,
    check_v1_base64,
    check_v1_health,
    check_v1_refusals,
)

if __name__ == "__main__":
    sys.exit(run_checks(version("kserve"), CHECKS))
