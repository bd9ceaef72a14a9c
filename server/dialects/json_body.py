"""A body of JSON: bounded in depth and in the objects that parsing makes, before it is parsed."""

from __future__ import annotations

import codecs
import gc
import math
import re
from contextlib import suppress
from typing import Any

import orjson

from scoring.protocol.errors import ApiError, BadRequest, InvalidPixels, TooLarge
from scoring.protocol.json_shape import block_in, json_shape, parsed_bytes, without_block
from server.prediction_request import RequestLimits

# What curl sends with -d and no header is JSON too, here.
JSON_TYPES = frozenset({"", "application/json", "text/json", "application/x-www-form-urlencoded"})
# How a JSON text begins that may be answered: with an object, a list or a string.
BEGINNING = re.compile(rb'(?:\xef\xbb\xbf)?[ \t\r\n]*[\[{"]')
STRING = re.compile(rb'(?:\xef\xbb\xbf)?[ \t\r\n]*"')
NOT_JSON = ("NaN", "Infinity")
# How orjson says that another JSON text follows: lines of them, as pandas writes with lines=True.
SECOND_TEXT = "content after document"
# How orjson says that a number is larger than any float.
TOO_LARGE = "infinity"
# Numbers that may be so, and what is read in their place where they are: no pixel either, so that
# it is told under its row and column as any other.
LONG_NUMBER = re.compile(
    rb"(?<![^\[,:\s])-?(?:\d{300}[\d.]*(?:[eE]\+?\d+)?|\d[\d.]{0,400}[eE]\+?\d{2,})"
)
LARGE = b"1e308"
NEAR_BYTES = 100_000
# How orjson says that a text is in another encoding, or none at all; where, it does not say.
NOT_UTF8 = "not valid UTF-8"
# UTF-16 and UTF-32 have them among their first letters, where a JSON text has none.
ZERO, FIRST_LETTER = b"\0", 4
# Stands for a block of pixels while the JSON around it is parsed.
MARK, MARKED = rb"\u0000block", "\0block"


def parse_json(body: bytes, limits: RequestLimits) -> Any:
    """Return what a JSON text says.

    Raises BadRequest (400), TooLarge (413), or InvalidPixels (422) for numbers that are none.
    """
    # Windows' editors and PowerShell put it before a text; a parser may ignore it (RFC 8259, 8.1).
    body = body.removeprefix(codecs.BOM_UTF8)
    # Of what begins otherwise no bracket is read; a photograph has many among its bytes.
    if may_be_json(body):
        _check_shape(body, limits)
    try:
        return _parsed(body)
    except orjson.JSONDecodeError as error:
        raise _refusal(body, error) from error


def _check_shape(body: bytes, limits: RequestLimits) -> None:
    shape = json_shape(body)
    if shape.depth > limits.json_depth:
        raise BadRequest(
            f"the JSON is nested deeper than {limits.json_depth} levels",
            code="too_deep",
            limit=limits.json_depth,
        )
    if shape.containers > limits.json_containers:
        raise TooLarge(
            f"the JSON has more than {limits.json_containers} arrays and objects",
            code="too_many_arrays",
            limit=limits.json_containers,
        )


def parse_with_block(body: bytes, limits: RequestLimits) -> Any:
    """Return what a JSON text says, ``dataframe_b64.data`` as bytes where it is a plain string.

    The parser would look at each letter of it, and copy it: a third of what a dozen photographs
    take to be read. Whatever else stands there, or is wrong, is parsed as ever. Raises as
    parse_json.
    """
    block = block_in(body)
    if block.stop:
        marked = b"".join((body[: block.start], MARK, body[block.stop :]))
        with suppress(ApiError):
            document = parse_json(marked, limits)
            held = document.get("dataframe_b64") if isinstance(document, dict) else None
            if isinstance(held, dict) and held.get("data") == MARKED:
                held["data"] = memoryview(body)[block]
                return document
    return parse_json(body, limits)


def _parsed(body: bytes) -> Any:
    """Parse with Python's search for garbage at rest.

    It would look at each array again and again while they come to be (a million of them: 0.8 s
    instead of 0.1 s, in which no other thread runs), and there is no garbage among them.
    """
    gc.disable()
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if TOO_LARGE not in str(error):
            raise
        return orjson.loads(_with_smaller_numbers(body, error.pos))
    finally:
        gc.enable()


def _with_smaller_numbers(body: bytes, at: int) -> bytes:
    """Replace the numbers that are too large; the first stands behind so many letters.

    Only those near it, for no other thread runs meanwhile: 16 MB of numbers would take a second.
    """
    if not body.isascii():
        at = len(body.decode()[:at].encode())
    near = LONG_NUMBER.sub(_within_floats, body[at : at + NEAR_BYTES])
    return b"".join((body[:at], near, body[at + NEAR_BYTES :]))


def _within_floats(number: re.Match[bytes]) -> bytes:
    text = number[0]
    if not math.isinf(float(text)):
        return text
    return b"-" + LARGE if text.startswith(b"-") else LARGE


def _refusal(body: bytes, error: orjson.JSONDecodeError) -> ApiError:
    if TOO_LARGE in str(error):
        return InvalidPixels("there are numbers too large to be read; send integers 0 to 255")
    if error.doc.startswith(NOT_JSON, error.pos):
        return InvalidPixels("NaN and Infinity are no pixels; send integers 0 to 255")
    if not body or body.isspace():
        return BadRequest("the body is empty; JSON is wanted in it", code="invalid_json")
    if NOT_UTF8 in str(error) or ZERO in body[:FIRST_LETTER]:
        return BadRequest(
            "the body is not valid JSON: it is not in UTF-8, which JSON is; encode it so, and send"
            " what is no text, such as a picture, under its own Content-Type or in base64",
            code="invalid_json",
        )
    more = "; make one list of JSON lines" if _is_line(error) else ""
    return BadRequest(f"the body is not valid JSON: {error}{more}", code="invalid_json")


def _is_line(error: orjson.JSONDecodeError) -> bool:
    """Tell whether the place of an error is where a line begins behind a whole text."""
    before = error.doc[: error.pos]
    return SECOND_TEXT in str(error) and "\n" in before[len(before.rstrip()) :]


def may_hold_booleans(body: bytes) -> bool:
    """Tell cheaply whether a look for booleans among the pixels is due: Python takes True for 1."""
    frame = without_block(body)
    return b"true" in frame or b"false" in frame


def may_be_json(body: bytes) -> bool:
    """Tell whether a body whose type is not told was meant for JSON."""
    return BEGINNING.match(body) is not None


def is_text(body: bytes) -> bool:
    """Tell whether a JSON text is one string: sent so by who encoded JSON twice."""
    return STRING.match(body) is not None


def weigh_json(body: bytes) -> int:
    """Return about how many bytes a body takes once it is parsed, not less.

    What a string holds is weighed when it is known (see text_within): four bytes a letter, and
    once more as bytes.
    """
    return 5 * len(body) if is_text(body) else parsed_bytes(body)


def text_within(body: bytes, limits: RequestLimits) -> bytes:
    """Return the JSON that a JSON string holds; its memory is accounted for before it is parsed.

    Raises as parse_json.
    """
    text: str = parse_json(body, limits)
    inner = text.encode()
    limits.take(parsed_bytes(inner))
    return inner
