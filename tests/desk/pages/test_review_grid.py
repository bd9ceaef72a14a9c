"""``/review/grid``: many of one class at once, and only where the answers may be shown."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from desk.app import create_app
from desk.queue import picture_id
from scoring.settings import Settings, load_settings
from tests.desk.conftest import OWN
from tests.desk.pages.test_review import Page, rows
from tests.desk.waiting_pictures import DIGITS, NOW, Picture, add_run, drawn, flagged, key_of


@pytest.fixture
def page(settings: Settings) -> Page:
    add_run(settings, [*(flagged(n, n / 100) for n in range(4)), Picture("b.png", label="Bag"),
                       drawn(1)])  # fmt: skip
    app = create_app(load_settings(desk={"blind": False}), loopback=True, now=lambda: NOW)
    return Page(app)


def ticked(text: str) -> list[str]:
    return re.findall(r'name="picture" value="([^"]+)"\s+checked', text)


def accept(page: Page, pictures: list[str], label: str = "Coat") -> str:
    data = {"picture": pictures, "label": label, "visit": "1"}
    answer = page.browser.post("/review/grid", data=data, headers=OWN)
    assert answer.status_code == 303, answer.text
    return page.browser.get(answer.location).text


def test_the_class_that_most_wait_of_comes_first(page: Page) -> None:
    text = page.browser.get("/review/grid").text
    assert "Are these all <bdi>Coat</bdi>?" in text
    assert ticked(text) == [picture_id(key_of(flagged(n))) for n in range(4)]
    assert picture_id(key_of(drawn(1))) not in text, "nothing of the audit sample"
    assert ticked(page.browser.get("/review/grid?label=Bag").text) == [
        picture_id(key_of(Picture("b.png")))
    ]


def test_those_that_stay_ticked_are_accepted_and_the_others_wait(
    page: Page, settings: Settings
) -> None:
    first, *others = ticked(page.browser.get("/review/grid").text)
    after = accept(page, others)
    assert "3 pictures accepted." in after
    assert ticked(after) == [first]
    assert {(row.label, row.reviewer, row.blind) for row in rows(settings)} == {
        ("Coat", "Ana", False)
    }
    assert len(rows(settings)) == 3


def test_what_somebody_answered_meanwhile_stands(page: Page, settings: Settings) -> None:
    pictures = ticked(page.browser.get("/review/grid").text)
    page.told("answer", picture=pictures[0], label="Bag")
    after = accept(page, pictures)
    assert "3 pictures accepted." in after
    assert "1 other had been answered meanwhile" in after
    assert sorted(str(row.label) for row in rows(settings)) == ["Bag", "Coat", "Coat", "Coat"]


def test_what_another_model_has_scored_meanwhile_is_told_to_wait(
    page: Page, settings: Settings
) -> None:
    """The page said that it had been answered, which nobody had done."""
    pictures = ticked(page.browser.get("/review/grid").text)
    add_run(settings, [flagged(1)], model=DIGITS, run_id="later", started=NOW)
    after = accept(page, pictures)
    assert "3 pictures accepted." in after
    assert "1 other cannot be <bdi>Coat</bdi>" in after
    assert "meanwhile" not in after
    assert len(rows(settings)) == 3


def test_a_blind_desk_has_none_and_says_how_to_get_it(settings: Settings, page: Page) -> None:
    blind = Page(create_app(settings, loopback=True, now=lambda: NOW))
    text = blind.browser.get("/review/grid").text
    assert "blind = false" in text
    assert ticked(text) == []
    data = {"picture": picture_id(key_of(flagged(1))), "label": "Coat"}
    assert blind.browser.post("/review/grid", data=data, headers=OWN).status_code == 400
    assert rows(settings) == []


def test_whoever_accepts_says_who_he_is(page: Page) -> None:
    app: Flask = page.browser.application
    browser = type(page.browser)(app, app.response_class)
    assert browser.get("/review/grid").location == "/who?next=/review/grid"
    sent = browser.post("/review/grid", data={"label": "Coat"}, headers=OWN)
    assert sent.location == "/who?unsaved=1"


def test_a_class_that_somebody_else_has_before_them_is_said_to_be(page: Page) -> None:
    page.browser.get("/review/grid?label=Bag")
    text = Page(page.browser.application, "Ben").browser.get("/review/grid?label=Bag").text
    assert "Every <bdi>Bag</bdi> is before somebody else just now." in text
    assert "Nothing waits" not in text
    assert "No more <bdi>Shirt</bdi> waits." in page.browser.get("/review/grid?label=Shirt").text


def test_the_page_is_part_of_review(page: Page) -> None:
    text = page.browser.get("/review/grid").text
    assert re.search(r'<a href="/review" aria-current="page">Review</a>', text)
