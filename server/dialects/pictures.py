"""Pictures as files: preprocessed here as the model's signature says, each with its own outcome."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scoring.preprocessing.errors import DecodeError
from scoring.preprocessing.formats.kinds import HEAD_BYTES, sniff
from scoring.preprocessing.pixels import DecodeLimits, Pixels
from scoring.protocol.errors import ApiError, BadRequest, TooLarge, Unavailable
from scoring.protocol.frame_codec import decode_base64, too_many_rows
from scoring.protocol.prediction import join_reasons
from scoring.protocol.signature import Signature
from server.dialects.dialect import Call
from server.dialects.json_body import may_be_json
from server.dialects.multipart import MEDIA_TYPE as FORM
from server.prediction_request import PredictionRequest, RequestLimits

FAMILY = "image/*"
BYTES = "application/octet-stream"
UNTYPED = frozenset({"", BYTES, "application/x-www-form-urlencoded"})
MEDIA_TYPES = frozenset({FORM, FAMILY, BYTES})
SHOWN_BYTES = 12

Row = dict[str, Any]

logger = logging.getLogger("scoring.server")


class UnreadablePicture(ApiError):
    """A picture that was sent alone cannot be read; its code says why."""

    status = 422
    code = "unreadable_picture"


class Picture(Struct, frozen=True):
    """A picture as it was sent: ``id`` is its name, or its number where it has none.

    ``may_be_pixels``: what is no picture by its content, and just as long, is taken for pixels.
    """

    id: int | str
    data: bytes
    may_be_pixels: bool = False


Read = Callable[[Picture], Pixels]


class Outcome(Struct, frozen=True):
    """What became of a picture: pixels uint8 [H·W·C] with a remark or none, or an error."""

    id: int | str
    pixels: NDArray[np.uint8] | None = None
    remark: str | None = None
    error: ApiError | None = None


class PictureRequest(PredictionRequest, frozen=True, kw_only=True):
    """The rows of those pictures that can be read, and what became of each of all."""

    outcomes: tuple[Outcome, ...]

    @property
    def failed(self) -> int:
        """How many pictures could not be read."""
        return len(self.outcomes) - len(self.ids)


def is_pictures(call: Call) -> bool:
    """Tell whether a body is a form or a picture: by its type, or by its content where that is.

    Bytes that are not said to be anything else are a picture, a broken one perhaps.
    """
    if call.media_type in UNTYPED:
        return _is_picture(call.body) or (call.media_type == BYTES and not may_be_json(call.body))
    return call.media_type == FORM or call.media_type.startswith("image/")


def weigh(call: Call) -> int:
    """Return what the files of a form take beside it: as much again, at most."""
    return len(call.body)


def neither(body: bytes) -> BadRequest:
    """Return the error for a body of no told type that is neither JSON nor a picture."""
    found = f"begins with {body[:SHOWN_BYTES]!r}" if body else "is empty"
    return BadRequest(
        f"the body {found}: that is neither JSON nor a picture. Send JSON like"
        " '{\"instances\": …}', or a picture whole, as curl -F 'file=@shirt.png' or"
        " --data-binary @shirt.png does (-d leaves out bytes)",
        code="invalid_json",
    )


def decode(call: Call, signature: Signature, limits: RequestLimits) -> PictureRequest:
    """Read a body that is a picture; raises ApiError."""
    return read_pictures([Picture(call.file_name or 0, call.body)], signature, limits)


def read_pictures(
    pictures: Iterable[Picture], signature: Signature, limits: RequestLimits
) -> PictureRequest:
    """Preprocess each picture as the model wants it.

    Raises UnreadablePicture where the only one cannot be read, and Unavailable where memory is
    short just now.
    """
    request = read_each(pictures, signature, limits)
    if len(request.outcomes) == 1 and request.outcomes[0].error:
        raise request.outcomes[0].error
    return request


def read_each(
    pictures: Iterable[Picture], signature: Signature, limits: RequestLimits
) -> PictureRequest:
    """Preprocess each picture; one that cannot be read is told so, also where it is the only one.

    Raises Unavailable where memory is short just now.
    """
    read = _reader(signature, limits)
    outcomes = tuple(_outcome(picture, read) for picture in pictures)
    ids = [outcome.id for outcome in outcomes if outcome.pixels is not None]
    rows = [outcome.pixels for outcome in outcomes if outcome.pixels is not None]
    pixels = np.stack(rows) if rows else np.zeros((0, signature.input.row_length), np.uint8)
    return PictureRequest(ids, pixels, outcomes=outcomes)


def read_base64(
    instances: list[Any], signature: Signature, limits: RequestLimits
) -> PictureRequest:
    """Read rows like ``{"b64": "…"}``: a picture's file, or just H·W·C bytes of pixels."""
    if len(instances) > limits.rows:
        raise too_many_rows(len(instances), limits.rows)
    pictures = [
        Picture(number, _base64(one, number), may_be_pixels=True)
        for number, one in enumerate(instances)
    ]
    return read_pictures(pictures, signature, limits)


def woven(rows: Iterable[Row], request: PictureRequest) -> Iterator[Row]:
    """Yield one row for each picture as it was sent: what the model saw, or the error."""
    seen = iter(rows)
    for outcome in request.outcomes:
        if outcome.error:
            yield {"id": outcome.id, "error": outcome.error.as_json()["error"]}
        else:
            row = next(seen)
            yield {**row, "review": join_reasons(outcome.remark, row["review"])}


def of_one(row: Row, signature: Signature) -> Row:
    """Return what the answer for one picture has beside the list, for callers who look there."""
    prediction = {name: row[name] for name in ("label", "confidence")}
    if not all(label.isdecimal() for label in signature.labels):
        return {"prediction": prediction}
    digit = {"digit": int(row["label"])}
    return {"prediction": prediction | digit, **digit}


def _base64(instance: Any, number: int) -> bytes:
    text = instance.get("b64") if isinstance(instance, dict) else None
    if not isinstance(text, str):
        raise BadRequest(f'instance {number} is not {{"b64": "…"}}, as the first one is')
    return decode_base64(text, f"instance {number}: b64")


def _reader(signature: Signature, limits: RequestLimits) -> Read:
    """Return what makes the model's pixels of a picture."""
    # OpenCV is loaded when the first picture comes: the batch job sends pixels.
    from scoring.preprocessing import registry
    from scoring.preprocessing.reading import preprocessed

    wanted, spec = signature.preprocessing, signature.input
    preprocess = registry.find_for(wanted, spec)
    held = 0

    def reserve(pixels: int, bytes_each: int) -> None:
        """One picture is decoded after another: the largest one so far says what they take."""
        nonlocal held
        more = pixels * bytes_each - held
        if more > 0:
            _take(more, pixels, bytes_each, limits)
            held += more

    # Its bytes are counted already: they came with the request.
    decode_limits = DecodeLimits(limits.image_pixels, sys.maxsize, reserve)

    def read(picture: Picture) -> Pixels:
        data = picture.data
        if picture.may_be_pixels and len(data) == spec.row_length and not _is_picture(data):
            return Pixels(np.frombuffer(data, np.uint8), None)
        return preprocessed(preprocess, data, spec.shape, decode_limits)

    return read


def _take(count: int, pixels: int, bytes_each: int, limits: RequestLimits) -> None:
    try:
        limits.take(count)
    except TooLarge as error:
        most = (error.limit or 0) // bytes_each
        raise UnreadablePicture(
            f"to decode its {pixels:,} pixels takes more memory than there is"
            f" (server.max_memory_bytes): shrink it to well under {most:,} pixels",
            code="too_many_pixels",
            limit=most,
        ) from None


def _is_picture(data: bytes) -> bool:
    return sniff(data[:HEAD_BYTES]) is not None


def _outcome(picture: Picture, read: Read) -> Outcome:
    try:
        pixels = read(picture)
    except DecodeError as error:
        refusal: ApiError = UnreadablePicture(str(error), code=error.code)
    except UnreadablePicture as error:
        refusal = error
    except MemoryError as error:
        raise Unavailable("there is no memory to decode the pictures now", code="full") from error
    except Unavailable:
        raise
    except Exception as error:
        # A bug, but one file's: the others are none the worse for it.
        logger.exception("a picture of %d bytes cannot be read", len(picture.data))
        refusal = UnreadablePicture(f"this program cannot read it, please report it: {error!r}")
    else:
        return Outcome(picture.id, pixels.values, pixels.remark)
    return Outcome(picture.id, error=refusal)
