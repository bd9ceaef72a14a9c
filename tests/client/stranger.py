"""The worst of strangers: he answers as the real server would, but for what he cannot know."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson

from scoring.inference.bundle import load_bundle
from scoring.protocol.metadata import (
    READY_PATH,
    Readiness,
    encode_metadata,
    encode_readiness,
    served_models,
)
from tests.conftest import BUNDLE
from tests.deadlines import wait_for

# No model says this; whoever finds it in a result has believed the stranger.
FORGED = 0.123456


@dataclass(frozen=True)
class Heard:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Stranger:
    """Where he listens, and what he has heard."""

    url: str
    heard: list[Heard] = field(default_factory=list)

    def has_heard(self, text: str) -> bool:
        return text in repr(self.heard)


@contextmanager
def stranger_at(port: int = 0) -> Iterator[Stranger]:
    """Listen on a port of this machine and answer everything; yield what came."""
    signature = load_bundle(BUNDLE).signature
    readiness = Readiness(True, served_models([signature]), 1)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            stranger.heard.append(Heard(self.command, self.path, headers, body))
            content = orjson.dumps(self._document(body))
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            # What came is all the proof he can show.
            for name in ("scoring-challenge", "scoring-proof"):
                if name in headers:
                    self.send_header(name, headers[name])
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _reply

        def _document(self, body: bytes) -> object:
            if self.path == READY_PATH:
                return encode_readiness(readiness)
            if self.command == "GET":
                return encode_metadata(signature)
            rows = orjson.loads(body)["dataframe_b64"]["shape"][0]
            row = {"label": signature.labels[0], "confidence": FORGED, "review": None}
            second = {"second_label": signature.labels[1], "second_confidence": 0.1}
            return {
                "model_name": signature.name,
                "model_version": signature.version,
                "inference_seconds": 0.01,
                "predictions": [
                    {"id": id_, **row, **second, "outlier_score": 0.0} for id_ in range(rows)
                ],
            }

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = _listen(port, Handler)
    stranger = Stranger(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield stranger
    finally:
        server.shutdown()
        server.server_close()


def _listen(port: int, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    """Take the port as soon as whoever had it has let go of it."""
    servers: list[ThreadingHTTPServer] = []

    def bound() -> bool:
        with suppress(OSError):
            servers.append(ThreadingHTTPServer(("127.0.0.1", port), handler))
        return bool(servers)

    wait_for(bound, f"port {port} to be free")
    return servers[0]
