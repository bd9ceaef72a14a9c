"""Fetch a data set from its official address, once, and check what came."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path

import requests

from fashion_model.dataset.description import DataError, DownloadFailed

logger = logging.getLogger("scoring.fashion_model")
TIMEOUT_SECONDS = (10.0, 60.0)
CHUNK_BYTES = 1 << 20


def fetch(address: str, md5: Mapping[str, str], folder: Path) -> None:
    """Bring the files named in ``md5`` into ``folder``; one that is there and right stays.

    Raises:
        DataError: there is no address.
        DownloadFailed: no network, a refusal, or other bytes than the published sum's.
    """
    if not address:
        raise DataError("this data set has no download address: name its folder with --data")
    folder.mkdir(parents=True, exist_ok=True)
    for name, digest in md5.items():
        path = folder / name
        if not (path.is_file() and _md5(path) == digest):
            _download(f"{address.rstrip('/')}/{name}", path, digest)


def _download(url: str, path: Path, digest: str) -> None:
    logger.info("downloading %s", url)
    partial = path.with_name(path.name + ".partial")
    try:
        with requests.get(url, stream=True, timeout=TIMEOUT_SECONDS) as response:
            response.raise_for_status()
            with partial.open("wb") as file:
                for chunk in response.iter_content(CHUNK_BYTES):
                    file.write(chunk)
    except requests.RequestException as error:
        raise DownloadFailed(
            f"cannot download {url}: {error}. Without a network, put the files into a folder"
            " and name it with --data"
        ) from error
    actual = _md5(partial)
    if actual != digest:
        partial.unlink()
        raise DownloadFailed(f"{url}: MD5 is {actual}, published is {digest}")
    partial.replace(path)


def _md5(path: Path) -> str:
    # The published sums are MD5: enough against a broken download, which is what they are for.
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
