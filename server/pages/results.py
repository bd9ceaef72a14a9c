"""What models made of pictures, as the upload page shows and saves it. Knows no HTTP."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from scoring.protocol.signature import Signature
from scoring.records.results_csv import CsvFormat
from scoring.records.text import neutral_cell, text_cell
from server.dialects.pictures import PictureRequest
from server.dialects.rows import answer_rows
from server.handler import Answer
from server.prediction_request import Detail

COLUMNS = (
    *("Image", "Model", "Item", "Confidence %", "Second item", "Second %", "Review", "Error"),
)
# What is shown larger than it is shows its pixels.
SMALL_SIDE = 96

Row = dict[str, Any]


class Seen(Struct, frozen=True):
    """What one model made of one picture.

    Attributes:
        model: its name.
        row: as the own dialect answers it, with the probability of each class, or an ``error``.
        source: the address of the picture as the model saw it; it holds the picture itself.
        height, width: of what the model saw, in pixels.
    """

    model: str
    row: Row
    source: str
    height: int
    width: int

    @property
    def error(self) -> str | None:
        """Why the picture cannot be read."""
        return self.row["error"]["message"] if "error" in self.row else None

    @property
    def is_small(self) -> bool:
        """Whether single pixels are to be seen."""
        return max(self.height, self.width) <= SMALL_SIDE


class Shown(Struct, frozen=True):
    """One picture and what each model made of it."""

    name: str
    seen: tuple[Seen, ...]

    @property
    def error(self) -> str | None:
        """What all models say alike of a picture that cannot be read."""
        errors = {one.error for one in self.seen}
        return errors.pop() if len(errors) == 1 else None

    @property
    def wants_person(self) -> bool:
        """Whether a model has a reason to look again."""
        return any(one.row.get("review") for one in self.seen)


def seen_by(request: PictureRequest, answer: Answer) -> list[Seen]:
    """Return what a model made of each picture of a request."""
    rows = answer_rows(replace(request, detail=Detail(probabilities=True)), answer)
    signature = answer.signature
    height, width, _ = signature.input.shape
    return [
        Seen(signature.name, row, "" if pixels is None else _address(pixels, signature),
             height, width)
        for row, pixels in zip(rows, (one.pixels for one in request.outcomes), strict=True)
    ]  # fmt: skip


def by_picture(columns: Sequence[list[Seen]]) -> list[Shown]:
    """Return what is shown of each picture, of a list for each model."""
    return [Shown(_name(seen[0].row["id"]), seen) for seen in zip(*columns, strict=True)]


def as_csv(pictures: Sequence[Shown], signatures: Sequence[Signature], how: CsvFormat) -> bytes:
    """Return a table for spreadsheets: a row for each picture and model, none of it a formula.

    Each class of these models has a column; a model says nothing in those of another's.
    """
    labels = list(dict.fromkeys(label for one in signatures for label in one.labels))
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=how.separator)
    writer.writerow([*COLUMNS, *(text_cell(f"{label} %") for label in labels)])
    for picture in pictures:
        writer.writerows(_cells(picture.name, seen, labels, how) for seen in picture.seen)
    # The byte order mark tells Excel that this is UTF-8.
    return text.getvalue().encode("utf-8-sig")


def data_address(data: bytes, media_type: str) -> str:
    """Return an address that holds the data itself (RFC 2397)."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def _address(pixels: Any, signature: Signature) -> str:
    # OpenCV is loaded when the first picture comes.
    from scoring.preprocessing.showing import as_picture

    return data_address(*as_picture(pixels, signature.input.shape))


def _name(id_: int | str) -> str:
    return id_ if isinstance(id_, str) else f"picture {id_}"


def _cells(name: str, seen: Seen, labels: Sequence[str], how: CsvFormat) -> Iterator[str]:
    row = seen.row
    # Names are printable already.
    yield neutral_cell(name)
    yield text_cell(seen.model)
    yield text_cell(row.get("label"))
    yield how.percent(row.get("confidence"))
    yield text_cell(row.get("second_label"))
    yield how.percent(row.get("second_confidence"))
    yield text_cell(row.get("review"))
    yield text_cell(seen.error)
    probabilities = row.get("probabilities", {})
    yield from (how.percent(probabilities.get(label)) for label in labels)
