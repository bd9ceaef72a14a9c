"""Pixels in, predictions out: the server without HTTP."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scoring.inference.predictions import Predictions
from scoring.protocol.errors import NotFound
from scoring.protocol.metadata import Readiness, served_models
from scoring.protocol.signature import Signature
from scoring.settings import ServerSettings
from server.drain import Drain
from server.models import ModelTable
from server.prediction_request import RequestLimits, Take, take_nothing

# How a version is called by programs that count them, and how much of ours is enough.
ONLY_VERSION = "1"
VERSION_START = 8


class Answer(Struct, frozen=True):
    """What a model saw in the rows of one request, in ``seconds`` of inference."""

    signature: Signature
    predictions: Predictions
    seconds: float


class Handler:
    """The models of this server and the work they take. Thread-safe.

    A model is asked for by the name in its signature, the first one by "". An unknown name is
    NotFound, one that looks like a path BadRequest.
    """

    def __init__(self, models: ModelTable, settings: ServerSettings, drain: Drain) -> None:
        self._models = models
        self._settings = settings
        self._drain = drain

    @property
    def ready(self) -> bool:
        """Whether new work is taken."""
        return not self._drain.closed

    def readiness(self) -> Readiness:
        """Return what this server says of itself."""
        return Readiness(self.ready, served_models(self.signatures()), os.getpid())

    def signatures(self) -> list[Signature]:
        """Return the signatures of all models, the first one's first."""
        return self._models.signatures()

    def signature(self, name: str = "", version: str = "") -> Signature:
        """Return the signature of a model; raises NotFound for a version that it is not."""
        signature = self._models.find(name).signature
        check_version(version, signature)
        return signature

    def held_out(self, name: str) -> tuple[Signature, bytes]:
        """Return what a model said of the images it was measured with; NotFound without any."""
        predictor = self._models.find(name)
        content = predictor.held_out()
        if content is None:
            raise NotFound(f"{predictor.signature.name} brings no reference", code="no_reference")
        return predictor.signature, content

    def limits(self, signature: Signature, take: Take = take_nothing) -> RequestLimits:
        """Return what one request to this model may hold; ``take`` accounts for its memory."""
        return RequestLimits(
            rows=row_limit(self._settings, signature),
            json_depth=self._settings.max_json_depth,
            image_pixels=self._settings.max_image_pixels,
            row_arrays=row_arrays(signature),
            take=take,
        )

    @contextmanager
    def working(self) -> Iterator[None]:
        """Count one request as in flight; raises Unavailable once the server is stopping."""
        with self._drain.request():
            yield

    def score(self, name: str, pixels: NDArray[np.uint8]) -> Answer:
        """Return what a model sees in ``pixels`` uint8 [N, H·W·C].

        Raises ValueError rather than tell a score that is no number, in whatever dialect.
        """
        predictor = self._models.find(name)
        started = time.perf_counter()
        predictions = predictor.predict(pixels)
        seconds = time.perf_counter() - started
        if not np.isfinite(predictions.confidence + predictions.outlier_score).all():
            raise ValueError("the model gave a score that is no number")
        return Answer(predictor.signature, predictions, seconds)


def check_version(version: str, signature: Signature) -> None:
    """Raise NotFound for a version that this model is not.

    It is the whole one, or its beginning, or 1: some callers know nothing but numbers.
    """
    is_start = len(version) >= VERSION_START and signature.version.startswith(version)
    if version and version != ONLY_VERSION and not is_start:
        raise NotFound(
            f"{signature.name} has version {signature.version} only (or {ONLY_VERSION} for short)",
            code="unknown_version",
        )


def row_limit(settings: ServerSettings, signature: Signature) -> int:
    """Return how many images of this model a request may hold: their pixels are bytes, too."""
    fitting = settings.max_request_bytes // signature.input.row_length
    return max(1, min(settings.max_rows, fitting))


def row_arrays(signature: Signature) -> int:
    """Return how many arrays or objects an image may be written in at most.

    Nested as [H][W][C] it has one for each pixel; a table has one for each column.
    """
    height, width, channels = signature.input.shape
    return 1 + height + height * width * channels
