"""The way to a server: where it goes, who is asked before, and when it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from urllib3.connection import HTTPConnection

from client.retry_policy import reason
from client.transport import new_session, take_from_environment
from scoring.processes.port_owner import free_port
from scoring.protocol.errors import StrangerOnPort
from scoring.protocol.metadata import ForeignAnswer
from tests.client.conftest import KEY, SECRET, client_of, score
from tests.client.lying_server import answering
from tests.client.stranger import stranger_at
from tests.deadlines import DEADLINE

FAR = "http://scores.example:5000"


class Greeter:
    """Opens a connection as whoever greets does, and counts."""

    def __init__(self, error: Exception | None = None) -> None:
        self.greeted = 0
        self._error = error

    def greet(self, connection: HTTPConnection, connect: Callable[[], None]) -> None:
        self.greeted += 1
        connect()
        if self._error:
            raise self._error


def test_each_connection_is_greeted_once_and_no_request_for_itself() -> None:
    kept, closed = Greeter(), Greeter()
    with stranger_at() as keeps, answering(lambda *_: (200, b"{}", {})) as closes:
        for greeter, url in ((kept, keeps.url), (closed, closes)):
            with new_session(greeter.greet) as session:
                for _ in range(3):
                    assert session.get(f"{url}/models/fashion", timeout=DEADLINE).ok
    assert (kept.greeted, closed.greeted) == (1, 3)


def test_what_speaks_against_a_connection_ends_it_before_anything_is_sent() -> None:
    greeter = Greeter(StrangerOnPort("not he"))
    with stranger_at() as stranger, new_session(greeter.greet) as session:
        for _ in range(2):
            with pytest.raises(StrangerOnPort, match="not he"):
                session.post(stranger.url, data=KEY, timeout=DEADLINE)
    assert greeter.greeted == 2
    assert stranger.heard == []


def test_a_proxy_that_passes_requests_on_is_not_greeted() -> None:
    greeter = Greeter(StrangerOnPort("a proxy"))
    with stranger_at() as proxy, new_session(greeter.greet) as session:
        session.proxies = {"http": proxy.url}
        assert session.get(f"{FAR}/models/fashion", timeout=DEADLINE).ok
    assert greeter.greeted == 0


def test_the_environment_gives_no_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login me password from-netrc\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    # A name that is not known as this machine's own.
    monkeypatch.setattr("client.transport.is_loopback_url", lambda _: False)
    monkeypatch.setenv("NO_PROXY", "*")
    for api_key, expected in ((KEY, {f"Bearer {KEY}"}), ("", {None})):
        with stranger_at() as server, client_of(server.url, api_key=api_key) as client:
            score(client)
        keys = {
            heard.headers.get("authorization")
            for heard in server.heard
            if heard.path != "/health/ready"
        }
        assert keys == expected


def test_a_proxy_of_the_environment_has_no_say_on_this_machine(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port('127.0.0.1')}")
    with client_of(url, SECRET) as client:
        assert len(score(client)) == 5


def test_beyond_this_machine_the_proxy_of_the_environment_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with stranger_at() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        with client_of("http://scores.example:5000") as client, pytest.raises(ForeignAnswer):
            client.check_identity()
    assert proxy.heard[0].path == "http://scores.example:5000/health/ready"


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", ["127.0.0.1", "proxy.invalid"])
def test_a_proxy_that_is_not_there_is_told_without_its_password(
    scheme: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = f"http://me:s3cret@{host}:{free_port('127.0.0.1')}"
    for variable in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, proxy)
    with client_of(f"{scheme}://scores.example:5000") as client:
        with pytest.raises(requests.exceptions.ConnectionError) as caught:
            client.check_identity()
    assert reason(caught.value).startswith("the proxy that HTTP_PROXY or HTTPS_PROXY names")
    assert "s3cret" not in reason(caught.value)


def test_a_name_that_nobody_knows_is_told_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    for scheme in ("http", "https"):
        with client_of(f"{scheme}://nobody.invalid:5000") as client:
            with pytest.raises(requests.exceptions.ConnectionError) as caught:
                client.check_identity()
        assert reason(caught.value).startswith("there is no host of that name")


@pytest.mark.parametrize(
    ("bundles", "expected"),
    [
        ({}, True),
        ({"CURL_CA_BUNDLE": "curl.pem"}, "curl.pem"),
        ({"CURL_CA_BUNDLE": "curl.pem", "REQUESTS_CA_BUNDLE": "ours.pem"}, "ours.pem"),
        ({"REQUESTS_CA_BUNDLE": ""}, True),
    ],
)
def test_certificates_of_the_environment_count(
    bundles: dict[str, str], expected: str | bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in bundles.items():
        monkeypatch.setenv(name, value)
    far, near = requests.Session(), requests.Session()
    take_from_environment(far, "https://scores.example")
    take_from_environment(near, "https://127.0.0.1:5000")
    assert far.verify == near.verify == expected


def test_no_proxy_leaves_a_host_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    for no_proxy, proxies in (("", {"http"}), (".example", set())):
        monkeypatch.setenv("NO_PROXY", no_proxy)
        session = requests.Session()
        take_from_environment(session, FAR)
        assert {scheme for scheme in session.proxies if scheme == "http"} == proxies
