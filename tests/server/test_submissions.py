"""Uploads are kept where the setting says so; whatever goes wrong there costs no answer."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cv2
import pytest
import requests

from scoring.records.ledger import Ledger
from scoring.records.picture_store import PictureStore
from scoring.settings import Settings
from tests.conftest import BUNDLE, garment_pixels, running_server
from tests.deadlines import DEADLINE


def png(seed: int) -> bytes:
    done, data = cv2.imencode(".png", garment_pixels(1, seed).reshape(28, 28))
    assert done
    return data.tobytes()


GOOD, BAD = png(1), b"no picture"


@pytest.fixture
def keeping(project: Path) -> Settings:
    server = {"models": (BUNDLE,), "keep_submissions": True}
    return Settings(project=project, server=server)


@pytest.fixture
def url(keeping: Settings) -> Iterator[str]:
    with running_server(keeping) as url:
        yield url


def upload(url: str) -> requests.Response:
    files = [("file", ("=a.png", GOOD)), ("file", ("b.png", BAD))]
    return requests.post(f"{url}/upload", files=files, timeout=DEADLINE)


def hash_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_pictures_and_answers_are_kept(url: str, keeping: Settings) -> None:
    page = requests.get(f"{url}/", headers={"Accept": "text/html"}, timeout=DEADLINE).text
    assert "kept with the answers" in page
    assert upload(url).status_code == 200
    own = requests.post(f"{url}/predict", data=GOOD, timeout=DEADLINE).json()
    label = own["prediction"]["label"]
    with Ledger.from_settings(keeping) as ledger:
        rows = ledger.database.query(
            "SELECT batch, path, content_hash, label, error IS NULL, brightness > 0, outlier_score"
            " IS NULL FROM predictions ORDER BY id"
        )
        versions = ledger.database.query("SELECT name FROM models")
    assert [row[:5] for row in rows] == [
        ("uploads/fashion", f"{hash_of(GOOD)[:8]}/=a.png", hash_of(GOOD), label, 1),
        ("uploads/fashion", f"{hash_of(BAD)[:8]}/b.png", hash_of(BAD), None, 0),
    ]
    assert (rows[0][5:], versions) == ((1, 0), [("fashion",)])
    with PictureStore.from_settings(keeping) as store:
        shown = store.thumbnail(hash_of(GOOD))
        assert shown is not None
        assert shown[1] == "image/png"
        assert store.thumbnail(hash_of(BAD)) is None


def test_by_default_nothing_is_kept(project: Path) -> None:
    settings = Settings(project=project, server={"models": (BUNDLE,)})
    with running_server(settings) as url:
        assert upload(url).status_code == 200
        assert "Nothing is kept" in upload(url).text
    assert not settings.ledger_file.exists()
    assert not settings.pictures_file.exists()


def test_a_ledger_that_cannot_be_used_costs_no_answer(
    url: str, keeping: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    keeping.ledger_file.parent.mkdir(parents=True)
    keeping.ledger_file.write_bytes(b"this is no database, and long enough to be looked at" * 100)
    assert upload(url).status_code == 200
    assert "uploads are not kept" in caplog.text


def test_a_damaged_store_is_set_aside_and_the_next_picture_kept(
    url: str, keeping: Settings
) -> None:
    keeping.pictures_file.parent.mkdir(parents=True)
    keeping.pictures_file.write_bytes(b"this is no database, and long enough to be looked at" * 100)
    for _ in range(2):
        assert upload(url).status_code == 200
    with PictureStore.from_settings(keeping) as store:
        assert store.thumbnail(hash_of(GOOD)) is not None
    with closing(sqlite3.connect(keeping.ledger_file)) as ledger:
        assert ledger.execute("SELECT count(*) FROM predictions").fetchall() == [(2,)]


def test_no_more_pictures_are_kept_than_there_is_room_for(project: Path) -> None:
    settings = Settings(
        project=project,
        server={"models": (BUNDLE,), "keep_submissions": True},
        records={"pictures_bytes": 0},
    )
    with running_server(settings) as url:
        assert upload(url).status_code == 200
    assert not settings.pictures_file.exists()


def test_a_page_that_refuses_says_nothing_of_what_is_kept(url: str) -> None:
    refused = requests.post(f"{url}/upload", files={"file": ("", b"")}, timeout=DEADLINE)
    assert refused.status_code == 400
    assert "kept" not in refused.text
