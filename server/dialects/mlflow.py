"""MLflow's scoring server, and the endpoints its deployments client asks for.

Sources: ``mlflow.pyfunc.scoring_server`` and ``mlflow.deployments.mlflow``.
"""

from __future__ import annotations

from typing import Any

import orjson
from msgspec.structs import replace

from scoring.protocol.errors import ApiError, BadRequest
from scoring.protocol.signature import Signature
from server.dialects import csv_body
from server.dialects.dialect import Call, Dialect, Reply, Scoring, Telling
from server.dialects.json_body import JSON_TYPES, may_hold_booleans, parse_json, weigh_json
from server.dialects.mlflow_schema import (
    ENDPOINT,
    ENDPOINTS,
    HEALTH,
    INVOCATIONS,
    INVOCATIONS_OF,
    VERSION,
    describe,
)
from server.dialects.pixel_forms import FRAMES, TENSORS, read_document
from server.dialects.rows import answer_rows, detail_in, detail_of
from server.handler import Answer, Handler
from server.prediction_request import PredictionRequest, RequestLimits

FORMS = {**FRAMES, **TENSORS}
# MLflow's names (its ErrorCode) by HTTP's numbers.
ERROR_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    404: "RESOURCE_DOES_NOT_EXIST",
    405: "ENDPOINT_NOT_FOUND",
    413: "RESOURCE_LIMIT_EXCEEDED",
    415: "INVALID_PARAMETER_VALUE",
    422: "INVALID_PARAMETER_VALUE",
    503: "TEMPORARILY_UNAVAILABLE",
}
INTERNAL_ERROR = "INTERNAL_ERROR"
# What lies below them is refused in this dialect, too; below /health lies the own dialect's.
PLACES = (*HEALTH, VERSION, INVOCATIONS, "/endpoints", "/api")


def weigh(call: Call, signature: Signature, limits: RequestLimits) -> int:
    """Return what the table takes once it is parsed."""
    return csv_body.weigh(call) if csv_body.is_csv(call) else weigh_json(call.body)


def decode(call: Call, signature: Signature, limits: RequestLimits) -> PredictionRequest:
    """Read one of the forms, or CSV; ``params`` beside it are those of the query.

    Raises BadRequest, TooLarge or InvalidPixels.
    """
    if csv_body.is_csv(call):
        request = csv_body.read_csv(call, signature, limits)
        return replace(request, detail=detail_of(call.query))
    document, booleans = parse_json(call.body, limits), may_hold_booleans(call.body)
    request = read_document(document, signature, limits, FORMS, booleans)
    return replace(request, detail=detail_of({**_params(document), **call.query}))


def encode(request: PredictionRequest, answer: Answer) -> Reply:
    """Write ``{"predictions": [{…}, …]}``."""
    return _json({"predictions": answer_rows(request, answer)})


def error(refusal: ApiError) -> Reply:
    """Write ``{"error_code": "…", "message": "…"}``."""
    code = ERROR_CODES.get(refusal.status, INTERNAL_ERROR)
    return _json({"error_code": code, "message": refusal.message}, refusal.status)


def _params(document: Any) -> dict[str, str]:
    """Return the parameters that there are here; others are passed over, as MLflow does."""
    params = document.get("params") if isinstance(document, dict) else None
    if params is None:
        return {}
    if not isinstance(params, dict):
        raise BadRequest("params is an object")
    return detail_in(params)


def _tell_health(handler: Handler, call: Call) -> Reply:
    return _json({"ready": handler.ready}, 200 if handler.ready else 503)


def _tell_version(handler: Handler, call: Call) -> Reply:
    version = handler.signature().version
    return Reply(version.encode(), content_type="text/plain; charset=utf-8")


def _tell_endpoints(handler: Handler, call: Call) -> Reply:
    return _json({"endpoints": [_endpoint(one) for one in handler.signatures()]})


def _tell_endpoint(handler: Handler, call: Call) -> Reply:
    return _json(_endpoint(handler.signature(call.path["name"])))


def _endpoint(signature: Signature) -> dict[str, Any]:
    return {
        "name": signature.name,
        "endpoint_type": "image-classification",
        "model": {"name": signature.name, "provider": "image scorer"},
        "endpoint_url": INVOCATIONS_OF.replace("{name}", signature.name),
        "limit": None,
    }


def _json(document: Any, status: int = 200) -> Reply:
    return Reply(orjson.dumps(document), status)


DIALECT = Dialect(
    name="mlflow",
    paths=(*PLACES, *(f"{place}/" for place in PLACES if place != "/health")),
    media_types=JSON_TYPES | {csv_body.MEDIA_TYPE},
    tellings=(
        *(Telling(path, _tell_health, open_=True) for path in HEALTH),
        Telling(VERSION, _tell_version),
        Telling(ENDPOINTS, _tell_endpoints),
        Telling(ENDPOINT, _tell_endpoint),
    ),
    scorings=(Scoring(INVOCATIONS), Scoring(INVOCATIONS_OF)),
    weigh=weigh,
    decode=decode,
    encode=encode,
    error=error,
    describe=describe,
)
