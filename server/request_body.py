"""The body of a request: bounded as it travels and as it inflates."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import IO

from flask import request
from werkzeug.exceptions import ClientDisconnected, HTTPException

from scoring.protocol.errors import BadRequest, TooLarge, UnsupportedMedia
from scoring.settings import ServerSettings
from server.access import check_signed_body
from server.memory import Share

# zlib's own numbers: 31 reads gzip's header, 15 zlib's, which HTTP calls "deflate" (RFC 9110).
WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
# .NET's DeflateStream and Node's deflateRaw leave its header out.
NAMES = {"deflate": "deflate data in zlib's format (RFC 1950), which is what HTTP calls so"}
# No deflated stream becomes longer than that many times itself (zlib's technical details).
MAX_INFLATION = 1_032
SKIP_BYTES = 65_536


def read_body(settings: ServerSettings, media_types: Collection[str], share: Share) -> bytes:
    """Return the body, inflated where it came compressed; ``share`` accounts for its memory.

    Raises TooLarge over ``server.max_request_bytes`` before reading or inflating further,
    UnsupportedMedia for another type or encoding, BadRequest for a body that does not inflate,
    Unauthorized for one that is not what its sender signed.
    """
    limit = settings.max_request_bytes
    if (request.content_length or 0) > limit:
        raise body_too_large(limit)
    family = f"{request.mimetype.partition('/')[0]}/*"
    if request.mimetype not in media_types and family not in media_types:
        known = ", ".join(sorted(filter(None, media_types)))
        raise UnsupportedMedia(f"send one of these content types: {known}")
    encoding = request.headers.get("Content-Encoding", "").strip().lower() or "identity"
    if encoding not in ("identity", *WINDOW_BITS):
        raise UnsupportedMedia("send the body plain, or with Content-Encoding gzip or deflate")
    body = _read(limit, share)
    check_signed_body(body)
    if encoding != "identity":
        share.take(min(limit, MAX_INFLATION * len(body)))
        body = inflate(body, encoding, limit)
    return body


def _read(limit: int, share: Share) -> bytes:
    """Return the body as it travelled; how long a chunked one is shows only as it comes."""
    length = request.content_length
    share.take(limit if length is None else length)
    # The stream ends there without a word, so one byte more tells.
    request.max_content_length = limit + 1
    stream = request.stream
    with reading():
        body = _all_of(stream, length)
    if len(body) > limit:
        raise body_too_large(limit)
    if length is not None and len(body) < length:
        raise _cut_short()
    return body


@contextmanager
def reading() -> Iterator[None]:
    """Have whatever reads a request's body raise BadRequest for one that is cut, or a bad chunk.

    gunicorn hands a body on while it comes, and has errors of its own for what it cannot read.
    """
    try:
        yield
    except ClientDisconnected as error:
        raise _cut_short() from error
    except (HTTPException, MemoryError):
        raise
    except Exception as error:
        raise BadRequest("the body cannot be read: a chunk of it is none") from error


def _cut_short() -> BadRequest:
    return BadRequest("the body was cut short: the connection ended before all of it had come")


def _all_of(stream: IO[bytes], length: int | None) -> bytes:
    if length is None:
        return stream.read()
    # In one piece, if it is there: to read to the end, werkzeug copies 64 KB five times each.
    return b"".join(iter(lambda: stream.read(length), b""))


def skip_body(limit: int) -> None:
    """Read to its end a body that was refused unread, if it has ``limit`` bytes at most.

    A server that finds it unread (gunicorn) would close the connection without a word, on which
    the caller is about to send the next request.
    """
    left = limit if (request.content_length or 0) <= limit else 0
    # Whatever is wrong with it: it was refused already.
    with suppress(Exception):
        while left > 0 and (part := request.stream.read(min(left, SKIP_BYTES))):
            left -= len(part)


def inflate(body: bytes, encoding: str, limit: int) -> bytes:
    """Inflate to one byte more than the limit at most: a bomb shows itself without exploding."""
    inflater = zlib.decompressobj(WINDOW_BITS[encoding])
    try:
        inflated = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        named = NAMES.get(encoding, f"{encoding} data")
        raise BadRequest(f"the body is not {named}", code="bad_encoding") from error
    if len(inflated) > limit:
        raise body_too_large(limit)
    if not inflater.eof or inflater.unused_data:
        raise BadRequest(f"the body is not one whole {encoding} stream", code="bad_encoding")
    return inflated


def body_too_large(limit: int) -> TooLarge:
    """Return the error for a body over the limit in bytes."""
    return TooLarge(f"the request is larger than {limit} bytes; send fewer rows", limit=limit)
