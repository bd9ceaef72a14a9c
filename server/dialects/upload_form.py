"""The form of the upload page: pictures, and the models that are to look at them."""

from __future__ import annotations

from msgspec import Struct

from server.dialects.multipart import MEDIA_TYPE, read_form
from server.dialects.picture_form import shown_name
from server.dialects.pictures import Picture

MEDIA_TYPES = frozenset({MEDIA_TYPE})
FILE = "file"
# A box that is ticked: this and the model's name.
TICKED = "model."


class Upload(Struct, frozen=True):
    """Pictures under their names, and the names of models, none where none was ticked."""

    pictures: tuple[Picture, ...]
    models: tuple[str, ...]


def read_upload(body: bytes, content_type: str, most: int) -> Upload:
    """Read the form; raises BadRequest for what is none or has no file, TooLarge over ``most``.

    What else a browser puts into a form means nothing here.
    """
    form = read_form(body, content_type, most)
    pictures = (
        Picture(shown_name(file.name) or number, file.data)
        for number, file in enumerate(form.files, start=1)
    )
    models = (name.removeprefix(TICKED) for name in form.fields if name.startswith(TICKED))
    return Upload(tuple(pictures), tuple(models))
