from __future__ import annotations

from pathlib import Path

import pytest

from client import request
from scoring.protocol.addresses import check_host, check_url
from scoring.protocol.errors import ExitCode
from tests.conftest import write_batch


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:5000",
        "https://scores.example",
        "https://scores.example/behind/a/path/",
        "http://[::1]:5000",
        "http://[fe80::1%25eth0]:5000",
        "http://größe.example",
        "http://a_b.example:65535",
        "http://scores.example:",
    ],
)
def test_a_url_that_a_request_can_go_to(url: str) -> None:
    assert check_url(url) == url


WRONG = (
    "http://a..b",
    "http://.a",
    "http://" + "a" * 64 + ".example",
    "http://a b",
    "http://a\tb",
    "http://a\nb",
    " http://a",
    "http://a ",
    "http://a\\b",
    "http://[::1",
    "http://::1]",
    "http://[zz]",
    "http://x:99999",
    "http://x:-1",
    "http://x:0",
    "http://x:port",
    "http://x:5000:5000",
    "http://",
    "http:///path",
    "http://:5000",
    "http://@x",
    "http://me:word@x",
    "http://x?",
    "http://x?a=1",
    "http://x/#part",
    "ftp://x",
    "localhost:5000",
    "//x",
    "x",
    "http//x",
    "http://\u2603.\u2603..example",
    "http://\x7f",
    "http://\ud800.example",
)


@pytest.mark.parametrize("url", WRONG)
def test_a_url_that_no_request_can_go_to(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|host"):
        check_url(url)


@pytest.mark.parametrize("url", ["http://a..b", "http://[::1", "http://a b", "http://x:99999"])
def test_on_the_command_line_it_is_a_usage_error(
    project: Path, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    assert request.main(["G1", "--server", url]) == ExitCode.USAGE
    error = capsys.readouterr().err
    assert error.startswith("error: setting client.server: give ")
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0", "", "localhost", "fe80::1%eth0"])
def test_a_host_that_can_be_listened_on(host: str) -> None:
    assert check_host(host) == host


@pytest.mark.parametrize("host", ["a..b", "a b", "http://x", "[::1]", "x/y", "a\x00", "x" * 64])
def test_a_host_that_cannot_be_looked_up(host: str) -> None:
    with pytest.raises(ValueError, match="host"):
        check_host(host)


# The HTTP library has rules of its own (IDNA 2008, no wildcards), and so a last word.
@pytest.mark.parametrize(
    "url",
    ["http://*", "http://*.example:5000", "http://%zz", "http://\u2603.example", "http://a\u3002b",
     "http://\u0663", "http://a\u200bb", "http://[v1.x]", "https://*.example"],
)  # fmt: skip
@pytest.mark.parametrize("by", ["flag", "setting"])
def test_what_only_the_http_library_refuses_is_one_too(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    by: str,
) -> None:
    write_batch(project / "image_batches" / "G1", 1)
    if by == "setting":
        monkeypatch.setenv("SCORING_CLIENT__SERVER", url)
    assert request.main(["G1", *(["--server", url] if by == "flag" else [])]) == ExitCode.USAGE
    error = capsys.readouterr().err
    assert "give client.server" in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("proxy", ["http:///no-host", "http://me:word@[::1", "socks9://a:word@b"])
def test_a_wrong_proxy_of_the_environment_is_named_without_its_password(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    proxy: str,
) -> None:
    write_batch(project / "image_batches" / "G1", 1)
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setenv("no_proxy", "")
    assert request.main(["G1", "--server", "http://scores.example"]) == ExitCode.USAGE
    error = capsys.readouterr().err
    assert "correct HTTP_PROXY" in error
    assert "word" not in error
