"""The pages in a real browser: for everyone, by keyboard, over plain HTTP within a house."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from desk.app import create_app
from desk.serving import DeskServer
from scoring.processes.listening import bind
from scoring.records.labels import Labels
from scoring.records.ledger import Ledger
from scoring.settings import Settings, load_settings
from tests.browsing import SCREENS, chromium, fits, found_by_axe, quiet_page
from tests.desk.conftest import KEY
from tests.desk.waiting_pictures import NOW, Picture, add_run, drawn, flagged, key_of

pytestmark = pytest.mark.long

# A name within a house: to it a browser sends no Sec-Fetch-Site over plain HTTP.
HOUSE = "desk.shop.test"
# A page that is not there; over plain HTTP a header that is only for HTTPS.
HARMLESS = ("Failed to load resource", "The Cross-Origin-Opener-Policy header has been ignored")
# Pixels in which ten letters can be read.
FIELD = 100
PAGES = ("/", "/runs", "/pictures", "/pictures?show=waiting", "/pictures?label=Coat", "/who", "/no")
SURE = Picture("a-very-long-name" * 8 + ".png", label="Bag", confidence=0.98, review=None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(f"--host-resolver-rules=MAP {HOUSE} 127.0.0.1") as browser:
        yield browser


@contextmanager
def served(settings: Settings, *, loopback: bool = True) -> Iterator[int]:
    """Serve the desk as its program does; yield the port."""
    app = create_app(settings, loopback=loopback, now=lambda: NOW)
    server = DeskServer(app, bind("127.0.0.1", 0, "desk.port"))
    server.start()
    try:
        yield server.port
    finally:
        server.stop(5.0)


@pytest.fixture
def url(settings: Settings) -> Iterator[str]:
    add_run(settings, [flagged(1), flagged(2, review="not a garment?"), drawn(1), SURE])
    with Ledger.from_settings(settings) as ledger:
        Labels(ledger).add(key_of(flagged(1)), "label", "Dress", reviewer="Ada", source="desk")
        ledger.close_batch("run-G1-202611211805", "G1", 2.0)
    with served(settings) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def opened(
    browser: Browser, width: int = 1280, scheme: Any = "light", **more: Any
) -> Iterator[Page]:
    """Open a page that may complain of nothing."""
    screen = {"width": width, "color_scheme": scheme, "harmless": HARMLESS}
    with quiet_page(browser, **screen, **more) as page:
        yield page


@pytest.mark.parametrize("width", sorted({width for width, _ in SCREENS}))
def test_every_field_has_room_for_what_is_typed(browser: Browser, url: str, width: int) -> None:
    """A rule for the name in Review took the search's field, of the same id, down to 16 pixels."""
    with opened(browser, width) as page:
        for path in ("/pictures", "/who"):
            page.goto(f"{url}{path}")
            sides = page.locator("input:not([type=hidden], [type=checkbox]), select").evaluate_all(
                "(fields) => fields.map((one) => one.getBoundingClientRect().width)"
            )
            assert min(sides) >= FIELD, (path, sides)


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_nobody_is_kept_from_any_page(browser: Browser, url: str, width: int, scheme: str) -> None:
    with opened(browser, width, scheme) as page:
        for path in PAGES:
            page.goto(url + path)
            assert is_good(page) == [], path
        page.goto(f"{url}/pictures")
        addresses = [one.get_attribute("href") for one in page.locator(".cards a").all()]
        for address in addresses:
            page.goto(f"{url}{address}")
            assert is_good(page) == [], address


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_nobody_is_kept_from_an_empty_desk(
    browser: Browser, settings: Settings, width: int, scheme: str
) -> None:
    with served(settings) as port, opened(browser, width, scheme) as page:
        for path in ("/", "/runs", "/pictures"):
            page.goto(f"http://127.0.0.1:{port}{path}")
            expect(page.locator("h1")).to_have_text("Nothing has been scored yet")
            assert is_good(page) == [], path


@pytest.mark.parametrize("width", sorted({width for width, _ in SCREENS}))
def test_a_name_without_a_blank_makes_no_page_wide(
    browser: Browser, settings: Settings, width: int
) -> None:
    """Beside another batch Today counts by batch, and one name took the count off the screen."""
    long = "picture-of-a-batch-" * 11
    for name in (long.replace("-", "_"), "G2"):
        run_id = add_run(settings, [flagged(1), Picture(f"{long}.png")], batch=name)
        with Ledger.from_settings(settings) as ledger:
            ledger.close_batch(run_id, name, 2.0)
    with served(settings) as port, opened(browser, width) as page:
        for path in ("/", "/runs", "/pictures", "/pictures?show=waiting"):
            page.goto(f"http://127.0.0.1:{port}{path}")
            assert fits(page), path


def test_by_keyboard_the_page_comes_first_and_then_the_others(browser: Browser, url: str) -> None:
    with opened(browser) as page:
        page.goto(url)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
        order = []
        for _ in range(5):
            page.keyboard.press("Tab")
            order.append(page.evaluate("document.activeElement.textContent.trim()"))
        assert order == ["Today", "Review", "Runs", "Pictures", "Read the report"]
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert page.evaluate(outline) == "solid"
        page.goto(url)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent.trim()") == "Read the report"


def test_without_scripts_a_picture_is_corrected(browser: Browser, url: str) -> None:
    with opened(browser, java_script_enabled=False) as page:
        page.goto(f"{url}/pictures?label=Bag")
        page.locator(".cards a").click()
        page.get_by_label("Say what it is").select_option("Shirt")
        page.get_by_role("button", name="Save").click()
        page.get_by_label("Your name").fill("Ada")
        page.keyboard.press("Enter")
        page.get_by_label("Say what it is").select_option("Shirt")
        page.get_by_role("button", name="Save").click()
        expect(page.locator(".history li")).to_contain_text("Ada said Shirt")
        page.get_by_role("button", name="Take the last one back").click()
        expect(page.locator(".history li").last).to_contain_text("took it back")


def test_within_a_house_the_key_lets_in_over_plain_http(browser: Browser, project: Path) -> None:
    settings = load_settings(desk={"key": KEY, "host": "0.0.0.0"})
    add_run(settings, [flagged(1)])
    with served(settings, loopback=False) as port, opened(browser) as page:
        sent: list[dict[str, str]] = []
        page.on("request", lambda request: sent.append(request.headers))
        page.goto(f"http://{HOUSE}:{port}/runs")
        key = page.get_by_label("The desk's key")
        expect(key).to_be_focused()
        assert is_good(page) == []
        key.fill("wrong")
        key.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("That is not the key.")
        assert is_good(page) == []
        page.get_by_label("The desk's key").fill(KEY)
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("Runs")
        assert not [one for one in sent if "sec-fetch-site" in one], "only Origin told the sender"
        page.get_by_role("button", name="Sign out").click()
        expect(page.locator("h1")).to_have_text("Sign in")
        kept = page.evaluate("[document.cookie, {...localStorage}, {...sessionStorage}]")
        assert kept == ["", {}, {}]


def test_on_a_telephone_who_is_signed_in_leaves_where_the_name_is_given(
    browser: Browser, project: Path
) -> None:
    settings = load_settings(desk={"key": KEY, "host": "0.0.0.0"})
    add_run(settings, [flagged(1)])
    with served(settings, loopback=False) as port, opened(browser, 390) as page:
        page.goto(f"http://127.0.0.1:{port}/who")
        page.get_by_label("The desk's key").fill(KEY)
        page.keyboard.press("Enter")
        page.get_by_label("Your name").fill("Zoë Müller-Łukaszewska of the returns desk")
        page.keyboard.press("Enter")
        expect(page.locator("h1")).not_to_have_text("Who is reviewing?")
        frame = page.locator(".frame").bounding_box()
        assert frame is not None
        assert frame["height"] < 60, "one row"
        assert is_good(page) == []
        page.get_by_role("link", name="Zoë").click()
        assert is_good(page) == []
        page.get_by_role("button", name="Sign out").click()
        expect(page.locator("h1")).to_have_text("Sign in")


def test_a_page_of_another_site_writes_nothing(browser: Browser, url: str) -> None:
    with opened(browser) as page:
        page.goto(url)
        page.route("http://evil.test/**", lambda route: route.fulfill(
            content_type="text/html",
            body=f'<form method="post" action="{url}/who"><input name="name" value="Eve">'
                 "<button>Win</button></form>"))  # fmt: skip
        page.goto("http://evil.test/")
        page.get_by_role("button", name="Win").click()
        expect(page.locator("h1")).to_have_text("Not from here")
        page.goto(f"{url}/who")
        assert page.get_by_label("Your name").input_value() == ""


def is_good(page: Page) -> list[tuple[str, str]]:
    """Return what would keep somebody from using the page, by axe-core; and whether it is wide."""
    return found_by_axe(page) + [("wide", "")] * (not fits(page))
