"""Every route of every dialect: read a request, ask the handler, answer; no more."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Mapping

import orjson
from flask import Blueprint, Response, request
from msgspec.structs import replace
from werkzeug.exceptions import MethodNotAllowed

from scoring.protocol.errors import BadRequest
from scoring.protocol.signature import Signature
from scoring.records.text import printable
from scoring.settings import ServerSettings
from server import openapi, paths
from server.allowed_methods import REFUSING
from server.dialects.dialect import Call, Dialect, Reply, Scoring, Telling
from server.dialects.pictures import UnreadablePicture
from server.handler import Handler
from server.image_folder import ImageFolder
from server.memory import MemoryBudget, Share
from server.metrics import PATH as METRICS_PATH
from server.metrics import SERVING_PATH, Metrics
from server.prediction_request import PredictionRequest, RequestLimits
from server.request_body import read_body
from server.responses import respond, retry_headers

# HTTP's deflate is zlib's format (RFC 9110, 8.4.1.2). The first is the one that is rather used.
ENCODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}
COMPRESSION_LEVEL = 1
# What a file is, its content tells.
ANY_PICTURE = "image/*"
View = Callable[..., Response]
Path = Mapping[str, str]
Read = Callable[[Share, Path], Call]


def make_endpoints(
    dialects: Iterable[Dialect],
    handler: Handler,
    settings: ServerSettings,
    memory: MemoryBudget,
    images: ImageFolder,
    metrics: Metrics,
) -> Blueprint:
    """Return the blueprint of the API."""
    api = Blueprint("api", __name__)
    paths.refuse_followed_names(api)
    dialects = tuple(dialects)
    for dialect in dialects:
        for telling in dialect.tellings:
            _add(api, "GET", telling.path, _telling(telling, handler))
        for scoring in dialect.scorings:
            read = _reader(dialect, scoring, settings, images)
            view = _scoring(dialect, handler, read, memory, metrics)
            _add(api, scoring.method, scoring.path, view)
            if scoring.method != "GET":
                _refuse_get(api, scoring)

    @api.get(METRICS_PATH)
    @api.get(SERVING_PATH)
    def exposition() -> Response:
        body, content_type = metrics.exposition(request.headers.get("Accept", ""))
        return respond(Reply(body, content_type=content_type))

    @api.get(openapi.PATH)
    def description() -> Response:
        prefix, signature = request.script_root, handler.signature()
        document = openapi.openapi_document(dialects, settings, signature, prefix)
        return respond(Reply(orjson.dumps(document)))

    return api


def _add(api: Blueprint, method: str, path: str, view: View, prefix: str = "") -> None:
    automatic = False if prefix else None
    # A path that ends in a slash is found without it, too, rather than sent there.
    for spelling in {path, path.rstrip("/") or path}:
        rule = spelling.replace("{", "<name:").replace("}", ">")
        # Flask has its own use for dots in the name of a route.
        name = f"{prefix}{method} {spelling}".replace(".", "·")
        api.add_url_rule(rule, name, view, automatic, methods=[method])


def _refuse_get(api: Blueprint, scoring: Scoring) -> None:
    """Else a name that may have slashes would take the path of another route for a model's."""

    def view(**path: str) -> Response:
        raise MethodNotAllowed([scoring.method])

    _add(api, "GET", scoring.path, view, REFUSING)


def _telling(telling: Telling, handler: Handler) -> View:
    def view(**path: str) -> Response:
        reply = telling.tell(handler, _call(b"", path, {}))
        response = respond(reply)
        response.headers.extend(retry_headers(reply.status))
        return response

    return view


def _reader(
    dialect: Dialect, scoring: Scoring, settings: ServerSettings, images: ImageFolder
) -> Read:
    """Return what reads a request: its own body, or the file that it names."""

    def read_file(share: Share, path: Path) -> Call:
        query = _query()
        name = query.get(scoring.file_parameter, "")
        data = images.read(name)
        share.take(len(data))
        call = _call(data, path, query)
        headers = {**call.headers, "content-type": ANY_PICTURE}
        return replace(call, headers=headers, file_name=printable(name))

    def read_own(share: Share, path: Path) -> Call:
        query = _query()
        return _call(read_body(settings, dialect.media_types, share), path, query)

    return read_file if scoring.file_parameter else read_own


def _scoring(
    dialect: Dialect, handler: Handler, read: Read, memory: MemoryBudget, metrics: Metrics
) -> View:
    def view(**path: str) -> Response:
        # waitress holds the body beside the application's own.
        with handler.working(), memory.share(request.content_length or 0) as share:
            name = path.get("name", "")
            signature = handler.signature(name, path.get("version", ""))
            call = read(share, path)
            limits = handler.limits(signature, share.take)
            share.take(dialect.weigh(call, signature, limits))
            wanted = _decoded(dialect, call, signature, limits, metrics)
            request.environ["scoring.rows"] = len(wanted.ids)
            answer = handler.score(name, wanted.pixels)
            metrics.scored(dialect.name, answer, wanted.failed)
            reply = dialect.encode(wanted, answer)
            return respond(_compressed(reply) if dialect.compresses else reply)

    return view


def _decoded(
    dialect: Dialect, call: Call, signature: Signature, limits: RequestLimits, metrics: Metrics
) -> PredictionRequest:
    try:
        return dialect.decode(call, signature, limits)
    except UnreadablePicture:
        metrics.unreadable(dialect.name, signature.name)
        raise


def _compressed(reply: Reply) -> Reply:
    """Compress an answer where its caller said that it may be (RFC 9110, 12.5.3)."""
    encoding = request.accept_encodings.best_match(ENCODERS)
    headers = {**reply.headers, "Vary": "Accept-Encoding"}
    if encoding is None:
        return replace(reply, headers=headers)
    body = ENCODERS[encoding](reply.body, COMPRESSION_LEVEL)
    return replace(reply, body=body, headers={**headers, "Content-Encoding": encoding})


def _query() -> Mapping[str, str]:
    """Return the parameters of the address, none of them twice.

    Those that begin with an underscore are meant for caches and proxies on the way, not for us.
    """
    query = {name: values for name, values in request.args.lists() if not name.startswith("_")}
    doubled = next((name for name, values in query.items() if len(values) > 1), None)
    if doubled is not None:
        raise BadRequest(f"the parameter {doubled[:40]!r} is there more than once")
    return {name: value for name, (value,) in query.items()}


def _call(body: bytes, path: Path, query: Mapping[str, str]) -> Call:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Call(body, path, query, headers)
