"""What a dialect is: the way callers of one kind ask, and read what they are answered.

A dialect is data and small pure functions. None of it knows Flask, sockets or threads, so each is
tested with the bytes of a request and of its answer. ``server.endpoints`` drives them all alike:
request → ``decode`` → handler → ``encode`` → answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field

from scoring.protocol.errors import ApiError
from scoring.protocol.signature import Signature
from scoring.settings import ServerSettings
from server.handler import Answer, Handler
from server.prediction_request import PredictionRequest, RequestLimits


class Call(Struct, frozen=True):
    """A request as a dialect sees it.

    Attributes:
        body: whole and inflated.
        path: the values of the placeholders in the route, like the name of a model.
        query: the parameters behind the path.
        headers: by name in small letters.
        file_name: of a file of the server's own folder, where the body is one.
    """

    body: bytes = b""
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    file_name: str = ""

    @property
    def media_type(self) -> str:
        """The content type in small letters, without its parameters; "" where none was sent."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Reply(Struct, frozen=True):
    """What goes back to the caller."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class Telling(Struct, frozen=True):
    """``GET path`` answers what ``tell`` says of the server or of a model, without pixels.

    An ``open_`` one wants no key, for whoever watches a server's health has none.
    """

    path: str
    tell: Callable[[Handler, Call], Reply]
    open_: bool = False


class Scoring(Struct, frozen=True):
    """A route that takes pixels.

    ``{name}`` in its path is a model, the first where none is; ``{version}`` must be that model's.
    Where ``file_parameter`` is named, the body is the file of that name in ``server.images``.
    """

    path: str
    method: str = "POST"
    file_parameter: str = ""


class Description(Struct, frozen=True):
    """A dialect's part of the OpenAPI document: its paths, and the components they refer to.

    ``title`` is the heading they stand under; ``examples`` are values by their names.
    """

    title: str
    paths: Mapping[str, Any]
    schemas: Mapping[str, Any]
    responses: Mapping[str, Any]
    examples: Mapping[str, Any] = field(default_factory=dict)


class Manners(Struct, frozen=True, kw_only=True):
    """How requests under some paths are called, and refused.

    Attributes:
        name: for logs and metrics.
        paths: what is refused under them is refused so: a path itself, or all that begins so
            where it ends with a slash. The first dialect has all of no other.
        error: writes a refusal.
        scorings: the routes there that take pixels.
    """

    name: str
    paths: tuple[str, ...]
    error: Callable[[ApiError], Reply]
    scorings: tuple[Scoring, ...] = ()


class Dialect(Manners, frozen=True, kw_only=True):
    """One way to ask and to be answered.

    Attributes:
        media_types: content types of a body it reads, "" where none is sent; ``image/*`` for all
            of a family.
        tellings: its other routes.
        weigh: how much memory reading the body will take, in bytes, told without reading it.
        decode: reads the rows of a request; raises ApiError. It may return a subclass of
            PredictionRequest with what ``encode`` must know besides.
        encode: writes the answer to that request.
        describe: what /openapi.json says of it.
        compresses: whether callers who accept it get their answers compressed. On one machine
            that costs more time than it saves.
    """

    media_types: frozenset[str]
    tellings: tuple[Telling, ...]
    weigh: Callable[[Call, Signature, RequestLimits], int]
    decode: Callable[[Call, Signature, RequestLimits], PredictionRequest]
    encode: Callable[[PredictionRequest, Answer], Reply]
    describe: Callable[[ServerSettings, Signature], Description]
    compresses: bool = False
