"""Pictures by their content: as people see them, and as the model did."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from scoring.settings import Settings
from tests.desk.conftest import Browser
from tests.desk.waiting_pictures import FASHION, add_run, drawn_garment, flagged, key_of

ONE = flagged(1, seed=3)
HASH = key_of(ONE).content_hash


@pytest.fixture
def kept(settings: Settings) -> None:
    add_run(settings, [ONE])


@pytest.mark.usefixtures("kept")
def test_a_picture_is_shown(browser: Browser) -> None:
    answer = browser.get(f"/picture/{HASH}")
    assert (answer.status_code, answer.content_type) == (200, "image/png")
    assert answer.headers["Cache-Control"] == "private, max-age=600"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.data.startswith(b"\x89PNG")


@pytest.mark.usefixtures("kept")
def test_what_the_model_saw_is_shown(browser: Browser) -> None:
    answer = browser.get(f"/picture/{HASH}/seen-by/{FASHION.version}")
    assert answer.status_code == 200
    pixels = cv2.imdecode(np.frombuffer(answer.data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    assert np.array_equal(pixels, drawn_garment(3))


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    "path",
    [
        "/picture/nothing",
        f"/picture/{'0' * 64}",
        f"/picture/{HASH}/seen-by/nobody",
        f"/picture/{'0' * 64}/seen-by/{FASHION.version}",
        f"/picture/..%2f{HASH}",
    ],
)
def test_what_is_not_kept_is_not_there(browser: Browser, path: str) -> None:
    assert browser.get(path).status_code == 404


def test_without_a_store_there_are_no_pictures(browser: Browser) -> None:
    assert browser.get(f"/picture/{HASH}").status_code == 404
