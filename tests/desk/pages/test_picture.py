"""A picture's own page: what was said of it, and its correction."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from desk.app import create_app
from desk.queue import picture_id
from scoring.records.labels import Labels
from scoring.records.ledger import Ledger
from scoring.settings import Settings
from tests.desk.conftest import OWN, Browser, browser_of
from tests.desk.waiting_pictures import DIGITS, NOW, Picture, add_run, drawn, flagged, key_of

SURE = Picture("sure-1.png", label="Bag", confidence=0.98, review=None)
ADDRESS = f"/pictures/{picture_id(key_of(SURE))}"


@pytest.fixture
def ada(settings: Settings) -> Browser:
    """Return a browser whose person gave a name, at a desk with a few pictures."""
    add_run(settings, [flagged(1), drawn(1), SURE])
    browser = browser_of(create_app(settings, loopback=True, now=lambda: NOW))
    browser.post("/who", data={"name": "Ada"}, headers=OWN)
    return browser


def standing(settings: Settings) -> tuple[str, str | None, str] | None:
    with Ledger.from_settings(settings) as ledger:
        review = Labels(ledger).current(key_of(SURE))
    return (review.verdict, review.label, review.reviewer) if review else None


def post(browser: Browser, answer: str, expected: int | str = "") -> int:
    data = {"answer": answer, "expected": expected}
    return browser.post(ADDRESS, data=data, headers=OWN).status_code


def test_it_is_corrected_and_taken_back(ada: Browser, settings: Settings) -> None:
    assert "<bdi>Bag</bdi></b> 98\N{NO-BREAK SPACE}%" in ada.get(ADDRESS).text
    assert "as the model saw it" in ada.get(ADDRESS).text
    assert post(ada, "label:Shirt") == 303
    assert standing(settings) == ("label", "Shirt", "Ada")
    page = ada.get(ADDRESS).text
    assert re.search(r"said <b><bdi>Shirt</bdi></b>\s+<span", page), "a space before the date"
    assert 'name="expected" value="1"' in page
    assert post(ada, "not a garment", 1) == 303
    assert standing(settings) == ("not a garment", None, "Ada")
    assert post(ada, "undo", 2) == 303
    assert standing(settings) is None
    assert "took it back" in ada.get(ADDRESS).text


def test_what_stands_comes_before_what_the_model_said(ada: Browser) -> None:
    """On a telephone it stood below the screen: who saved saw the model's word only."""
    assert "as <bdi>Ada</bdi> said" not in ada.get(ADDRESS).text
    post(ada, "label:Shirt")
    page = ada.get(ADDRESS).text
    stands = page.index('<b><bdi>Shirt</bdi></b><span class="soft">,\nas <bdi>Ada</bdi> said')
    assert stands < page.index("<b><bdi>Bag</bdi></b>")


def test_what_is_none_of_its_classes_is_called_as_its_model_calls_it(
    ada: Browser, settings: Settings
) -> None:
    digit = Picture("d.png", label="7", confidence=0.98, review=None)
    add_run(settings, [digit], batch="D1", model=DIGITS)
    page = ada.get(f"/pictures/{picture_id(key_of(digit, 'D1'))}").text
    assert '<option value="not a garment">not a digit</option>' in page
    assert '<option value="not a garment">not a garment</option>' in ada.get(ADDRESS).text


def test_who_saw_something_else_is_told(ada: Browser, settings: Settings) -> None:
    with Ledger.from_settings(settings) as ledger:
        Labels(ledger).add(key_of(SURE), "label", "Dress", reviewer="Bob", source="desk")
    answer = ada.post(ADDRESS, data={"answer": "label:Shirt", "expected": ""}, headers=OWN)
    assert answer.status_code == 409
    assert "Bob has decided meanwhile: Dress" in answer.text
    assert standing(settings) == ("label", "Dress", "Bob")


@pytest.mark.parametrize("answer", ["", "label:Zebra", "label:", "undone", "undo", "<b>"])
def test_what_is_no_answer_is_none(ada: Browser, settings: Settings, answer: str) -> None:
    assert post(ada, answer) == 400
    assert standing(settings) is None


@pytest.mark.parametrize("picture", [flagged(1), drawn(1)])
def test_of_what_waits_nothing_is_told(ada: Browser, picture: Picture) -> None:
    page = ada.get(f"/pictures/{picture_id(key_of(picture))}").text
    assert "Waits for review." in page
    assert not re.search(r"(50|99)\s%", page)
    for word in ("Coat", "low confidence", "<form method"):
        assert word not in page


def test_of_what_waits_again_nobody_reads_what_was_said(ada: Browser, settings: Settings) -> None:
    with Ledger.from_settings(settings) as ledger:
        labels = Labels(ledger)
        review = labels.add(key_of(flagged(1)), "label", "Dress", reviewer="Bob", source="desk")
        labels.undo(review.id, "Bob")
    page = ada.get(f"/pictures/{picture_id(key_of(flagged(1)))}").text
    assert "Bob" in page
    assert "Dress" not in page


def test_without_a_name_nothing_is_written(settings: Settings) -> None:
    add_run(settings, [SURE])
    browser = browser_of(create_app(settings, loopback=True, now=lambda: NOW))
    came_from = {**OWN, "Referer": f"http://localhost{ADDRESS}"}
    answer = browser.post(ADDRESS, data={"answer": "label:Shirt"}, headers=came_from)
    assert answer.headers["Location"] == f"/who?next={quote(ADDRESS)}&unsaved=1"
    assert standing(settings) is None


def test_what_is_no_picture_has_no_page(ada: Browser) -> None:
    assert ada.get("/pictures/nonsense").status_code == 400
    unknown = picture_id(key_of(Picture("unknown.png")))
    assert ada.get(f"/pictures/{unknown}").status_code == 404


def test_the_command_that_deletes_it_is_safe_to_copy(ada: Browser, settings: Settings) -> None:
    assert "desk forget G1/sure-1.png<" in ada.get(ADDRESS).text
    odd = Picture("$(rm x) 'y'.png", label="Bag", review=None)
    add_run(settings, [odd], batch="G2")
    page = ada.get(f"/pictures/{picture_id(key_of(odd, 'G2'))}").text
    assert f"desk forget {key_of(odd, 'G2').content_hash}<" in page


def test_what_was_not_read_is_said_to_be_and_no_model_said_it(settings: Settings) -> None:
    unread = Picture("cut.jpg", label=None, confidence=None, review=None, error="it is cut off")
    add_run(settings, [unread])
    browser = browser_of(create_app(settings, loopback=True, now=lambda: NOW))
    browser.post("/who", data={"name": "Ada"}, headers=OWN)
    address = f"/pictures/{picture_id(key_of(unread))}"
    browser.post(address, data={"answer": "cannot tell", "expected": ""}, headers=OWN)
    page = browser.get(address).text
    assert "Not read: it is cut off" in page
    assert "for the model fashion" in page
