"""The files and fields of a form, as browsers, curl and scripts send them (RFC 7578)."""

from __future__ import annotations

import re

from msgspec import Struct
from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, State

from scoring.protocol.errors import BadRequest, TooLarge
from scoring.protocol.frame_codec import too_many_rows

MEDIA_TYPE = "multipart/form-data"
# RFC 2046, 5.1.1.
LONGEST_BOUNDARY = 70
# A form may have fields beside its files.
OTHER_PARTS = 100
# Only these two are escaped by a backslash; any other is a letter of the name.
BACKSLASH = re.compile(r'\\["\\]|\\')
# Of mail, which forms no longer are (RFC 7578, 4.7): no library for forms writes a part so.
MAILED = ("base64", "quoted-printable")
# What ends no line in a form whose lines end as they should, and how browsers write it in a name.
LONE_BREAKS = ((re.compile(rb"\r(?!\n)"), b"%0D"), (re.compile(rb"(?<!\r)\n"), b"%0A"))


class FormFile(Struct, frozen=True):
    """A file of a form; ``name`` is as its sender gave it, that of its field where he gave none."""

    name: str
    data: bytes


class Form(Struct, frozen=True):
    """The files of a form in their order, and its other fields; of two of a name the first."""

    files: list[FormFile]
    fields: dict[str, str]


def read_form(body: bytes, content_type: str, most: int) -> Form:
    """Read a form with at least one file.

    A field whose file was not chosen, as browsers send it, is none. Raises BadRequest for what is
    no form or has no file, TooLarge for more than ``most``.
    """
    decoder = _Decoder(_boundary(content_type), body, max_parts=most + OTHER_PARTS)
    try:
        form = _read(decoder)
    except RequestEntityTooLarge:
        raise TooLarge(
            f"the form has more than {most + OTHER_PARTS} parts; {most} files and {OTHER_PARTS}"
            " other fields are taken at once",
            code="too_many_rows",
            limit=most,
        ) from None
    except (ValueError, LookupError) as error:
        raise _bad_form(_trouble(decoder, error)) from error
    if len(form.files) > most:
        raise too_many_rows(len(form.files), most)
    if not form.files:
        raise _no_file(form.fields)
    return form


class _Decoder(MultipartDecoder):
    """Takes names as they are sent; werkzeug's takes those that are UTF-8 and escaped."""

    def __init__(self, boundary: bytes, body: bytes, max_parts: int) -> None:
        super().__init__(boundary, max_parts=max_parts)
        self._lone_breaks = LONE_BREAKS if b"--" + boundary + b"\r\n" in body else ()
        self.receive_data(body)
        self.receive_data(None)

    def _parse_headers(self, data: bytes | bytearray) -> Headers:
        for lone, written in self._lone_breaks:
            data = lone.sub(written, data)
        text = BACKSLASH.sub(lambda found: found[0].ljust(2, "\\"), _text(bytes(data)))
        return super()._parse_headers(text.encode())


def _text(data: bytes) -> str:
    """Decode what should be UTF-8, or is Latin-1 from a page or a program that knows no better."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _read(decoder: _Decoder) -> Form:
    form = Form([], {})
    part: Field | File | None = None
    pieces: list[bytes] = []
    while not isinstance(event := decoder.next_event(), Epilogue):
        if isinstance(event, Field | File):
            _check_transfer_encoding(event)
            part, pieces = event, []
        elif isinstance(event, Data) and part is not None:
            pieces.append(event.data)
            if not event.more_data:
                _put(form, part, b"".join(pieces))
    return form


def _check_transfer_encoding(part: Field | File) -> None:
    encoding = part.headers.get("content-transfer-encoding", "").strip().lower()
    if encoding in MAILED:
        raise _bad_form(
            f"a part of it is in {encoding} (Content-Transfer-Encoding); send its bytes as they are"
        )


def _put(form: Form, part: Field | File, data: bytes) -> None:
    name = part.name or ""
    if isinstance(part, File):
        if part.filename or data:
            form.files.append(FormFile(_unescaped(part.filename), data))
    elif part.headers.get("content-type", "").strip().lower().startswith("image/"):
        form.files.append(FormFile(name, data))
    else:
        form.fields.setdefault(name, _text(data))


def _unescaped(name: str) -> str:
    return name.replace("%0D", "\r").replace("%0A", "\n")


def _boundary(content_type: str) -> bytes:
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    if not 0 < len(boundary) <= LONGEST_BOUNDARY or not boundary.isascii():
        raise _bad_form(
            f"its Content-Type names no boundary of 1 to {LONGEST_BOUNDARY} letters; leave that"
            " header to the program that makes the form"
        )
    return boundary.encode()


def _trouble(decoder: _Decoder, error: Exception) -> str:
    if decoder.state is State.PREAMBLE:
        return "the boundary that its Content-Type names is not in it"
    if decoder.state is State.PART and "Disposition" in str(error):
        return "a part of it has no Content-Disposition header"
    return "its last boundary is missing: it was cut short, or not ended by --boundary--"


def _bad_form(trouble: str) -> BadRequest:
    return BadRequest(f"the body is no whole form: {trouble}", code="bad_form")


def _no_file(fields: dict[str, str]) -> BadRequest:
    names = ", ".join(repr(name[:40]) for name in list(fields)[:3])
    found = f"; the part {names} has neither" if names else ""
    return BadRequest(
        "the form has no file: a picture is a part with a filename, or of Content-Type image/…"
        f"{found}. curl -F 'file=@shirt.png' sends one, and so does <input type=\"file\"> in a form"
        ' of enctype="multipart/form-data"',
        code="no_file",
    )
