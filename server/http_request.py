"""One request as it arrives: judged when its headers are whole, before its body is taken in."""

from __future__ import annotations

import re
import time
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser, ParsingError, crack_first_line
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import BadRequest as UnreadableRequest

from scoring.processes.request_heads import why_no_head
from scoring.protocol.errors import ApiError, BadRequest, TooLarge
from server.access_log import log_request
from server.door import RECEIVED, Door
from server.error_handlers import HttpError, error_headers
from server.manners import manners_at
from server.request_body import body_too_large

# Of a chunk's first line and of what may follow the last one; waitress has no bound of its own.
CHUNK_LINE_BYTES = 1_024
TRAILER_BYTES = 16_384
REQUEST_LINE = re.compile(rb"\s*(?P<command>[A-Z]+) +(?:https?://[^/\s]*)?(?P<path>/[^\s?#]*)")
TRANSFER_ENCODING = re.compile(rb"(?im)^transfer-encoding:(.*)$")


class HttpRequest(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """A request that the door judges; what it refuses is answered without its body."""

    # A request line that makes no sense has neither.
    command = path = ""

    def __init__(self, adjustments: Adjustments, door: Door) -> None:
        super().__init__(adjustments)
        self.door = door
        self.share = door.memory.share()
        self._is_judged = False
        self.received_at = 0.0
        # Of a body that was refused nobody knows where the next request begins.
        self.ends_connection = True

    def received(self, data: bytes) -> int:
        """Take in what has come; return how many bytes of it belong to this request."""
        before = self.header_plus
        try:
            consumed = int(super().received(data))
        except ValueError as error:
            # An address that is none, a length of 5,000 digits.
            self.error = UnreadableRequest(f"{type(error).__name__} in the request line or headers")
            self.completed = True
            consumed = len(data)
        if self.headers_finished and not self._is_judged:
            self._is_judged = True
            self._judge()
        if not self.headers_finished and self.error is None:
            self._refuse_hopeless_head()
        if self.error is not None and self.body_rcv is None:
            self._know_path(before + data)
        if self.error is None and self._has_endless_line():
            self.refuse(BadRequest("a line of the chunked body does not end"))
        if self.error is None and self._has_large_chunk():
            self.refuse(body_too_large(self.door.max_request_bytes))
        if self.completed and not self.received_at:
            self.received_at = time.perf_counter()
        if self.error is not None:
            # waitress would ask for the body of a request that it has refused.
            self.expect_continue = False
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        """Read the request line and the headers; raises ParsingError."""
        encodings = b",".join(TRANSFER_ENCODING.findall(header_plus)).lower()
        if encodings.count(b"chunked") > 1:
            raise ParsingError("A body is chunked once")
        super().parse_header(header_plus)
        # Of http://host, with nothing behind it (RFC 9112, 3.2.2).
        self.path = self.path or "/"

    def refuse(self, error: ApiError) -> None:
        """Answer the request with an error; nothing more of it is wanted."""
        self.error = error
        self.completed = True

    def turn_away(self, error: ApiError) -> None:
        """Answer a request that is whole with an error; the next one on its connection is heard."""
        self.error = error
        self.ends_connection = False

    def body_bytes(self) -> int:
        """Return how many bytes of the body have come."""
        return 0 if self.body_rcv is None else len(self.body_rcv)

    def close(self) -> None:
        """Give back what the request took."""
        super().close()
        self.share.close()

    def sent_path(self) -> str:
        """Return the path as the application will see it."""
        return str(self.path).encode("latin-1").decode("utf-8", "replace")

    def sent_headers(self) -> dict[str, str]:
        """Return the headers by their usual names; waitress has them as CGI wrote them."""
        return {name.replace("_", "-").title(): value for name, value in self.headers.items()}

    def _judge(self) -> None:
        if self.error is not None or self.empty:
            return
        if self.body_rcv is None and "TRANSFER_ENCODING" not in self.headers:
            # The application judges what has no body.
            return
        try:
            self.door.judge(self)
        except ApiError as error:
            self.refuse(error)

    def _know_path(self, sent: bytes) -> None:
        """Take the path from the line that came first, for headers that cannot be read.

        Its caller is refused in the dialect he speaks.
        """
        line = REQUEST_LINE.match(sent)
        if line is not None:
            self.command = line["command"].decode("latin-1")
            self.path = unquote_to_bytes(line["path"]).decode("latin-1")

    def _refuse_hopeless_head(self) -> None:
        """Refuse at once a head that can become none: its caller would wait as long as we do."""
        begun = self.header_plus.lstrip()
        if why := why_no_head(begun) or why_no_first_line(begun):
            self.error = UnreadableRequest(why)
            self.completed = True

    def _has_large_chunk(self) -> bool:
        """Tell whether the chunks so far, with what the last one says it has, are too large."""
        if not self.chunked or self.body_rcv is None:
            return False
        length = self.body_bytes() + self.body_rcv.chunk_remainder
        return bool(length > self.door.max_request_bytes)

    def _has_endless_line(self) -> bool:
        if not self.chunked or self.body_rcv is None:
            return False
        body = self.body_rcv
        return len(body.control_line) > CHUNK_LINE_BYTES or len(body.trailer) > TRAILER_BYTES


def why_no_first_line(begun: bytes) -> str:
    """Say in waitress' words why a first line that has come whole is none of a request, or ""."""
    line, is_whole, _ = begun.partition(b"\r\n")
    try:
        is_right = not is_whole or any(crack_first_line(line.rstrip()))
    except ParsingError as error:
        return str(error)
    return "" if is_right else "Start line is invalid"


class AnswerTask(WSGITask):  # type: ignore[misc]  # waitress has no types
    """Has the application answer, and tells it since when the request waits."""

    def get_environment(self) -> dict[str, Any]:
        """Return what the application is told of the request."""
        return {**super().get_environment(), RECEIVED: self.request.received_at}


class RefusalTask(ErrorTask):  # type: ignore[misc]  # waitress has no types
    """Answers a request that never reaches the application, in the caller's dialect."""

    def execute(self) -> None:
        """Write the refusal, and close the connection where it has to end."""
        error = self._error()
        path = self.request.sent_path()
        dialect = manners_at(path)
        reply = dialect.error(error)
        self.status = f"{error.status} {HTTPStatus(error.status).phrase}"
        self.close_on_finish = self.request.ends_connection
        self.content_length = len(reply.body)
        self.response_headers = [
            ("Content-Type", reply.content_type),
            ("Content-Length", str(len(reply.body))),
            *([("Connection", "close")] if self.close_on_finish else []),
            *reply.headers.items(),
            *error_headers(error).items(),
            *self._proof(path, error.status, reply.body).items(),
        ]
        door = self.request.door
        seconds = time.perf_counter() - (self.request.received_at or time.perf_counter())
        door.metrics.answered(dialect.name, error.status, seconds)
        caller = door.access.caller(self.channel.addr[0], self.request.sent_headers())
        log_request(caller, self.request.command, path, error.status)
        # Last, as it is with answers: whoever has read it finds it counted.
        self.write(reply.body)

    def _proof(self, path: str, status: int, body: bytes) -> dict[str, str]:
        """Show this session's client who it is that refuses."""
        access, headers = self.request.door.access, self.request.sent_headers()
        if access.is_signed(self.request.command, path, headers):
            return dict(access.proof(headers, status, body))
        return {}

    def _error(self) -> ApiError:
        error: Any = self.request.error
        if isinstance(error, ApiError):
            return error
        if error.code == TooLarge.status:
            return body_too_large(self.request.door.max_request_bytes)
        return HttpError(error.code, f"{error.reason}: {error.body}")
