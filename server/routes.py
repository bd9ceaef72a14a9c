"""The endpoints. Each reads a request, asks a predictor, writes the answer; no more."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import orjson
from flask import Blueprint, Response, request
from werkzeug.routing import BaseConverter

from scoring.inference.predictor import Predictions, Predictor
from scoring.protocol.frame_codec import RowIds
from scoring.protocol.metadata import (
    Readiness,
    encode_metadata,
    encode_models,
    encode_readiness,
    served_models,
)
from scoring.protocol.prediction import RequestLimits, decode_request, encode_response
from scoring.settings import ServerSettings
from server.drain import Drain
from server.models import ModelTable
from server.openapi import openapi_document
from server.request_body import read_body


class AnyName(BaseConverter):
    """Takes whatever stands in the place of a name, slashes too, so that a path is refused."""

    regex = r"[\s\S]*?"
    part_isolating = False


def make_routes(
    models: ModelTable, settings: ServerSettings, drain: Drain, nonce: str | None
) -> Blueprint:
    """Return the blueprint of the API."""
    api = Blueprint("api", __name__)
    limits = RequestLimits(rows=settings.max_rows, json_depth=settings.max_json_depth)

    @api.get("/")
    def index() -> Response:
        return _json(_about(models))

    @api.get("/openapi.json")
    def description() -> Response:
        return _json(openapi_document(settings, models.first.signature))

    @api.get("/health/live")
    def live() -> Response:
        return _json({"live": True, "ready": not drain.closed})

    @api.get("/health/ready")
    def ready() -> Response:
        status = 503 if drain.closed else 200
        served = served_models(models.signatures())
        readiness = Readiness(not drain.closed, served, os.getpid(), nonce)
        return _json(encode_readiness(readiness), status)

    @api.get("/v2/models/<name:name>")
    def metadata(name: str) -> Response:
        return _json(encode_metadata(models.find(name).signature))

    @api.post("/predict")
    def predict_first() -> Response:
        with drain.request():
            return _predict(models.first, settings, limits)

    @api.post("/models/<name:name>/predict")
    def predict_named(name: str) -> Response:
        with drain.request():
            return _predict(models.find(name), settings, limits)

    return api


def _predict(predictor: Predictor, settings: ServerSettings, limits: RequestLimits) -> Response:
    wanted = decode_request(read_body(settings), predictor.signature.input.row_length, limits)
    started = time.perf_counter()
    predictions = predictor.predict(wanted.pixels)
    seconds = time.perf_counter() - started
    signature = predictor.signature
    body = encode_response(
        signature.name, signature.version, seconds, _rows(wanted.ids, predictions, signature.labels)
    )
    request.environ["scoring.rows"] = len(wanted.ids)
    return Response(body, mimetype="application/json")


def _rows(
    ids: RowIds, predictions: Predictions, labels: tuple[str, ...]
) -> Iterator[dict[str, Any]]:
    columns = zip(
        ids,
        predictions.class_index.tolist(),
        predictions.confidence.tolist(),
        predictions.review,
        predictions.outlier_score.tolist(),
        predictions.second_index.tolist(),
        predictions.second_confidence.tolist(),
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


def _about(models: ModelTable) -> dict[str, Any]:
    return {
        "service": "garment scorer",
        "what": "names the garment in 28×28 grey images and says how sure it is",
        "models": encode_models(served_models(models.signatures())),
        "endpoints": {
            "POST /predict": "dataframe_b64 or dataframe_split; the first model answers",
            "POST /models/{name}/predict": "the same with the model named",
            "GET /v2/models/{name}": "labels, input shape, preprocessing, version",
            "GET /openapi.json": "this API, described for programs",
            "GET /health/live": "the process answers",
            "GET /health/ready": "models are loaded and work is taken",
        },
    }


def _json(document: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(document), status=status, mimetype="application/json")
