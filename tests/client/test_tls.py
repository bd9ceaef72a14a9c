"""The client over TLS: whose certificate it trusts, and what it says of one that it does not."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import requests

from client.retry_policy import reason
from client.transport import take_from_environment
from tests.conftest import in_thread
from tests.deadlines import DEADLINE

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a key and the certificate of localhost that it signed itself."""
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", str(path), "-out", str(path)),
        ],
        check=True,
        capture_output=True,
    )
    return path


@pytest.fixture(autouse=True)
def no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


class Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port(certificate: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with HTTPServer(("127.0.0.1", 0), Hello) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        with in_thread(server.serve_forever):
            yield server.server_port
            server.shutdown()


def ask(url: str) -> int:
    with requests.Session() as session:
        take_from_environment(session, url)
        return session.get(url, timeout=DEADLINE).status_code


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_certificate_of_ones_own_is_named_by_the_environment(
    variable: str, port: int, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(certificate))
    assert ask(f"https://localhost:{port}/") == 200


def test_a_certificate_that_is_not_trusted_is_told_as_that(port: int) -> None:
    with pytest.raises(requests.exceptions.SSLError) as caught:
        ask(f"https://localhost:{port}/")
    assert reason(caught.value).startswith("its certificate is not trusted; REQUESTS_CA_BUNDLE")


def test_a_file_without_certificates_is_told_as_that(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.pem").write_text("none yet")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "notes.pem"))
    with pytest.raises(requests.exceptions.SSLError) as caught:
        ask(f"https://localhost:{port}/")
    assert reason(caught.value) == "REQUESTS_CA_BUNDLE names a file that has no certificates"


def test_no_tls_is_told_as_that() -> None:
    with HTTPServer(("127.0.0.1", 0), Hello) as server, in_thread(server.handle_request):
        with pytest.raises(requests.exceptions.SSLError) as caught:
            ask(f"https://localhost:{server.server_port}/")
    assert reason(caught.value) == "what listens there speaks no TLS that is understood"
