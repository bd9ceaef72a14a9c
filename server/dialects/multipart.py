"""The files of a form, as browsers and curl send them (RFC 7578)."""

from __future__ import annotations

from dataclasses import dataclass

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Event, File, MultipartDecoder

from scoring.protocol.errors import BadRequest
from scoring.protocol.frame_codec import too_many_rows

MEDIA_TYPE = "multipart/form-data"
# RFC 2046, 5.1.1.
LONGEST_BOUNDARY = 70
# A form may have fields beside its files.
OTHER_PARTS = 100


@dataclass(frozen=True)
class FormFile:
    """A file of a form; ``name`` is as its sender gave it."""

    name: str
    data: bytes


def form_files(body: bytes, content_type: str, most: int) -> list[FormFile]:
    """Return the files of a form, in their order.

    A field whose file was not chosen, as browsers send it, is none. Raises BadRequest for what is
    no form or has no file, TooLarge for more than ``most``.
    """
    try:
        files = _files(
            MultipartDecoder(_boundary(content_type), max_parts=most + OTHER_PARTS), body
        )
    except (ValueError, LookupError) as error:
        raise BadRequest(f"the body is no whole form: {error}", code="bad_form") from error
    except RequestEntityTooLarge:
        raise too_many_rows(most + OTHER_PARTS + 1, most) from None
    if len(files) > most:
        raise too_many_rows(len(files), most)
    if not files:
        raise BadRequest(
            "the form has no file: send pictures as files, as curl -F 'file=@shirt.png' does",
            code="no_file",
        )
    return files


def _boundary(content_type: str) -> bytes:
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    if not 0 < len(boundary) <= LONGEST_BOUNDARY or not boundary.isascii():
        raise ValueError("its content type has no boundary")
    return boundary.encode()


def _files(decoder: MultipartDecoder, body: bytes) -> list[FormFile]:
    decoder.receive_data(body)
    decoder.receive_data(None)
    files: list[FormFile] = []
    name, parts = None, []
    while not isinstance(event := decoder.next_event(), Epilogue):
        if isinstance(event, Data):
            parts.append(event.data)
            if not event.more_data and name is not None:
                files.append(FormFile(name, b"".join(parts)))
        else:
            name, parts = _file_name(event), []
    return [file for file in files if file.name or file.data]


def _file_name(event: Event) -> str | None:
    return event.filename if isinstance(event, File) else None
