"""The download, against a real local server."""

import hashlib
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from fashion_model import batch
from fashion_model.dataset.description import DataError
from fashion_model.dataset.download import fetch

CONTENT = b"a data set" * 1000
MD5 = {"images.gz": hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()}


class QuietHandler(SimpleHTTPRequestHandler):
    """Serve a folder without writing to the test's output."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Serve ``tmp_path/site``; return its address."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "images.gz").write_bytes(CONTENT)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=site)) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_fetches_once_and_keeps(address: str, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    fetch(address, MD5, cache)
    assert (cache / "images.gz").read_bytes() == CONTENT
    (tmp_path / "site" / "images.gz").unlink()
    fetch(address, MD5, cache)
    assert [path.name for path in cache.iterdir()] == ["images.gz"]


def test_a_broken_cached_file_is_fetched_again(address: str, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "images.gz").write_bytes(CONTENT[:100])
    fetch(address, MD5, cache)
    assert (cache / "images.gz").read_bytes() == CONTENT


def test_other_bytes_than_published_are_refused(address: str, tmp_path: Path) -> None:
    (tmp_path / "site" / "images.gz").write_bytes(b"something else")
    with pytest.raises(DataError, match=r"MD5 is .*, published is"):
        fetch(address, MD5, tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_a_refusal_names_the_file(address: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot download .*other\.gz: 404"):
        fetch(address, {"other.gz": "0"}, tmp_path / "cache")


def test_no_network_is_a_clear_error_and_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Port 9 (discard) is closed: what a machine without a network sees, without waiting.
    arguments = ["--address", "http://127.0.0.1:9/", "--cache", str(tmp_path / "cache")]
    code = batch.main([*arguments, "--out", str(tmp_path / "G2")])
    assert code == 1
    assert "error: cannot download http://127.0.0.1:9/" in capsys.readouterr().err
    assert not (tmp_path / "G2").exists()
