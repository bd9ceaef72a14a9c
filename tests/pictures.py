"""Take the pictures of ``docs/pictures`` anew: ``python -m tests.pictures`` (or ``make pictures``).

A report and the desk, after nights of drawn pictures among which somebody mixed numbers. What they
show is drawn by this project, and scored by the real model.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize
from werkzeug.serving import make_server

from desk.app import create_app
from fashion_model.drawn.draw import CLASSES
from scoring.monitoring.report import PAGE
from scoring.settings import CODE_ROOT, Settings
from tests.browsing import chromium
from tests.conftest import BUNDLE
from tests.scoring.monitoring import nights as kinds
from tests.scoring.monitoring.nights import NightSettings, nights_in

FOLDER = CODE_ROOT / "docs" / "pictures"
SIZE = ViewportSize(width=1080, height=760)
ORDINARY_NIGHTS, COUNT = 8, 40
# So few colours that a picture stays small in the repository.
COLOURS = 224
# So long a person looks at a picture.
LOOK_MS = 1_700
MOST_BYTES = 150_000


def main() -> None:
    """Score the nights, and take the pictures."""
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCORING_PROJECT", folder)
        patch.setenv("SCORING_SERVER__MODELS", json.dumps([str(BUNDLE)]))
        patch.setenv("SCORING_RECORDS__AUDIT", "10")
        settings, ordinary = _nights(Path(folder))
        with chromium() as browser, _desk(settings) as url:
            page = _open(browser, (settings.logs_folder / PAGE).as_uri())
            _take(page, "report.png")
            _take(_reviewing(_open(browser, f"{url}/review?batch={ordinary}")), "review.png")


def _nights(project: Path) -> tuple[Settings, str]:
    """Score the nights; return the settings, and the batch of an ordinary one."""
    with nights_in(project) as nights:
        for evening in range(ORDINARY_NIGHTS):
            run = nights.night(kinds.ordinary(COUNT, evening))
        nights.night(kinds.with_digits(COUNT, 0))
        return nights.settings, run.batches[-1]


@contextmanager
def _desk(settings: Settings) -> Iterator[str]:
    """Serve the desk as it is on the morning after the last night; yield its URL."""
    app = create_app(settings, loopback=True, now=lambda: NightSettings.moment - timedelta(hours=9))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()


def _open(browser: Browser, url: str) -> Page:
    page = browser.new_page(viewport=SIZE, color_scheme="light")
    page.goto(url)
    return page


def _reviewing(page: Page) -> Page:
    """Give a name, and answer one picture rightly, so that the page tells what the model said."""
    page.get_by_label("Your name").fill("Ana")
    page.get_by_role("button", name="That is me").click()
    shown = page.locator("#name").inner_text()
    page.wait_for_timeout(LOOK_MS)
    page.keyboard.press(_key(shown.split()[-1]))
    page.wait_for_function("name => document.querySelector('#name').innerText !== name", arg=shown)
    page.locator("#saved", has_text="all saved").wait_for()
    page.wait_for_function("document.querySelector('#picture img').complete")
    return page


def _key(name: str) -> str:
    """Return the key for what the picture of an ordinary night shows."""
    stock = kinds.clean(kinds.STOCK, kinds.STOCK_SEED)
    label = next(drawn.label for drawn in stock if drawn.name == name)
    return "1234567890"[list(CLASSES).index(label)]


def _take(page: Page, name: str) -> None:
    whole = Image.open(io.BytesIO(page.screenshot()))
    few = whole.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(FOLDER / name, optimize=True)
    assert (FOLDER / name).stat().st_size <= MOST_BYTES


if __name__ == "__main__":
    main()
