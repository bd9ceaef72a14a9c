"""A real browser for the pages: Debian's Chromium, driven by Playwright, judged by axe."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
# On a machine that has much else to do a page may take its time; who waits in vain fails anyway.
WAIT_MS = 60_000
expect.set_options(timeout=WAIT_MS)
# Width in pixels, scheme.
SCREENS = [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")]


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """Start the browser; the test is skipped where there is none."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("there is no Chromium (apt install chromium)")
    with sync_playwright() as playwright:
        # Its sandbox does not start as root, which tests in a container run as.
        arguments = ["--no-sandbox", *flags]
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@contextmanager
def quiet_page(
    browser: Browser,
    *,
    width: int = 1280,
    height: int = 900,
    harmless: Sequence[str] = ("Failed to load resource",),
    **options: Any,
) -> Iterator[Page]:
    """Open a page that may complain of nothing but what begins with ``harmless`` words.

    A refused request is told by the browser itself; all else is a fault of the page.
    """
    screen: ViewportSize = {"width": width, "height": height}
    with browser.new_context(viewport=screen, **options) as context:
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()
        said: list[str] = []
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda message: said.append(message.text))
        yield page
        assert [one for one in said if not one.startswith(tuple(harmless))] == []


@contextmanager
def asking_only(page: Page, *beginnings: str) -> Iterator[None]:
    """Hold the page to addresses that begin so: it asks for nothing foreign."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    yield
    assert [one for one in asked if not one.startswith(beginnings)] == []


def fits(page: Page) -> bool:
    """Tell whether nothing is wider than the screen."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def found_by_axe(page: Page) -> list[tuple[str, str]]:
    """Return what would keep somebody from using the page, by the rules of axe-core."""
    violations = Axe().run(page).response["violations"]
    return [(one["id"], one["nodes"][0]["html"]) for one in violations]


def drop(place: Locator, *paths: Path) -> None:
    """Drop files and folders there, as somebody does who drags them from a desktop."""
    box = place.bounding_box()
    assert box is not None
    session = place.page.context.new_cdp_session(place.page)
    files = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    middle = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **middle, "data": files})
    session.detach()
