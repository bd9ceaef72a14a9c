"""The way to one server: each question once, its answer whole, proved and held against it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any, NoReturn
from urllib.parse import quote

import numpy as np
import orjson
import requests
import urllib3
from msgspec import Struct
from numpy.typing import NDArray

from client.forked import begin_anew_when_forked
from client.identity import ByHand, Identity, InSession, redirected
from client.stop_signal import StopSignal
from client.transport import BUNDLE_VARIABLES, new_session, take_from_environment
from scoring.protocol.commands import command
from scoring.protocol.errors import (
    BrokenAnswer,
    HttpRefusal,
    ModelNotServed,
    SettingsError,
)
from scoring.protocol.frame_codec import Compression
from scoring.protocol.identity import SessionSecret
from scoring.protocol.metadata import (
    READY_PATH,
    REFERENCE_BYTES,
    REFERENCE_PATH,
    Readiness,
    decode_metadata,
    decode_readiness,
    model_path,
)
from scoring.protocol.prediction import PredictionResponse, decode_response, encode_request
from scoring.protocol.signature import Signature
from scoring.records.text import printable

# An answer has about 150 bytes a row; one that does not end is cut off.
ANSWER_BYTES_PER_ROW = 2_000
METADATA_BYTES = 2_000_000
READ_SIZE = 65_536
A_URL = "http://scores.example:5000"
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
# What the HTTP library says of an address that it cannot go to, now or ever; the server's own, or
# that of a proxy that the environment names.
WRONG_ADDRESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    urllib3.exceptions.LocationValueError,
)


class Answer(Struct, frozen=True):
    """A checked response and the bytes that were sent for it."""

    response: PredictionResponse
    payload_bytes: int


class ServerLink:
    """Asks one server; every wait has a limit, and so has the whole of an answer.

    Raises what requests raises for the transport, HttpRefusal for an error status, BrokenAnswer
    for an answer that is not whole, BadResponse for one that does not fit the request,
    StrangerOnPort for whoever is not the server of this session, SettingsError for an address
    that no request can go to and RuntimeError once it is closed.
    """

    def __init__(
        self,
        url: str,
        *,
        connect_seconds: float,
        read_seconds: float,
        api_key: str = "",
        secret: SessionSecret | None = None,
        compression: Compression = None,
        session: requests.Session | None = None,
    ) -> None:
        """Take the way to one server; with the session's ``secret`` the key is of no use."""
        self.url = url.rstrip("/")
        self._timeout = (connect_seconds, read_seconds)
        self._compression = compression
        self._identity: Identity = ByHand(self.url, api_key, *self._timeout)
        if secret:
            self._identity = InSession(secret, read_seconds)
        self._given = session
        self._session = self._new_session()
        self._closed = False
        begin_anew_when_forked(self)

    def begin_anew(self) -> None:
        """In a process that was forked off: leave the connections to the parent."""
        if self._given:
            self._given.close()  # it makes others as they are needed
        else:
            # Not closed but dropped: a thread of the parent's may have held one of its locks.
            self._session = self._new_session()

    def close(self) -> None:
        self._closed = True
        self._session.close()

    def _new_session(self) -> requests.Session:
        session = self._given or new_session(self._identity.greet)
        take_from_environment(session, self.url)
        session.headers["Accept-Encoding"] = "identity"
        return session

    def check_identity(self) -> Readiness:
        """Return what the server says of itself, once it is ready and ours."""
        return decode_readiness(self._send("GET", READY_PATH, METADATA_BYTES))

    def signature(self, name: str = "") -> Signature:
        """Return the signature of a model, by default of the server's first."""
        known = [model.name for model in self.check_identity().models]
        if not known or (name and name not in known):
            raise ModelNotServed(
                f"the server at {self.url} does not serve {name or 'any model'}; it has "
                f"{', '.join(known) or 'none'} (start one with {command('server', '--model NAME')})"
            )
        return decode_metadata(self._send("GET", model_path(name or known[0]), METADATA_BYTES))

    def reference(self, signature: Signature) -> bytes:
        """Return what the server has as what a model said of held-out images; asked once."""
        return self._send("GET", REFERENCE_PATH.format(name=signature.name), REFERENCE_BYTES)

    def predict(
        self, signature: Signature, ids: Sequence[int], pixels: NDArray[np.uint8], request_id: str
    ) -> Answer:
        """Score uint8 pixels [N, H·W·C]; the answer is checked against the request.

        Several threads may ask at once; each uses a connection of its own.
        """
        body = encode_request(ids, pixels, self._compression)
        limit = METADATA_BYTES + ANSWER_BYTES_PER_ROW * len(ids)
        headers = {"Content-Type": "application/json", "X-Request-Id": request_id}
        answer = self._send("POST", f"/models/{signature.name}/predict", limit, body, headers)
        response = decode_response(answer, ids, signature.labels, signature.version)
        return Answer(response, len(body))

    def wait_for_one(
        self, seconds: float, stop: StopSignal, signature: Signature | None = None
    ) -> bool:
        """Wait for the next try, but not past a stop; nobody looks whether the server is back."""
        stop.sleep(seconds)
        return False

    def _send(
        self,
        method: str,
        path: str,
        limit: int,
        body: bytes = b"",
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> bytes:
        """Return the body of an answer that is whole, proved and not an error."""
        if self._closed:
            raise RuntimeError("this client is closed; make another, and use it in its with block")
        signed = self._identity.sign(method, path, body)
        with self._request(method, path, body, {**headers, **signed}) as response:
            content = b"".join(_bounded(response, limit))
            _check_length(response, content)
            self._identity.check(signed, response.status_code, response.headers, content)
            if response.is_redirect:
                location = response.headers["Location"]
                raise redirected(response.status_code, self.url, path, location)
            if response.status_code != 200:
                _refuse(response, content)
            return content

    def _request(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> requests.Response:
        try:
            return self._session.request(
                method,
                self.url + quote(path),
                data=body or None,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            )
        except requests.exceptions.RequestException as error:
            if not isinstance(error, WRONG_ADDRESS):
                raise
            # Not "from error": its text may show a proxy's password.
            raise SettingsError(_wrong_address(self.url)) from None
        except OSError as error:
            bundle = self._session.verify
            if isinstance(bundle, str) and not os.path.exists(bundle):
                raise SettingsError(_no_bundle(bundle)) from error
            raise


def _wrong_address(url: str) -> str:
    """Return which address is wrong; a proxy's is not shown, for there may be a password in it."""
    try:
        requests.Request("GET", url).prepare()
    except WRONG_ADDRESS as error:
        return f"no request can go to {url} ({error}); give client.server a URL like {A_URL}"
    return "the proxy that the environment names cannot be used; correct HTTP_PROXY or HTTPS_PROXY"


def _no_bundle(bundle: str) -> str:
    named = [name for name in BUNDLE_VARIABLES if os.environ.get(name) == bundle]
    variable = named[0] if named else " or ".join(BUNDLE_VARIABLES)
    return f"{variable} names no file or folder: {printable(bundle)}; correct or unset it"


def _bounded(response: requests.Response, limit: int) -> Iterator[bytes]:
    """Yield the body as it comes, bounded in bytes."""
    received = 0
    while part := _read_some(response):
        received += len(part)
        if received > limit:
            raise BrokenAnswer(f"the answer does not end; cut off after {limit} bytes")
        yield part


def _read_some(response: requests.Response) -> bytes:
    """Return what has come, nothing at the end; as ``iter_content`` does, but without filling up.

    Raises what requests raises.
    """
    try:
        part: bytes = response.raw.read1(READ_SIZE, decode_content=False)
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.exceptions.ReadTimeout(error) from error
    except urllib3.exceptions.HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(error) from error
    return part


def _check_length(response: requests.Response, body: bytes) -> None:
    """An answer that stops short may still be read without an error by the HTTP library."""
    announced = response.headers.get("Content-Length", "")
    if announced.isdecimal() and int(announced) != len(body):
        raise BrokenAnswer(f"the answer broke off after {len(body)} of {announced} bytes")


def _refuse(response: requests.Response, body: bytes) -> NoReturn:
    try:
        error = orjson.loads(body)["error"]
        # Some dialects have the text alone.
        message = error if isinstance(error, str) else str(error["message"])
    except (ValueError, KeyError, TypeError):
        message = response.reason or "no reason given"
    raise HttpRefusal(response.status_code, message[:500], retry_after(response.headers))


def retry_after(headers: Any) -> float | None:
    """Return the seconds a server asks to wait (RFC 9110, 10.2.3), if it does."""
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
        now = parsedate_to_datetime(headers["Date"])
    except (ValueError, TypeError, KeyError):
        return None
    return max(0.0, (date - now).total_seconds())
