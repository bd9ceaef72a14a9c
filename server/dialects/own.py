"""This server's own dialect: JSON that a person with curl can write, and the client's form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from scoring.protocol.errors import ApiError
from scoring.protocol.frame_codec import RowIds
from scoring.protocol.json_shape import parsed_bytes
from scoring.protocol.metadata import READY_PATH, encode_readiness
from scoring.protocol.prediction import encode_response
from scoring.protocol.signature import Signature
from server.dialects import pictures
from server.dialects.dialect import Call, Dialect, Reply, Scoring, Telling
from server.dialects.json_body import JSON_TYPES
from server.dialects.own_schema import IMAGE_NAME, PREDICT, PREDICT_BY_NAME, describe
from server.dialects.pictures import PictureRequest
from server.dialects.pixel_forms import BLOCK, SPLIT, read_form
from server.handler import Answer, Handler
from server.prediction_request import PredictionRequest, RequestLimits

FORMS = {**BLOCK, **SPLIT}


def weigh(call: Call, signature: Signature, limits: RequestLimits) -> int:
    """Return what the JSON takes once it is parsed, and the pixels once they are inflated."""
    if pictures.is_pictures(call):
        return pictures.weigh(call)
    inflated = limits.rows * signature.input.row_length if b"zlib" in call.body else 0
    return parsed_bytes(call.body) + inflated


def decode(call: Call, signature: Signature, limits: RequestLimits) -> PredictionRequest:
    """Read pictures, or one of the forms of pixels."""
    if pictures.is_pictures(call):
        return pictures.decode(call, signature, limits)
    return read_form(call.body, signature, limits, FORMS)


def encode(request: PredictionRequest, answer: Answer) -> Reply:
    """Write one row for each of the request, under its id."""
    signature, more = answer.signature, {}
    rows = list(_rows(request.ids, answer))
    if isinstance(request, PictureRequest):
        rows = list(pictures.woven(rows, request))
        more = pictures.of_one(rows[0], signature) if len(rows) == 1 else {}
    return Reply(encode_response(signature.name, signature.version, answer.seconds, rows, more))


def error(refusal: ApiError) -> Reply:
    """Write ``{"error": {"code", "message", "limit"}}``."""
    return _json(refusal.as_json(), refusal.status)


def _rows(ids: RowIds, answer: Answer) -> Iterator[dict[str, Any]]:
    labels, seen = answer.signature.labels, answer.predictions
    columns = zip(
        ids,
        seen.class_index.tolist(),
        seen.confidence.tolist(),
        seen.review,
        seen.outlier_score.tolist(),
        seen.second_index.tolist(),
        seen.second_confidence.tolist(),
        strict=True,
    )
    for id_, index, confidence, review, outlier, second, second_confidence in columns:
        yield {
            "id": id_,
            "label": labels[index],
            "confidence": confidence,
            "review": review,
            "outlier_score": outlier,
            "second_label": labels[second],
            "second_confidence": second_confidence,
        }


def _tell_what_this_is(handler: Handler, call: Call) -> Reply:
    return _json(
        {
            "service": "image scorer",
            "what": handler.signature().purpose,
            "models": [_about(signature) for signature in handler.signatures()],
            "endpoints": {
                "POST /predict": "pictures as files, or pixels as JSON; the first model answers",
                "POST /models/{name}/predict": "the same with the model named",
                "GET /v2/models/{name}": "labels, input shape, preprocessing, version",
                "GET /openapi.json": "this API, described for programs",
                "GET /health/live": "the process answers",
                "GET /health/ready": "models are loaded and work is taken",
            },
        }
    )


def _about(signature: Signature) -> dict[str, str]:
    return {
        "name": signature.name,
        "version": signature.version,
        "purpose": signature.purpose,
    }


def _tell_liveness(handler: Handler, call: Call) -> Reply:
    return _json({"live": True, "ready": handler.ready})


def _tell_readiness(handler: Handler, call: Call) -> Reply:
    readiness = handler.readiness()
    return _json(encode_readiness(readiness), 200 if readiness.ready else 503)


def _json(document: Any, status: int = 200) -> Reply:
    return Reply(orjson.dumps(document), status)


DIALECT = Dialect(
    name="own",
    paths=(),
    media_types=JSON_TYPES | pictures.MEDIA_TYPES,
    tellings=(
        Telling("/", _tell_what_this_is),
        Telling("/health/live", _tell_liveness, open_=True),
        Telling(READY_PATH, _tell_readiness, open_=True),
    ),
    scorings=(
        *(Scoring(path) for path in PREDICT),
        *(Scoring(path, "GET", file_parameter=IMAGE_NAME) for path in PREDICT_BY_NAME),
    ),
    weigh=weigh,
    decode=decode,
    encode=encode,
    error=error,
    describe=describe,
)
