"""Pictures are found, and none that waits tells what the model said of it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from desk.app import create_app
from desk.pages import pictures
from desk.queue import picture_id
from scoring.records.labels import Labels
from scoring.records.ledger import Ledger
from scoring.records.text import printable
from scoring.settings import Settings, load_settings
from tests.desk.conftest import Browser, browser_of
from tests.desk.waiting_pictures import LOW, NOW, Picture, add_run, drawn, flagged, key_of

SURE = Picture("sure-1.png", label="Bag", confidence=0.98, review=None)


def at_now(settings: Settings) -> Browser:
    return browser_of(create_app(settings, loopback=True, now=lambda: NOW))


def cards(page: str) -> dict[str, str]:
    """Return what stands on each picture, by its name."""
    found = {}
    for card in re.findall(r"<li>\s*<a href=\"/pictures/.*?</li>", page, flags=re.S):
        (said,) = re.findall(r"<b[^>]*><bdi>(.*?)</bdi></b>", card)
        (name,) = re.findall(r'name"><bdi>(.*?)</bdi>', card)
        found[name] = said
    return found


def say(settings: Settings, picture: Picture, label: str = "Dress") -> None:
    with Ledger.from_settings(settings) as ledger:
        Labels(ledger).add(key_of(picture), "label", label, reviewer="Ada", source="desk")


def test_what_waits_is_shown_without_what_the_model_said(settings: Settings) -> None:
    add_run(settings, [flagged(1), drawn(1), SURE])
    page = at_now(settings).get("/pictures").text
    assert cards(page) == {
        "G1/flagged-1.png": "waits for review",
        "G1/drawn-1.png": "waits for review",
        "G1/sure-1.png": "Bag",
    }
    assert page.count(">Coat<") == 1, "in the list of classes alone"
    assert re.findall(r"\d+\s%", page) == ["98\N{NO-BREAK SPACE}%"]


def test_no_search_tells_what_the_model_said_of_what_waits(settings: Settings) -> None:
    add_run(settings, [flagged(1), drawn(1), SURE])
    browser = at_now(settings)
    for asked in ("label=Coat", f"reason={LOW}", "reason=failed", "label=Coat&name=drawn"):
        page = browser.get(f"/pictures?{asked}").text
        assert cards(page) == {}
        assert "Pictures that wait for review\nare not among these" in page
    say(settings, flagged(1))
    assert cards(browser.get("/pictures?label=Coat").text) == {"G1/flagged-1.png": "Dress"}
    assert cards(browser.get(f"/pictures?reason={LOW}").text) == {"G1/flagged-1.png": "Dress"}


def test_where_answers_are_shown_only_the_sample_is_passed_over(settings: Settings) -> None:
    add_run(settings, [flagged(1), drawn(1)])
    page = at_now(load_settings(desk={"blind": False})).get("/pictures?label=Coat").text
    assert list(cards(page)) == ["G1/flagged-1.png"]
    assert "Pictures of the audit sample that wait for review\nare not among these" in page


def test_in_the_list_of_what_waits_nothing_tells_a_sample_from_a_flagged_one(
    settings: Settings,
) -> None:
    add_run(settings, [flagged(1), drawn(1), SURE])
    browser = at_now(settings)
    found = cards(browser.get(f"/pictures?show=waiting&reason={LOW}").text)
    assert found == dict.fromkeys(("G1/flagged-1.png", "G1/drawn-1.png"), "waits for review")
    for name in ("DRAWN", "G1/drawn-1", "+drawn-1.png+", "G1+/+drawn-1.png"):
        found = cards(browser.get(f"/pictures?show=waiting&name={name}").text)
        assert list(found) == ["G1/drawn-1.png"]
        assert found.keys() <= cards(browser.get(f"/pictures?name={name}").text).keys()


def test_of_those_that_wait_it_is_said_that_no_class_is_looked_for(settings: Settings) -> None:
    add_run(settings, [flagged(1), SURE])
    page = at_now(settings).get("/pictures?show=waiting&label=Bag").text
    assert list(cards(page)) == ["G1/flagged-1.png"]
    assert "Those that wait are shown whatever their class: what the model said" in page
    assert "whatever their class" not in at_now(settings).get("/pictures?show=waiting").text


def test_where_flagged_ones_are_not_blind_the_sample_still_is(project: Path) -> None:
    settings = load_settings(desk={"blind": False})
    add_run(settings, [flagged(1), drawn(1)])
    found = cards(at_now(settings).get("/pictures").text)
    assert found == {"G1/flagged-1.png": "Coat", "G1/drawn-1.png": "waits for review"}


def test_a_run_that_goes_on_shows_nothing_yet(settings: Settings) -> None:
    add_run(settings, [flagged(1), SURE], state="running")
    page = at_now(settings).get("/pictures").text
    assert cards(page) == {}


def test_what_was_reviewed_is_found_by_the_persons_word(settings: Settings) -> None:
    add_run(settings, [flagged(1), flagged(2), SURE])
    say(settings, flagged(1))
    browser = at_now(settings)
    assert cards(browser.get("/pictures?show=reviewed").text) == {"G1/flagged-1.png": "Dress"}
    assert cards(browser.get("/pictures?show=reviewed&label=Dress").text)
    assert cards(browser.get("/pictures?label=Dress").text) == {"G1/flagged-1.png": "Dress"}
    assert not cards(browser.get("/pictures?show=reviewed&label=Bag").text)


def test_pages_follow_one_another(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "PICTURES_SHOWN", 2)
    names = [f"sure-{n}.png" for n in range(5)]
    add_run(settings, [Picture(name, label="Bag", review=None) for name in names])
    browser, address = at_now(settings), "/pictures?label=Bag"
    seen: list[str] = []
    for _ in range(3):
        page = browser.get(address).text
        seen += cards(page)
        (address,) = re.findall(r'rel="next" href="(.*?)"', page) or [""]
        address = address.replace("&amp;", "&")
    assert [name.removeprefix("G1/") for name in seen] == names[::-1]
    assert address == ""


@pytest.mark.parametrize(
    "name", ['<img src=x onerror="1">.png', "=cmd|' /C calc'.png", "a\u202egnp.exe", "a\nb.png"]
)
def test_a_name_is_text_whatever_it_is(settings: Settings, name: str) -> None:
    add_run(settings, [Picture(name, label="Bag", review=None, kept=False)], batch="<b>\u202e")
    browser = at_now(settings)
    page = browser.get("/pictures").text
    assert "<img src=x" not in page
    assert "<b>\u202e" not in page
    assert "\u202e" not in page.split("<ul")[-1]
    (address,) = re.findall(r'<a href="(/pictures/[^"?]+)"', page)
    own = browser.get(address)
    assert own.status_code == 200
    assert "<img src=x" not in own.text


def test_a_search_takes_anything(settings: Settings) -> None:
    add_run(settings, [SURE])
    browser = at_now(settings)
    for asked in ("name=%25", "name=_", "name=\\", "before=-5", "before=x", "before=" + "9" * 30,
                  "show=<b>", "label=%00", "name=" + "a" * 5000):  # fmt: skip
        assert browser.get(f"/pictures?{asked}").status_code == 200, asked
    assert not cards(browser.get("/pictures?name=%25").text), "no pattern"
    assert cards(browser.get("/pictures?name=SURE").text)


def test_nothing_yet_says_what_to_do(app: Flask) -> None:
    page = browser_of(app).get("/pictures")
    assert page.status_code == 200
    assert "Nothing has been scored yet" in page.text


def test_an_address_names_one_picture(settings: Settings) -> None:
    add_run(settings, [SURE])
    assert at_now(settings).get(f"/pictures/{picture_id(key_of(SURE))}").status_code == 200


@pytest.mark.parametrize("name", ["a\u202egnp.exe", "a\nb.png", "a\udce9.png", "a\\b.png"])
def test_a_name_is_shown_as_the_ledger_and_results_csv_have_it(
    settings: Settings, name: str
) -> None:
    stored = printable(name)
    add_run(settings, [replace(flagged(1), path=stored), Picture(f"1{stored}", review=None)])
    browser = at_now(settings)
    shown = {f"G1/{stored}", f"G1/1{stored}"}
    assert set(cards(browser.get("/pictures").text)) == shown
    (found,) = cards(browser.get("/pictures", query_string={"name": f"1{stored}"}).text)
    assert found == f"G1/1{stored}"
    id_ = picture_id(key_of(replace(flagged(1), path=stored)))
    assert f"<bdi>G1/{stored}</bdi>" in browser.get(f"/pictures/{id_}").text
