"""The upload page in a real browser: chosen, dropped and pasted, many, without scripts, a key."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Download, Page, Route, expect

from scoring.settings import CODE_ROOT, Settings
from server.app import create_app
from tests.browsing import (
    SCREENS,
    asking_only,
    chromium,
    drop,
    fits,
    found_by_axe,
    quiet_page,
)
from tests.conftest import BUNDLE, running_server, write_batch
from tests.deadlines import DEADLINE
from tests.server.pages.test_in_browser import served_below

pytestmark = pytest.mark.long

GARMENTS = [CODE_ROOT / "image_batches" / "G1" / name for name in ("item-001.png", "item-002.jpg")]
KEY = "s3cret"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    models = (BUNDLE, CODE_ROOT / "models" / "digits", CODE_ROOT / "models" / "clothing")
    # A part of eight small pictures is a large request here, and one that is too large is small.
    server = {"models": models, "max_request_bytes": 200_000, "large_request_bytes": 2_000}
    with running_server(Settings(project=CODE_ROOT, server=server)) as url:
        yield url


@pytest.fixture(scope="module")
def locked() -> Iterator[str]:
    server = {"models": (BUNDLE,), "api_key": KEY}
    with running_server(Settings(project=CODE_ROOT, server=server)) as url:
        yield url


@contextmanager
def opened(browser: Browser, url: str, *, scheme: Any = "light", **options: Any) -> Iterator[Page]:
    """Open the page, which may ask for nothing foreign and complain of nothing."""
    with (
        quiet_page(browser, color_scheme=scheme, **options) as page,
        asking_only(page, f"{url}/", "blob:", "data:"),
    ):
        page.goto(f"{url}/")
        yield page


def names(page: Page) -> list[str]:
    return page.locator("#pictures h3").all_inner_texts()


def tells(page: Page, words: str) -> None:
    """Wait until all is answered and the page says so."""
    expect(page.locator("#told")).to_have_text(words)
    expect(page.locator("#progress")).to_be_hidden()


def choose(page: Page, *files: Path) -> None:
    page.get_by_label("Choose pictures").set_input_files(files)


def saved(page: Page) -> list[list[str]]:
    """Save the table by a click and read it as a spreadsheet does."""
    with page.expect_download() as saving:
        page.get_by_role("link", name="Save as CSV").click()
    return rows_of(saving.value)


def rows_of(download: Download) -> list[list[str]]:
    assert download.suggested_filename == "scores.csv"
    data = download.path().read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))


def label_of(url: str, picture: Path, model: str) -> str:
    files = {"file": picture.read_bytes()}
    answer = requests.post(f"{url}/models/{model}/predict", files=files, timeout=DEADLINE).json()
    return str(answer["prediction"]["label"])


@pytest.fixture
def corrupt(tmp_path: Path) -> Path:
    path = tmp_path / "=<b>cut off.jpg"
    path.write_bytes(GARMENTS[1].read_bytes()[:2_000])
    return path


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_chosen_pictures_are_told_of_by_several_models(
    browser: Browser, url: str, corrupt: Path, width: int, scheme: str
) -> None:
    with opened(browser, url, width=width, scheme=scheme) as page:
        assert fits(page)
        assert found_by_axe(page) == []
        page.get_by_label("clothing").check()
        choose(page, GARMENTS[0], corrupt, GARMENTS[1])
        tells(page, "3 pictures, 2 worth a look, 1 not read")
        assert names(page) == [GARMENTS[0].name, corrupt.name, GARMENTS[1].name]
        labels = page.locator(".label b").all_inner_texts()
        assert labels == [label_of(url, one, model) for one in GARMENTS
                          for model in ("fashion", "clothing")]  # fmt: skip
        assert "Not read: " in page.locator(".picture").nth(1).inner_text()
        assert page.locator(".answer").first.locator("tr").count() == 10
        assert all(page.locator(".answer img").evaluate_all("all => all.map(i => i.naturalWidth)"))
        assert fits(page)
        assert found_by_axe(page) == []
        rows = saved(page)
        assert [row[0] for row in rows[1:]] == [
            *(GARMENTS[0].name,) * 2, *(f"'{corrupt.name}",) * 2, *(GARMENTS[1].name,) * 2
        ]  # fmt: skip
        assert len({len(row) for row in rows}) == 1


def test_another_choice_of_models_asks_them_anew(browser: Browser, url: str) -> None:
    with opened(browser, url) as page:
        choose(page, GARMENTS[0])
        tells(page, "1 picture")
        page.get_by_label("fashion").uncheck()
        page.get_by_label("digits").check()
        expect(page.locator("figcaption b")).to_have_text(["digits"])
        expect(page.locator("#progress")).to_be_hidden()
        assert [row[1] for row in saved(page)[1:]] == ["digits"]


def test_files_and_folders_are_dropped(browser: Browser, url: str, tmp_path: Path) -> None:
    write_batch(tmp_path / "folder", 3)
    write_batch(tmp_path / "folder" / "inner", 1)
    (tmp_path / "folder" / ".hidden.png").write_bytes(b"x")
    (tmp_path / "folder" / "Thumbs.db").write_bytes(b"x")
    with opened(browser, url) as page:
        drop(page.locator("#drop"), *GARMENTS)
        tells(page, "2 pictures")
        drop(page.locator("h1"), tmp_path / "folder")
        expect(page.locator("#pictures > li")).to_have_count(6)
        assert names(page)[2:] == ["img_1.png", "img_2.png", "img_3.png", "img_1.png"]
        assert page.url == f"{url}/"


def test_a_picture_is_pasted(browser: Browser, url: str) -> None:
    paste = """async () => {
        const picture = await (await fetch("docs/example.jpg")).blob();
        const clipboardData = new DataTransfer();
        clipboardData.items.add(new File([picture], "pasted.jpg", { type: "image/jpeg" }));
        document.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
    }"""
    with opened(browser, url) as page:
        page.evaluate(paste)
        expect(page.locator("#pictures > li")).to_have_count(1)
        assert names(page) == ["pasted.jpg"]


def test_sixty_pictures_come_in_parts_and_one_that_is_too_large_costs_no_other(
    browser: Browser, url: str, tmp_path: Path
) -> None:
    files = write_batch(tmp_path / "many", 59)
    (tmp_path / "large.png").write_bytes(bytes(210_000))
    files.insert(30, tmp_path / "large.png")
    with opened(browser, url, width=360) as page:
        sent: list[str] = []
        page.on("request", lambda one: sent.append(one.method) if "/upload" in one.url else None)
        choose(page, *files)
        expect(page.locator("#pictures > li")).to_have_count(60)
        expect(page.locator("#progress")).to_be_hidden()
        assert names(page) == [one.name for one in files]
        assert sent.count("POST") == 8
        assert "200,000 bytes" in page.locator(".picture.bad").inner_text()
        rows = saved(page)
        assert [row[0] for row in rows[1:]] == [one.name for one in files]
        assert "200,000 bytes" in rows[31][7]
        assert fits(page)


def test_what_got_no_answer_is_asked_again(browser: Browser, url: str) -> None:
    with opened(browser, url) as page:
        page.route("**/upload", lambda route: route.abort())
        choose(page, *GARMENTS)
        tells(page, "2 pictures, 2 not read")
        assert "no answer" in page.locator(".picture.bad").first.inner_text()
        page.unroute("**/upload")
        page.get_by_role("button", name="Try again").click()
        tells(page, "2 pictures")
        assert [row[0] for row in saved(page)[1:]] == [one.name for one in GARMENTS]


def test_another_page_in_the_place_of_an_answer_is_told_and_asked_again(
    browser: Browser, url: str
) -> None:
    sign_in = "<!doctype html><title>Sign in</title><form><input name=user></form>"
    with opened(browser, url) as page:
        page.route("**/upload", lambda route: route.fulfill(body=sign_in, content_type="text/html"))
        choose(page, *GARMENTS)
        tells(page, "2 pictures, 2 not read")
        assert "another page answered" in page.locator(".picture.bad").first.inner_text()
        page.unroute("**/upload")
        page.get_by_role("button", name="Try again").click()
        tells(page, "2 pictures")


def test_stop_ends_what_a_slow_line_still_sends(browser: Browser, url: str, tmp_path: Path) -> None:
    slow = tmp_path / "slow.png"
    slow.write_bytes(bytes(150_000))
    with opened(browser, url) as page:
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        line = {"offline": False, "latency": 0, "downloadThroughput": -1}
        network.send("Network.emulateNetworkConditions", {**line, "uploadThroughput": 500})
        with page.expect_event("requestfailed"):
            choose(page, slow)
            page.get_by_role("button", name="Stop").click()
        network.send("Network.emulateNetworkConditions", {**line, "uploadThroughput": -1})
        choose(page, GARMENTS[0])
        tells(page, "1 picture")
        assert names(page) == [GARMENTS[0].name]


def test_what_of_a_folder_cannot_be_read_costs_no_other(browser: Browser, url: str) -> None:
    dropped = """async () => {
        const picture = await (await fetch("docs/example.jpg")).blob();
        const file = new File([picture], "good.jpg", { type: "image/jpeg" });
        const good = { name: "good.jpg", file: (done) => done(file) };
        const bad = { name: "<i>bad.jpg", file: (_, fail) => fail(new DOMException("no")) };
        const batches = [[bad, good], []];
        const folder = { name: "f", isDirectory: true, createReader: () => (
            { readEntries: (done) => done(batches.shift()) }) };
        const event = new Event("drop", { cancelable: true });
        event.dataTransfer = { items: [{ webkitGetAsEntry: () => folder }], files: [] };
        dispatchEvent(event);
    }"""
    with opened(browser, url) as page:
        page.evaluate(dropped)
        tells(page, "2 pictures, 1 not read")
        assert sorted(names(page)) == ["<i>bad.jpg", "good.jpg"]
        assert "cannot read it" in page.locator(".picture.bad").inner_text()
        assert len(saved(page)) == 3


def test_a_busy_server_is_asked_once_more(browser: Browser, url: str) -> None:
    refused: list[str] = []

    def busy_once(route: Route) -> None:
        if refused:
            route.continue_()
        else:
            refused.append(route.request.url)
            route.fulfill(status=503, headers={"Retry-After": "0"}, body="busy")

    with opened(browser, url) as page:
        page.route("**/upload", busy_once)
        choose(page, GARMENTS[0])
        tells(page, "1 picture")
        assert len(refused) == 1


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_without_scripts(
    browser: Browser, url: str, corrupt: Path, width: int, scheme: str
) -> None:
    with opened(browser, url, width=width, scheme=scheme, java_script_enabled=False) as page:
        page.get_by_label("digits").check()
        choose(page, GARMENTS[0], corrupt, GARMENTS[1])
        page.get_by_role("button", name="Score").click()
        expect(page.locator("#told")).to_contain_text("3 pictures")
        assert page.url == f"{url}/upload"
        assert names(page) == [GARMENTS[0].name, corrupt.name, GARMENTS[1].name]
        assert page.locator("figcaption b").all_inner_texts() == ["fashion", "digits"] * 2
        assert page.get_by_label("digits").is_checked()
        assert [row[1] for row in saved(page)[1:]] == ["fashion", "digits"] * 3


def test_by_keyboard_alone(browser: Browser, url: str) -> None:
    with opened(browser, url) as page:
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        field = page.locator("#files")
        expect(field).to_be_focused()
        with page.expect_file_chooser() as choosing:
            field.press("Enter")
        choosing.value.set_files(GARMENTS)
        tells(page, "2 pictures")


def test_below_a_prefix_with_a_key(browser: Browser) -> None:
    settings = Settings(project=CODE_ROOT, server={"models": (BUNDLE,), "api_key": KEY})
    with served_below(create_app(settings), "/scorer") as url, opened(browser, url) as page:
        key = page.get_by_label("This server wants its key")
        key.fill("wrong")
        key.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("that is not the key.")
        assert found_by_axe(page) == []
        key.fill(KEY)
        key.press("Enter")
        expect(page.locator("#drop")).to_be_visible()
        assert page.url == f"{url}/"
        choose(page, GARMENTS[0])
        tells(page, "1 picture")
        (cookie,) = page.context.cookies()
        assert (cookie["path"], cookie["httpOnly"], cookie["sameSite"]) == (
            "/scorer/", True, "Strict",
        )  # fmt: skip
        assert KEY not in page.content()
        page.context.clear_cookies()
        choose(page, GARMENTS[1])
        expect(page.get_by_role("alert")).to_contain_text("wants its key")
        page.get_by_role("link", name="Open it anew").click()
        expect(key).to_be_visible()


def test_a_page_of_another_site_sends_nothing(browser: Browser, url: str, tmp_path: Path) -> None:
    shutil.copy(GARMENTS[0], tmp_path / "picture.png")
    with browser.new_context() as context:
        page = context.new_page()
        foreign = f"""<form action="{url}/upload" method="post" enctype="multipart/form-data">
            <input name="file" type="file"><button>Win</button></form>"""
        page.route("http://evil.test/", lambda route: route.fulfill(
            body=foreign, content_type="text/html"))  # fmt: skip
        page.goto("http://evil.test/")
        page.locator("input").set_input_files(tmp_path / "picture.png")
        with page.expect_response(f"{url}/upload") as answered:
            page.get_by_role("button", name="Win").click()
        assert answered.value.status == 403
        assert page.locator("#pictures").count() == 0
