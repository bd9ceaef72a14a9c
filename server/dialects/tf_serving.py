"""TensorFlow Serving's REST API; KServe's first protocol has the same paths and is served, too.

Sources: TensorFlow's ``serving/api_rest.md`` and KServe's "Data Plane (V1)".
"""

from __future__ import annotations

from typing import Any

import orjson
from msgspec.structs import replace

from scoring.protocol.errors import ApiError, BadRequest
from scoring.protocol.signature import Signature
from server.dialects.dialect import Call, Dialect, Reply, Scoring, Telling
from server.dialects.json_body import JSON_TYPES, may_hold_booleans, parse_json, weigh_json
from server.dialects.pixel_forms import TENSORS, read_document
from server.dialects.rows import Row, answer_rows, detail_of
from server.dialects.tf_serving_schema import MODELS, NAME, OUTPUTS, PIXELS, VERSIONED, describe
from server.handler import ONLY_VERSION, Answer, Handler
from server.prediction_request import PredictionRequest, RequestLimits

SIGNATURE_NAME = "serving_default"
ANY_SIZE = -1


def weigh(call: Call, signature: Signature, limits: RequestLimits) -> int:
    """Return what the JSON takes once it is parsed."""
    return weigh_json(call.body)


def decode(call: Call, signature: Signature, limits: RequestLimits) -> PredictionRequest:
    """Read ``instances`` or ``inputs``; raises BadRequest, TooLarge or InvalidPixels."""
    document, booleans = parse_json(call.body, limits), may_hold_booleans(call.body)
    request = read_document(document, signature, limits, TENSORS, booleans)
    if document.get("signature_name") not in (None, "", SIGNATURE_NAME):
        raise BadRequest(f"the one signature of this model is {SIGNATURE_NAME}")
    detail = replace(detail_of(call.query), as_columns="inputs" in document)
    return replace(request, detail=detail)


def encode(request: PredictionRequest, answer: Answer) -> Reply:
    """Write ``predictions``, an object for each row, or ``outputs``, a list for each entry."""
    rows = [_without_id(row) for row in answer_rows(request, answer)]
    if not request.detail.as_columns:
        return _json({"predictions": rows})
    names = dict.fromkeys(name for row in rows for name in row) or OUTPUTS
    return _json({"outputs": {name: [row.get(name) for row in rows] for name in names}})


def error(refusal: ApiError) -> Reply:
    """Write ``{"error": "…"}``."""
    return _json({"error": refusal.message}, refusal.status)


def _without_id(row: Row) -> Row:
    """Rows have no names here, their order tells which is which."""
    return {name: value for name, value in row.items() if name != "id"}


def _tell_models(handler: Handler, call: Call) -> Reply:
    return _json({"models": [signature.name for signature in handler.signatures()]})


def _tell_status(handler: Handler, call: Call) -> Reply:
    """Answer as both protocols have it: the state of a version, and whether it is ready."""
    signature, ready = _signature(handler, call), handler.ready
    state = {
        "version": ONLY_VERSION,
        "state": "AVAILABLE" if ready else "UNLOADING",
        "status": {"error_code": "OK", "error_message": ""},
    }
    document = {
        "model_version_status": [state],
        "name": signature.name,
        "ready": ready,
        "version": signature.version,
    }
    return _json(document, 200 if ready else 503)


def _tell_metadata(handler: Handler, call: Call) -> Reply:
    signature = _signature(handler, call)
    pixels = {PIXELS: _tensor(PIXELS, "DT_UINT8", ANY_SIZE, signature.input.row_length)}
    outputs = {name: _tensor(name, datatype, ANY_SIZE) for name, datatype in OUTPUTS.items()}
    described = {
        "inputs": pixels,
        "outputs": outputs,
        "method_name": "tensorflow/serving/predict",
    }
    spec = {"name": signature.name, "signature_name": "", "version": ONLY_VERSION}
    metadata = {"signature_def": {"signature_def": {SIGNATURE_NAME: described}}}
    return _json({"model_spec": spec, "metadata": metadata})


def _tensor(name: str, datatype: str, *sizes: int) -> dict[str, Any]:
    sides = [{"size": str(size), "name": ""} for size in sizes]
    shape = {"dim": sides, "unknown_rank": False}
    return {"dtype": datatype, "tensor_shape": shape, "name": f"{name}:0"}


def _signature(handler: Handler, call: Call) -> Signature:
    return handler.signature(call.path["name"], call.path.get("version", ""))


def _json(document: Any, status: int = 200) -> Reply:
    return Reply(orjson.dumps(document), status)


DIALECT = Dialect(
    name="tf_serving",
    paths=("/v1", "/v1/", "/monitoring", "/monitoring/"),
    media_types=JSON_TYPES,
    tellings=(
        Telling(MODELS, _tell_models),
        *(Telling(path, _tell_status) for path in (NAME, VERSIONED)),
        *(Telling(f"{path}/metadata", _tell_metadata) for path in (NAME, VERSIONED)),
    ),
    scorings=tuple(Scoring(f"{path}:predict") for path in (NAME, VERSIONED)),
    weigh=weigh,
    decode=decode,
    encode=encode,
    error=error,
    describe=describe,
)
