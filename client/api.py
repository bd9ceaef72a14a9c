"""ScoringClient: what the batch job asks of a prediction server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

import numpy as np
import orjson
import requests
import urllib3
from numpy.typing import NDArray

from client.retry_policy import BrokenAnswer, HttpRefusal, StrangerOnPort
from client.transport import new_session
from scoring.protocol.errors import NoServer
from scoring.protocol.frame_codec import Compression
from scoring.protocol.loopback import is_loopback_url
from scoring.protocol.prediction import PredictionResponse, decode_response, encode_request
from scoring.protocol.signature import Signature, SignatureError, parse_signature

# An answer has about 150 bytes a row; one that does not end is cut off.
ANSWER_BYTES_PER_ROW = 2_000
METADATA_BYTES = 2_000_000
READ_SIZE = 65_536


@dataclass(frozen=True)
class Answer:
    """A checked response and the bytes that were sent for it."""

    response: PredictionResponse
    payload_bytes: int


class ScoringClient:
    """Talks to one server; every wait has a limit, and so has the whole of an answer.

    Raises what requests raises for the transport, HttpRefusal for an error status, BrokenAnswer
    for an answer that is not whole, BadResponse for one that does not fit the request and
    StrangerOnPort for a server that is not the one of this session.
    """

    def __init__(
        self,
        url: str,
        *,
        connect_seconds: float,
        read_seconds: float,
        api_key: str = "",
        nonce: str | None = None,
        compression: Compression = None,
        session: requests.Session | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._timeout = (connect_seconds, read_seconds)
        self._nonce = nonce
        self._compression = compression
        self._session = session or new_session()
        if is_loopback_url(url):
            # A proxy for the way out must not stand between two processes of this machine.
            self._session.trust_env = False
        self._session.headers["Accept-Encoding"] = "identity"
        if api_key:
            self._session.headers["Authorization"] = f"Bearer {api_key}"

    def close(self) -> None:
        self._session.close()

    def check_identity(self) -> list[dict[str, str]]:
        """Return the models of the server, once it is ready and ours."""
        document = self._get("/health/ready")
        try:
            nonce, models = document["nonce"], document["models"]
            names = [{"name": str(m["name"]), "version": str(m["version"])} for m in models]
        except (KeyError, TypeError) as error:
            raise StrangerOnPort(f"what answers at {self.url} is no scoring server") from error
        if self._nonce is not None and nonce != self._nonce:
            raise StrangerOnPort(f"the server at {self.url} was not started by this scheduler")
        return names

    def signature(self, name: str = "") -> Signature:
        """Return the signature of a model, by default of the server's first."""
        models = self.check_identity()
        known = [model["name"] for model in models]
        if not known or (name and name not in known):
            raise NoServer(
                f"the server at {self.url} does not serve {name or 'any model'}; it has "
                f"{', '.join(known) or 'none'} (start one with python -m server --model DIR)"
            )
        document = self._get(f"/v2/models/{name or known[0]}")
        try:
            return parse_signature(orjson.dumps(document["parameters"]))
        except (KeyError, TypeError, SignatureError) as error:
            raise StrangerOnPort(
                f"the server at {self.url} describes its model in a way unknown here: {error}"
            ) from error

    def predict(
        self, signature: Signature, ids: Sequence[int], pixels: NDArray[np.uint8], request_id: str
    ) -> Answer:
        """Score uint8 pixels [N, H·W·C]; the answer is checked against the request."""
        body = encode_request(ids, pixels, self._compression)
        limit = METADATA_BYTES + ANSWER_BYTES_PER_ROW * len(ids)
        answer = self._send(
            "POST",
            f"/models/{signature.name}/predict",
            limit,
            data=body,
            headers={"Content-Type": "application/json", "X-Request-Id": request_id},
        )
        response = decode_response(answer, ids, signature.labels, signature.version)
        return Answer(response, len(body))

    def _get(self, path: str) -> Any:
        body = self._send("GET", path, METADATA_BYTES)
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise StrangerOnPort(f"what answers at {self.url} is no scoring server") from error

    def _send(self, method: str, path: str, limit: int, **arguments: Any) -> bytes:
        with self._session.request(
            method,
            self.url + path,
            timeout=self._timeout,
            allow_redirects=False,
            stream=True,
            **arguments,
        ) as response:
            body = b"".join(_bounded(response, limit))
            if response.status_code != 200:
                _refuse(response, body)
            _check_length(response, body)
            return body


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
        message = str(orjson.loads(body)["error"]["message"])
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
