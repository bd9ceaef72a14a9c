"""The JSON in which a program says what a picture shows, read and answered; knows no HTTP."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from scoring.protocol.errors import ApiError, BadRequest, InvalidPixels, TooLarge
from scoring.protocol.frame_codec import decode_base64
from scoring.protocol.names import check_person
from scoring.records.answers import WORDS, Answer
from scoring.records.database import LARGEST_ID
from scoring.records.feedback import Feedback, Taken
from scoring.records.reviews import Review
from server.dialects.json_body import parse_json
from server.prediction_request import RequestLimits

MOST_ITEMS = 1_000
LONGEST_TEXT, LONGEST_NOTE = 4_096, 1_000
FIELDS = (*("id", "picture", "batch", "image", "label", "verdict", "reviewer", "note", "expected"),)
CONTENT_HASH = re.compile(r"[0-9a-f]{64}")
# Of whoever gives no name.
NOBODY = "api"
SHOWN = 40


class Item(Struct, frozen=True):
    """What is said of one picture; ``picture`` is its file where that was sent, else empty."""

    said: Feedback
    picture: bytes = b""


class FeedbackRequest(Struct, frozen=True):
    """All items of a request; ``is_one``: it was no list, and nor is its answer."""

    items: tuple[Item, ...]
    is_one: bool


def decode(body: bytes, limits: RequestLimits) -> FeedbackRequest:
    """Read one object, or a list of them; raises ApiError that names the item."""
    try:
        document = parse_json(body, limits)
    except InvalidPixels as error:
        raise BadRequest("the body has a number that JSON has not", code="invalid_json") from error
    if isinstance(document, dict):
        return FeedbackRequest((_item(document, "", limits),), is_one=True)
    if not isinstance(document, list) or not document:
        raise BadRequest('send {"id": …, "label": …}, or a list of such objects')
    if len(document) > MOST_ITEMS:
        raise TooLarge(
            f"there are {len(document)} items; send at most {MOST_ITEMS}",
            code="too_many_rows",
            limit=MOST_ITEMS,
        )
    items = (_item(one, f"item {place}: ", limits) for place, one in enumerate(document))
    return FeedbackRequest(tuple(items), is_one=False)


def encode(taken: Taken) -> dict[str, Any]:
    """Return what became of an item that was taken."""
    review = taken.review
    return {
        "status": "written" if taken.is_new else "standing",
        **standing(review),
        "id": review.picture.content_hash,
        "batch": review.picture.batch,
        "image": review.picture.path,
        "predicted": review.said.predicted,
    }


def standing(review: Review) -> dict[str, Any]:
    """Return what a review says, and by which number it is expected to stand."""
    return {
        "review": review.id,
        "label": review.label,
        "verdict": review.verdict,
        "reviewer": review.reviewer,
    }


def refusal(error: ApiError) -> dict[str, Any]:
    """Return what became of an item that was refused."""
    return {"status": "refused", **error.as_json()}


def _item(document: Any, where: str, limits: RequestLimits) -> Item:
    if not isinstance(document, dict):
        raise BadRequest(f"{where}this is no object")
    try:
        return _read(document, limits)
    except BadRequest as error:
        raise BadRequest(f"{where}{error.message}", code=error.wire_code) from None


def _read(document: Mapping[str, Any], limits: RequestLimits) -> Item:
    unknown = next((name for name in document if name not in FIELDS), None)
    if unknown is not None:
        raise BadRequest(f"{unknown[:SHOWN]!r} is none of {', '.join(FIELDS)}")
    picture = _picture(document, limits)
    content = _content(document)
    sent = hashlib.sha256(picture).hexdigest() if picture else ""
    if content and sent and content != sent:
        raise BadRequest("id is not that of the picture")
    batch, image = _text(document, "batch"), _text(document, "image")
    if not (content or sent or (batch and image)):
        raise BadRequest("name the picture: its id or picture, or its batch and image")
    said = Feedback(
        answer=_answer(document),
        reviewer=check_person(_text(document, "reviewer") or NOBODY),
        note=_text(document, "note", LONGEST_NOTE),
        expected=_expected(document),
        content_hash=content or sent,
        batch=batch,
        path=image,
    )
    return Item(said, picture)


def _answer(document: Mapping[str, Any]) -> str | Answer:
    label, verdict = document.get("label"), _text(document, "verdict")
    if isinstance(label, int) and not isinstance(label, bool):
        label = str(label)  # of a digit
    if label is not None and (not isinstance(label, str) or len(label) > LONGEST_TEXT):
        raise BadRequest("label is no text of a label")
    if bool(label and label.strip()) == bool(verdict):
        raise BadRequest(f"say either a label, or as verdict one of {', '.join(WORDS)}")
    if not verdict:
        return str(label)
    word = next((word for word in WORDS if word == verdict), None)
    if word is None:
        raise BadRequest(f"verdict is one of {', '.join(WORDS)}; a label stands in label")
    return Answer(word)


def _text(document: Mapping[str, Any], name: str, most: int = LONGEST_TEXT) -> str:
    value = document.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > most or "\0" in value:
        raise BadRequest(f"{name} is no text of at most {most} characters")
    return value


def _content(document: Mapping[str, Any]) -> str:
    content = _text(document, "id").lower()
    if content and not CONTENT_HASH.fullmatch(content):
        raise BadRequest("id is the SHA-256 of the picture's file, in 64 hexadecimal digits")
    return content


def _expected(document: Mapping[str, Any]) -> int | None:
    value = document.get("expected")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= LARGEST_ID:
        raise BadRequest("expected is the number of a review, or null")
    return value


def _picture(document: Mapping[str, Any], limits: RequestLimits) -> bytes:
    value = document.get("picture")
    if value is None:
        return b""
    if not isinstance(value, str):
        raise BadRequest("picture is no base64 text")
    limits.take(len(value))
    picture = decode_base64(value, "picture")
    if not picture:
        raise BadRequest("picture is empty")
    return picture
