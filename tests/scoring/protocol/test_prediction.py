from __future__ import annotations

from typing import Any

import orjson
import pytest

from scoring.protocol.prediction import (
    BadResponse,
    decode_response,
    join_reasons,
    split_reasons,
)

LABELS = ("shirt", "shoe")
GOOD = {
    "id": 0,
    "label": "shirt",
    "confidence": 0.5,
    "review": None,
    "outlier_score": 61.5,
    "second_label": "shoe",
    "second_confidence": 0.25,
}


def answer(**changes: Any) -> bytes:
    rows = [
        GOOD,
        {**GOOD, "id": 1, "label": "shoe", "second_label": "shirt", "review": "low confidence"},
    ]
    document = {
        "model_name": "m",
        "model_version": "v",
        "inference_seconds": 0.1,
        "predictions": rows,
    }
    return orjson.dumps({**document, **changes})


@pytest.mark.parametrize("reasons", [(), ("low confidence",), ("a, b", "not a garment?")])
def test_reasons_that_were_joined_come_apart_again(reasons: tuple[str, ...]) -> None:
    assert split_reasons(join_reasons(*reasons)) == [*reasons]
    assert split_reasons(join_reasons(None, *reasons, None)) == [*reasons]


def test_an_answer_that_fits_is_taken() -> None:
    response = decode_response(answer(), range(2), LABELS, "v")
    assert [row.label for row in response.predictions] == ["shirt", "shoe"]
    second = response.predictions[1]
    assert second.review == "low confidence"
    assert (second.second_label, second.second_confidence) == ("shirt", 0.25)
    assert second.outlier_score == 61.5


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        answer()[:-5],
        answer(model_version="w"),
        answer(inference_seconds=-1),
        answer(predictions=[GOOD]),
        answer(predictions=[GOOD, GOOD]),
        answer(predictions=[{**GOOD, "id": 1}, GOOD]),
        answer(predictions=[GOOD, {**GOOD, "id": "1"}]),
        answer(predictions=[GOOD, {**GOOD, "id": True}]),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "label": "hat"}]),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "confidence": 1.5}]),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "confidence": None}]),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "confidence": "1"}]),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "review": 3}]),
        answer().replace(b"0.25", b"9" * 400),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "second_label": "hat"}]),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "second_label": "shirt"}]),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "second_label": ["shoe"]}]),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "second_confidence": 0.51}]),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "second_confidence": -0.1}]),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "second_confidence": None}]),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "outlier_score": "61.5"}]),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "outlier_score": True}]),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(body: bytes) -> None:
    with pytest.raises(BadResponse):
        decode_response(body, range(2), LABELS, "v")
