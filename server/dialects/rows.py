"""A row of the answer for each image, as all dialects of records write it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from scoring.protocol.errors import BadRequest
from scoring.protocol.frame_codec import RowIds
from server.dialects.pictures import PictureRequest, woven
from server.handler import Answer
from server.prediction_request import Detail, PredictionRequest

PROBABILITIES, TOP = "probabilities", "top"
FLAGS = {"1": True, "true": True, "0": False, "false": False}
# More classes than any model has; what is longer need not be read as a number.
TOP_DIGITS = 6

Row = dict[str, Any]


def detail_of(query: Mapping[str, str], *others: str) -> Detail:
    """Read ``?probabilities=1`` and ``?top=3``; ``others`` may stand there, too.

    Raises BadRequest, which says what is right: a parameter that is misspelt would change nothing,
    and nobody would be told.
    """
    if not query.keys() <= {PROBABILITIES, TOP, *others}:
        known = ", ".join((PROBABILITIES, TOP, *others))
        raise BadRequest(f"the parameters of this address are {known}")
    flag, top = query.get(PROBABILITIES, "0").lower(), query.get(TOP)
    if flag not in FLAGS:
        raise BadRequest("probabilities is 1 or 0: whether each row says how likely each class is")
    return Detail(FLAGS[flag], 0 if top is None else _count(top))


def asked_beside(query: Mapping[str, str], beside: Mapping[str, str], where: str) -> dict[str, str]:
    """Return what is asked for in the address and beside the images; raises BadRequest.

    ``where`` names the second place to whoever asked for one thing here and another there.
    """
    asked = dict(query)
    for name, value in beside.items():
        said = asked.setdefault(name, value)
        if name == PROBABILITIES:
            said, value = (str(FLAGS.get(one.lower(), one)) for one in (said, value))
        if said != value:
            raise BadRequest(f"{name} is one thing in the address and another in the {where}")
    return asked


def detail_in(values: Mapping[str, Any]) -> dict[str, str]:
    """Return what an object of JSON asks for, as an address has it; what cannot be so is ""."""
    known = {name: values[name] for name in (PROBABILITIES, TOP) if name in values}
    return {name: _as_text(one) for name, one in known.items()}


def _as_text(value: Any) -> str:
    # A whole number is one in JSON with ".0", too, and some languages have no other.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int | str) else ""


def _count(text: str) -> int:
    is_number = text.isascii() and text.isdecimal() and len(text) <= TOP_DIGITS
    if not is_number or int(text) < 1:
        raise BadRequest(
            "top is a whole number from 1 on: how many of the likeliest classes to list"
        )
    return int(text)


def answer_rows(request: PredictionRequest, answer: Answer) -> list[Row]:
    """Return a row for each image of a request, under its id, with what was seen or an error."""
    rows: Iterator[Row] = _rows(request.ids, answer)
    if request.detail != Detail():
        rows = _detailed(rows, request.detail, answer)
    if isinstance(request, PictureRequest):
        rows = woven(rows, request)
    return list(rows)


def _rows(ids: RowIds, answer: Answer) -> Iterator[Row]:
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


def _detailed(rows: Iterator[Row], detail: Detail, answer: Answer) -> Iterator[Row]:
    """Yield the rows with each class's probability, or with the likeliest classes."""
    labels = answer.signature.labels
    probabilities = answer.predictions.probabilities
    ranked = np.argsort(-probabilities, axis=1, kind="stable")[:, : detail.top].tolist()
    for row, shares, order in zip(rows, probabilities.tolist(), ranked, strict=True):
        if detail.probabilities:
            row["probabilities"] = dict(zip(labels, shares, strict=True))
        if detail.top:
            row["top"] = [{"label": labels[at], "confidence": shares[at]} for at in order]
        yield row
