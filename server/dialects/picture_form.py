"""Pictures as the files of a form; what is asked for beside them may stand in its fields."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from scoring.protocol.errors import BadRequest
from scoring.protocol.frame_codec import ID_CHARACTERS
from scoring.protocol.signature import Signature
from scoring.records.text import printable
from server.dialects.dialect import Call
from server.dialects.multipart import read_form
from server.dialects.pictures import Picture, PictureRequest, read_pictures
from server.dialects.rows import PROBABILITIES, TOP, asked_beside, detail_of
from server.prediction_request import RequestLimits

# What browsers and frameworks send of a form by themselves, and what a button is usually called.
PASSED_OVER = frozenset(
    {"_charset_", "max_file_size", "csrf_token", "csrfmiddlewaretoken", "authenticity_token"}
    | {"submit", "button", "btn", "upload", "send", "go", "action"}
)


def decode(call: Call, signature: Signature, limits: RequestLimits) -> PictureRequest:
    """Read a form of pictures; raises ApiError.

    Its fields ``probabilities`` and ``top`` are heeded like the parameters of the address. Another
    field is refused, for it would change nothing, unless it is empty or comes by itself.
    """
    form = read_form(call.body, call.headers.get("content-type", ""), limits.rows)
    detail = detail_of(_asked(form.fields, call.query))
    pictures = (
        Picture(shown_name(file.name) or number, file.data)
        for number, file in enumerate(form.files)
    )
    return replace(read_pictures(pictures, signature, limits), detail=detail)


def shown_name(name: str) -> str:
    """Return a file's name without the folders that some senders put before it."""
    return printable(name.replace("\\", "/").rpartition("/")[2])[:ID_CHARACTERS]


def _asked(fields: Mapping[str, str], query: Mapping[str, str]) -> dict[str, str]:
    asked = {}
    for name, value in fields.items():
        if not value.strip() or name.lower() in PASSED_OVER:
            continue
        if name not in (PROBABILITIES, TOP):
            raise BadRequest(
                f"the form has a field {name[:40]!r}, which means nothing here: beside files it may"
                f" have {PROBABILITIES} and {TOP}, and a button named submit; the model's name"
                " stands in the path, /models/{name}/predict"
            )
        asked[name] = value
    return asked_beside(query, asked, "form")
