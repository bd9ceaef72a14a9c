"""A server that says whatever a test wants it to say."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import requests

from tests.deadlines import DEADLINE

Answer = tuple[int, bytes, dict[str, str]]
Spoil = Callable[[str, bytes, int], Answer | None]


@contextmanager
def answering(answer: Callable[[str, str, bytes], Answer]) -> Iterator[str]:
    """Serve whatever ``answer(method, path, body)`` says."""

    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, content, headers = answer(self.command, self.path, body)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _reply

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def relay(real: str, spoil: Spoil) -> Callable[..., Answer]:
    """Pass requests on to the real server; ``spoil(path, answer, number)`` may replace answers."""
    counts: dict[str, int] = {}

    def answer(method: str, path: str, body: bytes) -> Answer:
        response = requests.request(method, real + path, data=body or None, timeout=DEADLINE)
        counts[path] = counts.get(path, 0) + 1
        spoilt = spoil(path, response.content, counts[path])
        headers = {"Content-Type": "application/json"}
        return spoilt or (response.status_code, response.content, headers)

    return answer


def predictions(body: bytes, change: Callable[[list[dict[str, object]]], object]) -> bytes:
    document = orjson.loads(body)
    change(document["predictions"])
    return orjson.dumps(document)


def is_predict(path: str) -> bool:
    return path.endswith("/predict")
