"""This server's own dialect: JSON that a person with curl can write, and the client's form."""

from __future__ import annotations

from typing import Any

import orjson
from msgspec.structs import replace

from scoring.protocol.errors import ApiError
from scoring.protocol.json_shape import without_block
from scoring.protocol.metadata import READY_PATH, REFERENCE_PATH, encode_readiness
from scoring.protocol.prediction import encode_response
from scoring.protocol.signature import Signature
from server.dialects import csv_body, multipart, original, picture_form, pictures
from server.dialects.dialect import Call, Dialect, Reply, Scoring, Telling
from server.dialects.json_body import (
    JSON_TYPES,
    is_text,
    may_be_json,
    may_hold_booleans,
    parse_with_block,
    text_within,
    weigh_json,
)
from server.dialects.original import OriginalRequest
from server.dialects.own_schema import IMAGE_NAME, PREDICT, PREDICT_BY_NAME, describe
from server.dialects.pictures import PictureRequest
from server.dialects.pixel_forms import BLOCK, FRAMES, TENSORS, read_document
from server.dialects.rows import answer_rows, asked_beside, detail_in, detail_of
from server.handler import Answer, Handler
from server.prediction_request import PredictionRequest, RequestLimits

FORMS = {**BLOCK, **FRAMES, **TENSORS}


def weigh(call: Call, signature: Signature, limits: RequestLimits) -> int:
    """Return what the JSON takes once it is parsed, and the pixels once they are inflated."""
    if pictures.is_pictures(call):
        return pictures.weigh(call)
    if csv_body.is_csv(call):
        return csv_body.weigh(call)
    inflated = (
        limits.rows * signature.input.row_length if b"zlib" in without_block(call.body) else 0
    )
    return weigh_json(call.body) + inflated


def decode(call: Call, signature: Signature, limits: RequestLimits) -> PredictionRequest:
    """Read pictures, or one of the forms of pixels.

    ``probabilities`` and ``top`` beside a form are heeded like the parameters of the address.
    """
    if call.media_type == multipart.MEDIA_TYPE:
        return picture_form.decode(call, signature, limits)
    known = [IMAGE_NAME] if call.file_name else []
    detail_of(call.query, *known)
    beside: dict[str, str] = {}
    request = _decode(call, signature, limits, beside)
    detail = detail_of(asked_beside(call.query, beside, "body"), *known)
    if isinstance(request, OriginalRequest):
        original.check_detail(detail)
    return replace(request, detail=detail)


def _decode(
    call: Call, signature: Signature, limits: RequestLimits, beside: dict[str, str]
) -> PredictionRequest:
    """Read what was sent; ``beside`` takes what a body of JSON asks for beside its images."""
    if pictures.is_pictures(call):
        return pictures.decode(call, signature, limits)
    if csv_body.is_csv(call):
        return csv_body.read_csv(call, signature, limits)
    if call.media_type in pictures.UNTYPED and not may_be_json(call.body):
        raise pictures.neither(call.body)
    text = text_within(call.body, limits) if is_text(call.body) else call.body
    document, booleans = parse_with_block(text, limits), may_hold_booleans(text)
    if original.is_original(document) and not document.keys() & FORMS.keys():
        return original.decode(document, signature, limits, booleans)
    if isinstance(document, dict):
        beside.update(detail_in(document))
    return read_document(document, signature, limits, FORMS, booleans)


def encode(request: PredictionRequest, answer: Answer) -> Reply:
    """Write one row for each of the request, under its id."""
    if isinstance(request, OriginalRequest):
        return original.encode(request, answer)
    signature = answer.signature
    rows = answer_rows(request, answer)
    one = isinstance(request, PictureRequest) and len(rows) == 1
    more = pictures.of_one(rows[0], signature) if one else {}
    return Reply(encode_response(signature.name, signature.version, answer.seconds, rows, more))


def error(refusal: ApiError) -> Reply:
    """Write ``{"error": {"code", "message", "limit"}}``."""
    return _json(refusal.as_json(), refusal.status)


def _tell_liveness(handler: Handler, call: Call) -> Reply:
    return _json({"live": True, "ready": handler.ready})


def _tell_readiness(handler: Handler, call: Call) -> Reply:
    readiness = handler.readiness()
    return _json(encode_readiness(readiness), 200 if readiness.ready else 503)


def _tell_reference(handler: Handler, call: Call) -> Reply:
    signature, content = handler.held_out(call.path["name"])
    return Reply(content, content_type=pictures.BYTES, headers={"ETag": f'"{signature.version}"'})


def _json(document: Any, status: int = 200) -> Reply:
    return Reply(orjson.dumps(document), status)


DIALECT = Dialect(
    name="own",
    paths=(),
    media_types=JSON_TYPES | pictures.MEDIA_TYPES | {csv_body.MEDIA_TYPE},
    tellings=(
        Telling("/health/live", _tell_liveness, open_=True),
        Telling(READY_PATH, _tell_readiness, open_=True),
        Telling(REFERENCE_PATH, _tell_reference),
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
