"""The page in a real browser: pictures, the key, a prefix, every request, and for everyone."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from playwright.sync_api import Browser, Page, Route, expect
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server

from scoring.settings import CODE_ROOT, Settings
from server.app import create_app
from server.dialects.examples import PICTURE
from server.dialects.own_schema import IMAGE_EXAMPLE
from tests.browsing import SCREENS, asking_only, chromium, fits, found_by_axe, quiet_page
from tests.conftest import BUNDLE, running_server
from tests.deadlines import DEADLINE

pytestmark = pytest.mark.long

GARMENTS = [CODE_ROOT / "image_batches" / "G1" / name for name in ("item-001.png", "item-002.jpg")]
METHODS = ("get", "post")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    images = tmp_path_factory.mktemp("images")
    shutil.copy(PICTURE, images / IMAGE_EXAMPLE)
    models = (BUNDLE, CODE_ROOT / "models" / "digits")
    settings = Settings(project=CODE_ROOT, server={"models": models, "images": images})
    with running_server(settings) as url:
        yield url


@contextmanager
def opened(browser: Browser, url: str, *, scheme: Any = "light", **options: Any) -> Iterator[Page]:
    """Open the page, which may ask for nothing foreign, complain of nothing and keep no cookie."""
    with (
        quiet_page(browser, color_scheme=scheme, **options) as page,
        asking_only(page, f"{url}/", "blob:"),
    ):
        page.goto(f"{url}/docs")
        yield page
        assert page.context.cookies() == []


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_pictures_are_scored(
    browser: Browser, url: str, tmp_path: Path, width: int, scheme: str
) -> None:
    none = tmp_path / "<b>none.txt"
    none.write_text("no picture")
    with opened(browser, url, width=width, scheme=scheme) as page:
        choose(page, *GARMENTS, none)
        expect(page.locator("#told")).to_have_text("3 pictures, 1 not scored.")
        rows = page.locator("#results > li")
        assert rows.locator(".name").all_inner_texts() == [one.name for one in (*GARMENTS, none)]
        assert rows.locator(".label").all_inner_texts() == [label_of(url, one) for one in GARMENTS]
        assert "no image" in rows.nth(2).locator(".bad").inner_text()
        rows.nth(0).get_by_text("Request and answer").click()
        assert '"label"' in rows.nth(0).get_by_role("group", name="Answer for").inner_text()
        assert fits(page)
        assert found_by_axe(page) == []


def test_controls_are_in_the_letters_of_the_page(browser: Browser, url: str) -> None:
    with opened(browser, url) as page:
        page.locator("#model").wait_for()
        families = page.evaluate(
            "[...document.querySelectorAll('body, button, select, input')]"
            ".map((one) => getComputedStyle(one).fontFamily)"
        )
    assert len({*families}) == 1


def test_the_example_is_a_click_away_by_keyboard_too(browser: Browser, url: str) -> None:
    with opened(browser, url) as page:
        page.get_by_label("Model").select_option("digits")
        page.get_by_role("button", name="example").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#told")).to_have_text("1 picture.")
        assert page.locator(".label").inner_text() == label_of(url, PICTURE, "digits")


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_every_request_is_sent_as_it_stands(
    browser: Browser, url: str, width: int, scheme: str
) -> None:
    described = requests.get(f"{url}/openapi.json", timeout=DEADLINE).json()["paths"]
    operations = [one for item in described.values() for key, one in item.items() if key in METHODS]
    with opened(browser, url, width=width, scheme=scheme) as page:
        for operation in operations:
            form = page.locator(f"#{operation['operationId']}")
            form.locator("summary").click()
            send = form.get_by_role("button", name="Send")
            send.wait_for()
            files = form.locator("input[type=file]")
            if files.count():
                files.set_input_files(PICTURE)
            send.click()
            # A redirection is followed by the browser.
            wanted = "200" if {"200", "303"} & operation["responses"].keys() else "404"
            expect(form.get_by_role("status")).to_contain_text(f"{wanted} ")
        assert fits(page)
        assert found_by_axe(page) == []


def test_every_example_is_sent_as_it_stands(browser: Browser, url: str) -> None:
    with opened(browser, url) as page:
        form = page.locator("#post_predict")
        form.locator("summary").click()
        form.get_by_label("Body").select_option("application/json")
        examples = form.get_by_label("Example").locator("option").all_inner_texts()
        assert len(examples) > 5
        for example in examples:
            form.get_by_label("Example").select_option(example)
            form.get_by_role("button", name="Send").click()
            form.get_by_text("Sending").wait_for(state="hidden")
            expect(form.get_by_role("status")).to_contain_text("200 ")


def test_below_a_prefix_with_a_key_that_is_forgotten(browser: Browser) -> None:
    settings = Settings(project=CODE_ROOT, server={"models": (BUNDLE,), "api_key": "s3cret"})
    with served_below(create_app(settings), "/scorer") as url, opened(browser, url) as page:
        key = page.get_by_label("This server wants its key")
        for wrong in ("wrong", "ключ"):
            key.fill(wrong)
            # The words may be those about the one before.
            with page.expect_response(f"{url}/openapi.json"):
                key.press("Enter")
            expect(page.locator("#access-told")).to_have_text("That is not the key.")
        assert found_by_axe(page) == []
        key.fill("s3cret")
        key.press("Enter")
        choose(page, GARMENTS[0])
        expect(page.locator("#told")).to_have_text("1 picture.")
        page.get_by_text("Request and answer").click()
        assert f"{url}/models/fashion/predict" in page.locator("pre").first.inner_text()
        with page.expect_download() as saved:
            page.get_by_role("link", name="openapi.json").click()
        assert '"servers":[{"url":"/scorer"}]' in saved.value.path().read_text(encoding="utf-8")
        assert "s3cret" not in page.locator("body").inner_text()
        kept = page.evaluate("[{...localStorage}, {...sessionStorage}, location.href]")
        assert kept == [{}, {}, f"{url}/docs"]
        page.reload()
        expect(key).to_be_visible()
        assert key.input_value() == ""


def test_a_server_that_wants_a_key_later_on_is_given_one(browser: Browser, url: str) -> None:
    with opened(browser, url) as page:
        page.route("**/predict?*", refuse_without_key)
        page.get_by_role("button", name="example").click()
        expect(page.locator("#told")).to_have_text("1 picture, 1 not scored.")
        key = page.get_by_label("This server wants its key")
        key.fill("s3cret")
        key.press("Enter")
        page.get_by_role("button", name="example").click()
        expect(page.locator("#told")).to_have_text("1 picture.")


def refuse_without_key(route: Route) -> None:
    if route.request.headers.get("authorization") == "Bearer s3cret":
        route.continue_()
    else:
        route.fulfill(status=401, json={"error": {"message": "send the server's key"}})


def choose(page: Page, *files: Path) -> None:
    """Choose pictures once somebody can: a file may be put into a field that is not shown yet."""
    expect(page.locator("#pictures")).to_be_visible()
    page.get_by_label("Choose pictures").set_input_files(files)


def label_of(url: str, picture: Path, model: str = "fashion") -> str:
    files = {"file": picture.read_bytes()}
    answer = requests.post(f"{url}/models/{model}/predict", files=files, timeout=DEADLINE).json()
    return str(answer["prediction"]["label"])


@contextmanager
def served_below(app: Flask, prefix: str) -> Iterator[str]:
    """Serve it as a part of another server, as Apache does: SCRIPT_NAME is the prefix."""
    other = DispatcherMiddleware(NotFound(), {prefix: app})
    server = make_server("127.0.0.1", 0, other, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{prefix}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
