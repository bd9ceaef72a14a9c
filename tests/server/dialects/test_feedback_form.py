"""Whatever a body is, it is feedback as described or refused in words."""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.protocol.errors import ApiError, BadRequest, TooLarge
from scoring.records.answers import WORDS, Answer, Verdict
from scoring.records.feedback import Feedback
from server.dialects.feedback_form import FIELDS, LONGEST_NOTE, MOST_ITEMS, Item, decode
from server.prediction_request import RequestLimits

LIMITS = RequestLimits(rows=100, json_depth=32, image_pixels=1000, row_arrays=10)
HASH = "0123456789abcdef" * 4
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner),
)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50)
GOOD = st.fixed_dictionaries(
    {"id": st.just(HASH), "label": TEXT.filter(str.strip)},
    optional={
        "batch": TEXT,
        "image": TEXT,
        "note": TEXT,
        "reviewer": st.sampled_from(["anna", " Ben ", "李"]),
        "expected": st.none() | st.integers(1, 2**63 - 1),
    },
)


def read(document: Any) -> tuple[Item, ...]:
    return decode(json.dumps(document).encode(), LIMITS).items


@given(ANY)
def test_any_json_is_read_or_refused(document: Any) -> None:
    try:
        items = decode(orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS), LIMITS).items
    except (ApiError, TypeError):  # a whole number too large for JSON's writer here
        return
    assert all(str(item.said.answer).strip() for item in items)
    assert all(item.said.content_hash or item.said.path for item in items)


@given(st.binary())
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(BadRequest, TooLarge):
        decode(body, LIMITS)


@given(st.lists(GOOD, min_size=1, max_size=5))
def test_what_is_written_as_described_is_read_as_it_is_meant(documents: list[Any]) -> None:
    for item, document in zip(read(documents), documents, strict=True):
        assert item.said == Feedback(
            answer=document["label"],
            reviewer=document.get("reviewer", "api").strip(),
            note=document.get("note", ""),
            expected=document.get("expected"),
            content_hash=HASH,
            batch=document.get("batch", ""),
            path=document.get("image", ""),
        )


def test_a_picture_is_known_by_its_bytes() -> None:
    (item,) = read({"picture": base64.b64encode(b"bytes").decode(), "label": 7})
    assert (item.picture, item.said.answer) == (b"bytes", "7")
    assert item.said.content_hash == hashlib.sha256(b"bytes").hexdigest()


@pytest.mark.parametrize("word", WORDS)
def test_a_verdict_is_told_from_a_label_of_the_same_word(word: Verdict) -> None:
    verdict, label = read([{"id": HASH, "verdict": word}, {"id": HASH, "label": word}])
    assert (verdict.said.answer, label.said.answer) == (Answer(word), word)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"label": "Coat"}, "name the picture"),
        ({"batch": "G1", "label": "Coat"}, "name the picture"),
        ({"id": "abc", "label": "Coat"}, "SHA-256"),
        ({"id": HASH}, "either a label"),
        ({"id": HASH, "label": "Coat", "verdict": "cannot tell"}, "either a label"),
        ({"id": HASH, "label": " "}, "either a label"),
        ({"id": HASH, "label": True}, "label is no text"),
        ({"id": HASH, "verdict": "undone"}, "verdict is one of"),
        ({"id": HASH, "label": "Coat", "labels": 1}, "'labels' is none of"),
        ({"id": HASH, "label": "Coat", "reviewer": "a\nb"}, "visible"),
        ({"id": HASH, "label": "Coat", "expected": 0}, "number of a review"),
        ({"id": HASH, "label": "Coat", "expected": True}, "number of a review"),
        ({"id": HASH, "label": "Coat", "note": "n" * (LONGEST_NOTE + 1)}, "note is no text"),
        ({"picture": "no base64!", "label": "Coat"}, "not base64: .* without line breaks"),
        ({"picture": "", "label": "Coat"}, "empty"),
        ({"picture": "aGVsbG8=", "id": HASH, "label": "Coat"}, "not that of the picture"),
        ("Coat", "or a list"),
        ([], "or a list"),
    ],
)
def test_what_is_wrong_is_said(document: Any, said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        read(document)


def test_the_wrong_item_of_many_is_named_and_there_is_a_most() -> None:
    good = {"id": HASH, "label": "Coat"}
    with pytest.raises(BadRequest, match="item 1: name the picture"):
        read([good, {"label": "Coat"}])
    assert len(read([good] * MOST_ITEMS)) == MOST_ITEMS
    with pytest.raises(TooLarge):
        read([good] * (MOST_ITEMS + 1))
