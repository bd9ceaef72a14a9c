"""What a server says of itself and of its models: written by the server, read by all others.

The readiness of ``GET /health/ready`` and the model metadata of ``GET /v2/models/{name}`` (that of
the Open Inference Protocol, with the signature as its parameters).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from msgspec import Struct

from scoring.protocol.errors import StrangerOnPort
from scoring.protocol.signature import Signature, SignatureError, parse_signature

READY_PATH = "/health/ready"
REFERENCE_PATH = "/models/{name}/reference"
# A hundred thousand images; more say no more.
REFERENCE_BYTES = 4_000_000
PLATFORM = "litert_int8"


class TensorSpec(Struct, frozen=True):
    """A tensor of the Open Inference Protocol, whose first side is the number of images."""

    name: str
    datatype: str
    is_per_class: bool = False


PIXELS = TensorSpec("pixels", "UINT8")
OUTPUTS = (
    TensorSpec("label", "BYTES"),
    TensorSpec("confidence", "FP32"),
    TensorSpec("review", "BYTES"),
    TensorSpec("outlier_score", "FP32"),
    TensorSpec("probabilities", "FP32", is_per_class=True),
)


class ForeignAnswer(StrangerOnPort):
    """What answered is no server of this software, or one of another time."""

    code = "foreign-answer"


class ServedModel(Struct, frozen=True):
    """A model by its name and version (SHA-256 of its signature)."""

    name: str
    version: str


class Readiness(Struct, frozen=True):
    """What a server of this software says of itself.

    Attributes:
        ready: it takes work.
        models: what it serves; the first answers where none is named.
        pid: its process, None if it does not say.
    """

    ready: bool
    models: tuple[ServedModel, ...] = ()
    pid: int | None = None


def model_path(name: str) -> str:
    """Return the path of a model's metadata."""
    return f"/v2/models/{name}"


def served_models(signatures: Iterable[Signature]) -> tuple[ServedModel, ...]:
    """Return the models of these signatures, in their order."""
    return tuple(ServedModel(signature.name, signature.version) for signature in signatures)


def encode_models(models: Iterable[ServedModel]) -> list[dict[str, str]]:
    """Return the list of models as the server's answers show it."""
    return [{"name": model.name, "version": model.version} for model in models]


def encode_readiness(readiness: Readiness) -> dict[str, Any]:
    """Return the body of ``GET /health/ready``."""
    return {
        "live": True,
        "ready": readiness.ready,
        "pid": readiness.pid,
        "models": encode_models(readiness.models),
    }


def decode_readiness(body: bytes) -> Readiness:
    """Read the body of ``GET /health/ready``; raises ForeignAnswer for any other."""
    document = _object(body)
    try:
        if document["live"] is not True or type(document["ready"]) is not bool:
            raise ForeignAnswer("what answers does not say that it lives and whether it is ready")
        models = tuple(_model(one) for one in document["models"])
        pid = document.get("pid")
    except (KeyError, TypeError) as error:
        raise ForeignAnswer(f"what answers is no scoring server: {error!r}") from error
    return Readiness(
        ready=document["ready"],
        models=models,
        pid=pid if type(pid) is int else None,
    )


def encode_metadata(signature: Signature) -> dict[str, Any]:
    """Return the body of ``GET /v2/models/{name}``."""
    return {
        "name": signature.name,
        "versions": [signature.version],
        "platform": PLATFORM,
        "inputs": [_tensor(PIXELS, [signature.input.row_length])],
        "outputs": [
            _tensor(output, [len(signature.labels)] if output.is_per_class else [])
            for output in OUTPUTS
        ],
        "parameters": signature.to_dict(),
    }


def decode_metadata(body: bytes) -> Signature:
    """Read the body of ``GET /v2/models/{name}``.

    Raises ForeignAnswer where it holds no signature that this software can read.
    """
    document = _object(body)
    try:
        return parse_signature(orjson.dumps(document["parameters"]))
    except (KeyError, TypeError, SignatureError) as error:
        raise ForeignAnswer(f"the model is described in a way unknown here: {error}") from error


def _tensor(spec: TensorSpec, sides: list[int]) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": [-1, *sides]}


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ForeignAnswer(f"what answers is no scoring server: {error}") from error
    if not isinstance(document, dict):
        raise ForeignAnswer("what answers is no scoring server: not a JSON object")
    return document


def _model(document: Any) -> ServedModel:
    name, version = document["name"], document["version"]
    if not isinstance(name, str) or not isinstance(version, str):
        raise TypeError("a model's name and version are strings")
    return ServedModel(name, version)
