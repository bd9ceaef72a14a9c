"""Pictures that are kept, by content: as people see them, and as a model saw them."""

from __future__ import annotations

import numpy as np
from flask import Blueprint, Response, abort
from numpy.typing import NDArray

from desk.context import the_desk, the_ledger
from desk.png import png_of
from scoring.records.model_facts import pixels_wanted

# Not for good: who has a picture removed wants it gone from browsers, too.
KEEP = "private, max-age=600"

pages = Blueprint("picture_files", __name__)


@pages.get("/picture/<content_hash>")
def thumbnail(content_hash: str) -> Response:
    """Return a picture for people."""
    found = the_desk().pictures.thumbnail(content_hash)
    return _image(*found) if found else abort(404)


@pages.get("/picture/<content_hash>/seen-by/<version>")
def seen(content_hash: str, version: str) -> Response:
    """Return the pixels that a model saw."""
    pixels = seen_pixels(content_hash, version)
    return abort(404) if pixels is None else _image(png_of(pixels), "image/png")


def seen_pixels(content_hash: str, version: str) -> NDArray[np.uint8] | None:
    """Return the pixels that a model of this version saw, where they are kept."""
    facts = the_ledger().model_facts(version)
    if facts is None:
        return None
    return the_desk().pictures.seen(content_hash, *pixels_wanted(facts))


def _image(content: bytes, media_type: str) -> Response:
    return Response(content, content_type=media_type, headers={"Cache-Control": KEEP})
