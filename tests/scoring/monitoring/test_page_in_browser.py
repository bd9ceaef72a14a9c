"""Reports in a real browser, from a file, with the network off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, Page

from scoring.monitoring.facts import ReportFacts
from scoring.monitoring.page import render_page
from tests.browsing import SCREENS, chromium, fits, found_by_axe
from tests.scoring.monitoring.examples import FACTS, TOTALS
from tests.scoring.monitoring.test_page import worst_facts

pytestmark = pytest.mark.long

MISSED = ReportFacts(
    run=replace(FACTS.run, state="missed", reason="the machine was off"),
    totals=replace(TOTALS, images=0, failed=0, flagged=0),
)
NIGHTS = {"usual": FACTS, "missed": MISSED, "worst": worst_facts()}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def opened(browser: Browser, tmp_path: Path, facts: ReportFacts, **screen: Any) -> Page:
    """Open a report as somebody does who was sent it; what goes wrong is written down."""
    picture = cv2.imencode(".png", np.zeros((40, 30, 3), np.uint8))[1].tobytes()
    path = tmp_path / "report.html"
    path.write_bytes(render_page(facts, {one.content_hash: (picture, "image/png")
                                         for one in facts.look_at}))  # fmt: skip
    context = browser.new_context(**screen)
    context.set_offline(True)
    page = context.new_page()
    page.on("console", lambda said: pytest.fail(f"the page says: {said.text}"))
    page.on("request", lambda asked: _only_its_own(asked.url))
    page.goto(path.as_uri())
    return page


def _only_its_own(url: str) -> None:
    assert url.startswith(("file://", "data:")), url


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
@pytest.mark.parametrize("night", NIGHTS)
def test_a_report_reads_well_on_every_screen(
    browser: Browser, tmp_path: Path, night: str, width: int, scheme: str
) -> None:
    page = opened(browser, tmp_path, NIGHTS[night], color_scheme=scheme,
                  viewport={"width": width, "height": 900})  # fmt: skip
    assert page.locator("h1").is_visible()
    assert fits(page)
    assert found_by_axe(page) == []
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert fits(page)
    assert found_by_axe(page) == []
    page.context.close()


def test_its_pictures_and_its_style_are_let_through_by_its_own_policy(
    browser: Browser, tmp_path: Path
) -> None:
    page = opened(browser, tmp_path, FACTS)
    assert page.locator(".pictures img").first.evaluate("one => one.naturalWidth") == 30
    assert page.locator("main").evaluate("one => getComputedStyle(one).maxWidth") != "none"
    page.context.close()


def test_a_screen_reader_hears_the_sentence_first_and_every_chart_by_its_name(
    browser: Browser, tmp_path: Path
) -> None:
    page = opened(browser, tmp_path, FACTS)
    heard = page.locator("body").aria_snapshot()
    headings = [line for line in heard.splitlines() if "heading" in line]
    assert "100 pictures came in" in headings[0]
    assert "[level=1]" in headings[0]
    assert heard.count('img "') == 6
    assert 'img "Pictures by confidence' in heard
    page.context.close()
