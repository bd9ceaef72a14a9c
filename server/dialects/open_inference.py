"""The Open Inference Protocol, version 2, as KServe, Triton and MLServer speak it.

With its extensions for binary tensors and for classification. Sources: the protocol's
specification (kserve/open-inference-protocol) and Triton's documents of the two extensions.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import orjson

from scoring.protocol.errors import ApiError, BadRequest, NotFound
from scoring.protocol.json_shape import parsed_bytes
from scoring.protocol.metadata import encode_metadata
from scoring.protocol.signature import Signature
from server.dialects.dialect import Call, Dialect, Reply, Scoring, Telling
from server.dialects.infer_request import InferRequest, WantedOutput, decode_infer
from server.dialects.json_body import JSON_TYPES
from server.dialects.open_inference_schema import (
    BINARY_TYPE,
    JSON_LENGTH,
    NAME,
    NOT_HERE,
    VERSIONED,
    describe,
)
from server.dialects.tensors import Tensor
from server.handler import Answer, Handler
from server.prediction_request import PredictionRequest, RequestLimits

SERVER = {
    "name": "image scorer",
    "version": "1",
    "extensions": ["binary_tensor_data", "classification"],
}
# A tensor of other numbers than bytes is compared with what a pixel may be.
BYTES_BESIDE = 4


def weigh(call: Call, signature: Signature, limits: RequestLimits) -> int:
    """Return what the JSON takes once it is parsed, and the look at the tensor behind it."""
    text, binary = _split(call)
    return parsed_bytes(text) + BYTES_BESIDE * len(binary)


def decode(call: Call, signature: Signature, limits: RequestLimits) -> InferRequest:
    """Read an infer request; raises BadRequest, TooLarge or InvalidPixels."""
    return decode_infer(*_split(call), signature, limits)


def encode(request: PredictionRequest, answer: Answer) -> Reply:
    """Write the wanted outputs, those in binary behind the JSON."""
    assert isinstance(request, InferRequest)
    signature = answer.signature
    outputs, tail = [], b""
    for wanted in request.outputs:
        tensor = _tensor(wanted, answer)
        described = {"name": wanted.name, "datatype": tensor.datatype, "shape": tensor.shape}
        if wanted.binary:
            raw = tensor.as_bytes()
            tail += raw
            outputs.append({**described, "parameters": {"binary_data_size": len(raw)}})
        else:
            outputs.append({**described, "data": tensor.values})
    document = {"model_name": signature.name, "model_version": signature.version}
    if request.id is not None:
        document["id"] = request.id
    text = orjson.dumps({**document, "outputs": outputs}, option=orjson.OPT_SERIALIZE_NUMPY)
    if not any(wanted.binary for wanted in request.outputs):
        return Reply(text)
    headers = {JSON_LENGTH: str(len(text))}
    return Reply(text + tail, content_type=BINARY_TYPE, headers=headers)


def error(refusal: ApiError) -> Reply:
    """Write ``{"error": "…"}``."""
    return Reply(orjson.dumps({"error": refusal.message}), refusal.status)


def _split(call: Call) -> tuple[bytes, bytes]:
    """Return the JSON of a body and the tensors that follow it; raises BadRequest."""
    length = call.headers.get(JSON_LENGTH.lower())
    if length is None:
        if not call.body.rstrip().endswith(b"}") and b'"binary_data_size"' in call.body:
            _refuse(f"tensors follow the JSON: say in {JSON_LENGTH} how many bytes it has")
        return call.body, b""
    if not length.isdecimal() or len(length) > len(str(len(call.body))):
        _refuse(f"{JSON_LENGTH} is the length of the JSON, in bytes")
    if int(length) > len(call.body):
        _refuse(f"{JSON_LENGTH} is {length}, the body has {len(call.body)} bytes")
    return call.body[: int(length)], call.body[int(length) :]


def _tensor(wanted: WantedOutput, answer: Answer) -> Tensor:
    seen, labels = answer.predictions, answer.signature.labels
    if wanted.classes:
        return _classification(wanted, answer)
    match wanted.name:
        case "label":
            return Tensor.of_texts([labels[index] for index in seen.class_index.tolist()])
        case "review":
            return Tensor.of_texts([review or "" for review in seen.review])
        case "confidence":
            return Tensor.of_numbers(seen.confidence)
        case "outlier_score":
            return Tensor.of_numbers(seen.outlier_score)
    return Tensor.of_numbers(seen.probabilities)


def _classification(wanted: WantedOutput, answer: Answer) -> Tensor:
    """Return texts [N, K] like ``0.97:9:Ankle boot``, the likeliest class first."""
    labels = answer.signature.labels
    probabilities = answer.predictions.probabilities
    count = min(wanted.classes, len(labels))
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
    values = np.take_along_axis(probabilities, order, axis=1).astype(np.float32)
    texts = [
        f"{value!s}:{index}:{labels[index]}"
        for value, index in zip(values.ravel(), order.ravel().tolist(), strict=True)
    ]
    return Tensor([len(order), count], texts)


def _tell_server(handler: Handler, call: Call) -> Reply:
    return _json(SERVER)


def _tell_health(handler: Handler, call: Call) -> Reply:
    """Answer with both words, for some callers look for one and some for the other."""
    return _json({"live": True, "ready": handler.ready})


def _tell_readiness(handler: Handler, call: Call) -> Reply:
    return _json({"live": True, "ready": handler.ready}, 200 if handler.ready else 503)


def _tell_models(handler: Handler, call: Call) -> Reply:
    return _json({"models": [signature.name for signature in handler.signatures()]})


def _tell_model(handler: Handler, call: Call) -> Reply:
    return _json(encode_metadata(_signature(handler, call)))


def _tell_model_readiness(handler: Handler, call: Call) -> Reply:
    name = _signature(handler, call).name
    return _json({"name": name, "ready": handler.ready}, 200 if handler.ready else 503)


def _tell_nothing(handler: Handler, call: Call) -> Reply:
    raise NotFound("this server has no statistics and no configuration here; see GET /v2/models/…")


def _signature(handler: Handler, call: Call) -> Signature:
    return handler.signature(call.path["name"], call.path.get("version", ""))


def _json(document: Any, status: int = 200) -> Reply:
    return Reply(orjson.dumps(document), status)


def _refuse(message: str) -> NoReturn:
    raise BadRequest(message)


DIALECT = Dialect(
    name="open_inference",
    paths=("/v2", "/v2/"),
    media_types=JSON_TYPES | {BINARY_TYPE},
    tellings=(
        Telling("/v2", _tell_server),
        Telling("/v2/health/live", _tell_health, open_=True),
        Telling("/v2/health/ready", _tell_readiness, open_=True),
        Telling("/v2/models", _tell_models),
        *(Telling(one, _tell_model) for one in (NAME, VERSIONED)),
        *(Telling(f"{one}/ready", _tell_model_readiness) for one in (NAME, VERSIONED)),
        *(Telling(one, _tell_nothing) for one in NOT_HERE),
    ),
    scorings=(Scoring(f"{NAME}/infer"), Scoring(f"{VERSIONED}/infer")),
    weigh=weigh,
    decode=decode,
    encode=encode,
    error=error,
    describe=describe,
    compresses=True,
)
