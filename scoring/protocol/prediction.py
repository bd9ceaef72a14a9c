"""What the client sends and is answered, as both sides know it. No web framework here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import orjson
from msgspec import Struct
from numpy.typing import NDArray

from scoring.protocol.errors import AnswerError
from scoring.protocol.frame_codec import Compression, RowIds, encode_block

NOTHING_MORE: Mapping[str, Any] = MappingProxyType({})


class BadResponse(AnswerError):
    """The server's answer does not belong to the request; it is never written."""

    code = "bad-response"


class OtherVersion(BadResponse):
    """The server has another version of the model by now; it may have the one asked for again."""


class RowPrediction(NamedTuple):
    """One row of the answer.

    Attributes:
        id: as it was asked.
        label: the likeliest class.
        confidence: its calibrated probability, 0 to 1.
        review: why a person should look, several reasons joined by "; "; or None.
        outlier_score: larger for what is less like the training images.
        second_label: the class that comes next.
        second_confidence: its calibrated probability.
    """

    id: int | str
    label: str
    confidence: float
    review: str | None
    outlier_score: float
    second_label: str
    second_confidence: float


class PredictionResponse(Struct, frozen=True):
    """The answer to one request, checked against it."""

    model_name: str
    model_version: str
    inference_seconds: float
    predictions: list[RowPrediction]


def join_reasons(*reasons: str | None) -> str | None:
    """Return all reasons to look at an image as one text, in their order; None where none is."""
    return "; ".join(filter(None, reasons)) or None


def split_reasons(review: str | None) -> list[str]:
    """Return the reasons that ``join_reasons`` made one text of."""
    return review.split("; ") if review else []


def encode_request(ids: RowIds, pixels: NDArray[np.uint8], compression: Compression) -> bytes:
    """Return the client's own compact JSON for uint8 pixels [N, H·W·C]."""
    block = encode_block(ids, pixels, compression)
    data = block.pop("data")
    frame = orjson.dumps({"dataframe_b64": block})
    # There is nothing to escape in base64, and megabytes are copied once, not as a text grows.
    return b"".join((frame.removesuffix(b"}}"), b',"data":"', data, b'"}}'))


def encode_response(
    model_name: str,
    model_version: str,
    inference_seconds: float,
    predictions: Iterable[dict[str, Any]],
    more: Mapping[str, Any] = NOTHING_MORE,
) -> bytes:
    """Return the answer as JSON; the rows have the entries of RowPrediction, or an error.

    ``more`` stands beside the rows.
    """
    return orjson.dumps(
        {
            "model_name": model_name,
            "model_version": model_version,
            "inference_seconds": inference_seconds,
            "predictions": list(predictions),
            **more,
        }
    )


def decode_response(
    body: bytes, ids: Sequence[int | str], labels: Sequence[str], model_version: str
) -> PredictionResponse:
    """Read an answer and hold it against the request it must answer.

    Raises BadResponse for a wrong count, order, id, label or number, OtherVersion for what another
    version of the model says.
    """
    try:
        document = orjson.loads(body)
        answer = PredictionResponse(
            model_name=str(document["model_name"]),
            model_version=str(document["model_version"]),
            inference_seconds=float(document["inference_seconds"]),
            predictions=[_decode_row(row) for row in document["predictions"]],
        )
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise BadResponse(f"the answer is not a prediction response: {error!r}") from error
    _check_answer(answer, ids, frozenset(labels), model_version)
    return answer


def _decode_row(row: dict[str, Any]) -> RowPrediction:
    if type(row["id"]) not in (int, str):
        raise TypeError("an id is a number or a string")
    review = row["review"]
    return RowPrediction(
        id=row["id"],
        label=_text(row, "label"),
        confidence=_number(row, "confidence"),
        review=None if review is None else _text(row, "review"),
        outlier_score=_number(row, "outlier_score"),
        second_label=_text(row, "second_label"),
        second_confidence=_number(row, "second_confidence"),
    )


def _text(row: dict[str, Any], entry: str) -> str:
    value = row[entry]
    if not isinstance(value, str):
        raise TypeError(f"{entry} is a string")
    return value


def _number(row: dict[str, Any], entry: str) -> float:
    value = row[entry]
    if type(value) not in (float, int):
        raise TypeError(f"{entry} is a number")
    return float(value)


def _check_answer(
    answer: PredictionResponse,
    ids: Sequence[int | str],
    labels: frozenset[str],
    model_version: str,
) -> None:
    if answer.model_version != model_version:
        raise OtherVersion(
            f"the answer comes from model version {answer.model_version[:12]}, "
            f"this run uses {model_version[:12]}"
        )
    if len(answer.predictions) != len(ids):
        raise BadResponse(f"{len(answer.predictions)} predictions for {len(ids)} images")
    if not math.isfinite(answer.inference_seconds) or answer.inference_seconds < 0:
        raise BadResponse("inference_seconds is no time")
    for wanted, row in zip(ids, answer.predictions, strict=True):
        if row.id != wanted or type(row.id) is not type(wanted):
            raise BadResponse(f"prediction for id {row.id!r} where {wanted!r} was due")
        _check_row(row, labels)


def _check_row(row: RowPrediction, labels: frozenset[str]) -> None:
    if not {row.label, row.second_label} <= labels or row.label == row.second_label:
        raise BadResponse(f"unknown label {row.label!r} or {row.second_label!r}")
    if not 0.0 <= row.confidence <= 1.0:
        raise BadResponse(f"confidence {row.confidence} is not between 0 and 1")
    if not 0.0 <= row.second_confidence <= row.confidence:
        raise BadResponse(f"the second class is likelier: {row.second_confidence}")
    if not math.isfinite(row.outlier_score):
        raise BadResponse(f"outlier_score {row.outlier_score} is no number")
