"""``/review`` asked as its script asks, and as a form without a script does."""

from __future__ import annotations

import base64
import re
import threading
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from desk.app import create_app
from desk.queue import picture_id
from scoring.records.labels import Labels, Review
from scoring.records.ledger import Ledger
from scoring.settings import Settings, load_settings
from tests.desk.conftest import OWN, Browser, browser_of
from tests.desk.waiting_pictures import (
    DIGITS,
    FRUIT,
    NOW,
    Picture,
    add_run,
    drawn,
    flagged,
    key_of,
)

SCRIPT = {"Sec-Fetch-Site": "same-origin", "Accept": "application/json"}
COAT = {"verdict": "label", "label": "Coat", "seconds": 1.25}


class Page:
    """One person's page, as its script drives it."""

    def __init__(self, app: Flask, name: str = "Ana") -> None:
        self.browser = browser_of(app)
        self.browser.post("/who", data={"name": name}, headers=OWN)

    def post(self, what: str, **body: Any) -> TestResponse:
        return self.browser.post(f"/review/{what}", json=body, headers=SCRIPT)

    def told(self, what: str, **body: Any) -> Any:
        answer = self.post(what, **body)
        assert answer.status_code == 200, answer.text
        return answer.json

    def more(self, wanted: int = 1, **body: Any) -> list[Any]:
        return list(self.told("more", visit="1", wanted=wanted, **body)["items"])

    def form(self, what: str, **fields: str) -> TestResponse:
        return self.browser.post(f"/review/{what}", data=fields, headers=OWN)


@pytest.fixture
def app(settings: Settings) -> Flask:
    return create_app(settings, loopback=True, now=lambda: NOW)


@pytest.fixture
def open_app(project: Any) -> Flask:
    """Return a desk that shows the model's answer of what was flagged."""
    return create_app(load_settings(desk={"blind": False}), loopback=True, now=lambda: NOW)


@pytest.fixture
def ana(app: Flask, settings: Settings) -> Page:
    add_run(settings, [flagged(n, n / 100) for n in range(10)])
    return Page(app)


def json_of(answer: TestResponse) -> Any:
    return answer.get_json()


def rows(settings: Settings) -> list[Review]:
    with Ledger.from_settings(settings) as ledger:
        return list(Labels(ledger).since(0))


def sentence(parts: list[dict[str, Any]]) -> str:
    return "".join(part["text"] for part in parts).replace("\N{NO-BREAK SPACE}", " ")


def pressed(text: str) -> list[str]:
    """Return what the page's buttons send as labels, in their order."""
    return re.findall(r'name="label" value="([^"]+)"', text)


def test_whoever_reviews_says_who_he_is(app: Flask, settings: Settings) -> None:
    browser = browser_of(app)
    add_run(settings, [flagged(1)])
    away = browser.get("/review?batch=G1")
    assert away.status_code == 303
    assert away.location == "/who?next=/review?batch%3DG1"
    refused = browser.post("/review/answer", json={"picture": "x"}, headers=SCRIPT)
    assert (refused.status_code, json_of(refused)["error"]["code"]) == (401, "no_name")


def test_a_form_without_a_name_is_led_where_one_is_given(app: Flask, settings: Settings) -> None:
    add_run(settings, [flagged(1)])
    browser = browser_of(app)
    came_from = {**OWN, "Referer": "http://localhost/review"}
    data = {"picture": picture_id(key_of(flagged(1))), "label": "Coat"}
    away = browser.post("/review/answer", data=data, headers=came_from)
    assert away.location == "/who?next=/review&unsaved=1"
    assert "What you sent was not saved" in browser.get(away.location).text
    assert rows(settings) == []


def test_an_answer_is_written_and_the_next_pictures_come(ana: Page, settings: Settings) -> None:
    first, second = ana.more(wanted=2)
    assert first["shown"] == "G1 / flagged-0.png"
    told = ana.told("answer", visit="1", picture=first["id"], wanted=2, **COAT)
    assert told["items"][0]["id"] == second["id"]
    assert len(told["items"]) == 2
    assert told["left"] == 9
    assert told["time"] == "1.2 s a decision, 19 in 20 within 1.2 s"
    (row,) = rows(settings)
    assert told["saved"] == row.id
    assert sentence(told["told"]) == "Saved: you said Coat, the model Coat (0 %)."
    assert (row.picture, row.label, row.reviewer, row.source) == (
        *(key_of(flagged(0)), "Coat", "Ana", "desk"),
    )
    assert (row.blind, row.seconds, row.replaces) == (True, 1.25, None)


def test_the_classes_come_with_the_pictures(settings: Settings, ana: Page) -> None:
    add_run(settings, [Picture("d.png", label="7", confidence=0.0)], batch="D1", model=DIGITS)
    told = ana.told("more", visit="1", wanted=20)
    assert {model["name"] for model in told["models"].values()} == {"fashion", "digits"}
    digits = told["models"][DIGITS.version]
    assert (digits["labels"], digits["nothing"]) == (list("0123456789"), "not a digit")
    assert told["models"][told["items"][-1]["model"]]["nothing"] == "not a garment"


def test_what_is_none_of_its_classes_is_told_in_the_models_own_words(
    app: Flask, settings: Settings
) -> None:
    add_run(settings, [Picture("d.png", label="7", confidence=0.0)], batch="D1", model=DIGITS)
    ana, ben = Page(app), Page(app, "Ben")
    (item,) = ana.more(wanted=1)
    told = ana.told("answer", visit="1", picture=item["id"], verdict="not a garment")
    assert "you said not a digit, the model" in sentence(told["told"])
    second = ben.post("answer", visit="1", picture=item["id"], label="7")
    assert second.status_code == 409
    assert sentence(json_of(second)["told"]).startswith("Ana said not a digit ")
    page = ana.browser.get(f"/pictures/{item['id']}").text
    assert "not a digit" in page
    assert "not a garment</" not in page
    assert "<bdi>not a digit</bdi>" in ana.browser.get("/pictures?batch=D1").text


@pytest.mark.parametrize("what", ["answer", "undo", "more", "leave"])
def test_brackets_within_brackets_are_a_bad_request(ana: Page, what: str) -> None:
    body = b"[" * 100_000
    refused = ana.browser.post(
        f"/review/{what}", data=body, headers=SCRIPT, content_type="application/json"
    )
    assert refused.status_code == 400
    deep = base64.urlsafe_b64encode(b"[" * 10_000).decode()
    assert ana.browser.get(f"/pictures/{deep}").status_code == 400


def test_how_many_wait_of_each_kind_comes_with_every_answer(ana: Page, settings: Settings) -> None:
    add_run(settings, [flagged(20, review="not a garment?")], batch="G2")
    first, *_ = ana.more(wanted=1)
    told = ana.told("answer", visit="1", picture=first["id"], **COAT)
    batches, reasons = told["counts"]["batch"], told["counts"]["reason"]
    assert batches == {"G1": 9, "G2": 1}
    assert reasons == {"low confidence": 9, "not a garment?": 1}


@pytest.mark.parametrize(
    ("said", "stands"),
    [
        ({"verdict": "not a garment"}, ("not a garment", None)),
        ({"verdict": "cannot tell"}, ("cannot tell", None)),
        ({"label": "Bag"}, ("label", "Bag")),
    ],
)
def test_what_may_be_said(
    ana: Page, settings: Settings, said: dict[str, str], stands: tuple[str, str | None]
) -> None:
    (item,) = ana.more()
    ana.told("answer", picture=item["id"], **said)
    assert [(row.verdict, row.label) for row in rows(settings)] == [stands]


def test_later_is_no_answer(ana: Page, settings: Settings) -> None:
    (item,) = ana.more()
    told = ana.told("answer", picture=item["id"], verdict="later", wanted=10)
    assert told["items"][-1]["id"] == item["id"]
    assert rows(settings) == []


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"label": "Hat"}, 400),
        ({"label": ""}, 400),
        ({"verdict": "undone"}, 400),
        ({"verdict": "maybe", "label": "Coat"}, 400),
        ({"label": ["Coat"]}, 400),
        ({"picture": "nonsense", "label": "Coat"}, 400),
        ({"picture": picture_id(key_of(flagged(99))), "label": "Coat"}, 404),
        ({"label": "Coat", "seconds": "soon"}, 400),
        ({"label": "Coat", "seconds": float("nan")}, 400),
        ({"label": "Coat", "holding": "x"}, 400),
        ({"label": "Coat", "wanted": True}, 400),
    ],
)
def test_what_is_no_answer_is_refused_and_nothing_is_written(
    ana: Page, settings: Settings, fields: dict[str, Any], status: int
) -> None:
    (item,) = ana.more()
    answer = ana.post("answer", **{"picture": item["id"], **fields})
    assert answer.status_code == status
    assert json_of(answer)["error"]["message"]
    assert rows(settings) == []
    not_an_object = ana.browser.post("/review/answer", json=[1], headers=SCRIPT)
    assert not_an_object.status_code == 400


@pytest.mark.parametrize("seconds", [-1, 1e9])
def test_a_time_that_cannot_be_is_left_out(ana: Page, settings: Settings, seconds: float) -> None:
    (item,) = ana.more()
    ana.told("answer", picture=item["id"], label="Coat", seconds=seconds)
    assert rows(settings)[0].seconds is None


def test_of_two_who_answer_the_second_is_told_and_nothing_is_overwritten(
    ana: Page, app: Flask, settings: Settings
) -> None:
    ben = Page(app, "Ben")
    (item,) = ana.more()
    ana.told("answer", picture=item["id"], label="Coat")
    second = ben.post("answer", picture=item["id"], label="Bag", wanted=1)
    assert second.status_code == 409
    assert json_of(second)["stands"] is True
    assert sentence(json_of(second)["told"]).startswith("Ana said Coat 0 s ago")
    assert json_of(second)["items"][0]["id"] != item["id"], "and he goes on"
    assert [(row.reviewer, row.label) for row in rows(settings)] == [("Ana", "Coat")]


def test_an_answer_that_is_sent_again_is_written_once(ana: Page, settings: Settings) -> None:
    """The desk was killed before it could say that it was saved."""
    (item,) = ana.more()
    first = ana.told("answer", picture=item["id"], label="Coat")
    assert ana.told("answer", picture=item["id"], label="Coat")["saved"] == first["saved"]
    assert len(rows(settings)) == 1


def test_undo_goes_back_as_far_as_one_likes(ana: Page, settings: Settings) -> None:
    ids = []
    for label in ("Coat", "Bag", "Shirt"):
        (item,) = ana.more()
        ids.append(item["id"])
        ana.told("answer", picture=item["id"], label=label)
    back = [ana.told("undo", visit="1", wanted=1)["back"]["id"] for _ in range(3)]
    assert back == ids[::-1]
    nothing = ana.post("undo")
    assert (nothing.status_code, json_of(nothing)["error"]["code"]) == (400, "nothing_to_undo")
    assert [row.verdict for row in rows(settings)] == ["label"] * 3 + ["undone"] * 3
    assert [item["id"] for item in ana.more(wanted=3)] == ids


def test_undo_takes_back_what_is_named_and_nobody_elses(
    ana: Page, app: Flask, settings: Settings
) -> None:
    ben = Page(app, "Ben")
    (item,), (other,) = ana.more(), ben.more()
    mine = ana.told("answer", picture=item["id"], label="Coat")["saved"]
    ben.told("answer", picture=other["id"], label="Bag")
    assert ana.told("undo", review=mine)["back"]["id"] == item["id"]
    assert ana.post("undo").status_code == 400, "what is left is Ben's"
    ana.told("answer", picture=item["id"], label="Shirt")
    late = ana.post("undo", review=mine)
    assert late.status_code == 409
    assert [row.verdict for row in rows(settings)].count("undone") == 1


def test_who_answers_again_has_been_told_the_models_answer(ana: Page, settings: Settings) -> None:
    (item,) = ana.more()
    ana.told("answer", picture=item["id"], label="Coat")
    ana.told("undo")
    ana.told("answer", picture=item["id"], label="Bag")
    assert [row.blind for row in rows(settings)] == [True, False, False]


def test_nothing_tells_the_models_answer_or_an_audited_picture(
    app: Flask, settings: Settings
) -> None:
    """All that the desk says of a flagged and of an audited picture is the same but for names."""
    add_run(settings, [Picture("1.png", label="Sandal", confidence=0.4321),
                       Picture("2.png", label="Sandal", confidence=0.8765, review=None,
                               audited=True)])  # fmt: skip
    texts = []
    for number in (1, 2):
        page = Page(app)
        key = key_of(Picture(f"{number}.png"))
        held = page.more(wanted=2)
        (item,) = [one for one in held if one["shown"].endswith(f"{number}.png")]
        page.told("answer", picture=item["id"], verdict="later", visit="1")
        for other in held:
            if other is not item:
                page.told("answer", picture=other["id"], verdict="later", visit="1")
        said = [
            page.post("more", visit="1", wanted=1),
            page.browser.get("/review?reason=low+confidence"),
            page.browser.get("/review?batch=G1"),
            page.browser.get(item["picture"]),
            page.browser.get(item["seen"]),
        ]
        assert [one.status_code for one in said] == [200] * 5
        heads = "".join(f"{one.headers}" for one in said)
        whole = heads + "".join(one.text for one in said[:3])
        assert "0.4321" not in whole
        assert "0.8765" not in whole
        assert not re.search(r"43\s%", whole)
        assert whole.count("Sandal") == pressed(whole).count("Sandal") * 2 + 1
        texts.append(neutral(whole, item["id"], key.content_hash, f"{number}.png"))
        page.post("leave", visit="1")
        page.browser.post("/review/leave", json={"visit": ""}, headers=SCRIPT)
    assert texts[0] == texts[1]


def neutral(text: str, *names: str) -> str:
    """Take from a text what names a picture or a showing of the page, and lengths and times."""
    for name in names:
        text = text.replace(name, "…")
    text = re.sub(r'(visit"? ?(value)?=?:? ?)"[\w-]+"', r"\1…", text)
    text = re.sub(r"Content-Length: \d+|Set-Cookie: [^\n]+|Date: [^\n]+", "", text)
    return re.sub(r'data-visit="[\w-]+"|name="visit" value="[\w-]+"', "", text)


def test_without_blindness_what_was_flagged_shows_it_and_the_audit_is_apart(
    open_app: Flask, settings: Settings
) -> None:
    add_run(settings, [flagged(1, 0.42), drawn(1)])
    page = Page(open_app)
    (item,) = page.more(wanted=9)
    assert item["said"] == {"label": "Coat", "shown": "Coat (42\N{NO-BREAK SPACE}%)"}
    assert "Coat (42\N{NO-BREAK SPACE}%)" in page.browser.get("/review").text
    (apart,) = page.more(wanted=9, audit="1")
    assert "said" not in apart
    text = page.browser.get("/review/audit").text
    assert apart["id"] in text
    assert "99" not in re.sub(r"[0-9a-f]{64}|[\w=-]{60,}", "", text)
    for one in (item, apart):
        page.told("answer", picture=one["id"], label="Coat")
    assert [row.blind for row in rows(settings)] == [False, True]


def test_a_blind_desk_has_no_page_of_audited_pictures(ana: Page) -> None:
    away = ana.browser.get("/review/audit")
    assert (away.status_code, away.location) == (303, "/review")
    assert len(ana.more(wanted=20, audit="1")) == 10


def test_a_form_does_all_of_it_without_a_script(ana: Page, settings: Settings) -> None:
    text = ana.browser.get("/review").text
    assert len(pressed(text)) == 10
    (id_,) = re.findall(r'name="picture" value="([^"]+)"', text)
    (visit,) = set(re.findall(r'name="visit" value="([^"]+)"', text))
    gone = ana.form("answer", picture=id_, visit=visit, label="Bag", batch="G1")
    assert gone.status_code == 303
    after = ana.browser.get(gone.location).text
    assert "you said <strong><bdi>Bag</bdi></strong>, the model <strong>" in after
    assert id_ not in after
    assert "9 left" in after
    (review,) = re.findall(r'name="review" value="(\d+)"', after)
    undone = ana.browser.get(ana.form("undo", review=review, batch="G1").location).text
    assert id_ in undone
    assert "Taken back" in undone
    later = ana.browser.get(ana.form("answer", picture=id_, verdict="later").location).text
    assert id_ not in later
    assert [row.verdict for row in rows(settings)] == ["label", "undone"]


def test_a_form_that_is_sent_again_with_another_answer_is_told_that_the_first_stands(
    ana: Page, settings: Settings
) -> None:
    """Whoever went back in his browser and pressed another key was told that it was saved."""
    (item,) = ana.more()
    ana.form("answer", picture=item["id"], label="Coat")
    again = ana.form("answer", picture=item["id"], label="Bag")
    text = ana.browser.get(again.location).text
    assert "<bdi>You</bdi></strong> said <strong><bdi>Coat</bdi></strong>" in text
    assert "Saved" not in text
    assert [row.label for row in rows(settings)] == ["Coat"]


def test_a_form_that_undoes_what_another_undid_is_told_so(
    ana: Page, app: Flask, settings: Settings
) -> None:
    (item,) = ana.more()
    ana.form("answer", picture=item["id"], label="Coat")
    (review,) = rows(settings)
    for page in (Page(app, "Ben"), ana):
        undone = page.form("undo", review=str(review.id))
    assert "Somebody took that review back" in ana.browser.get(undone.location).text


def test_a_form_that_comes_second_is_told_so(ana: Page, app: Flask) -> None:
    (item,) = ana.more()
    ana.told("answer", picture=item["id"], label="Coat")
    ben = Page(app, "Ben")
    after = ben.browser.get(ben.form("answer", picture=item["id"], label="Bag").location).text
    assert "<bdi>Ana</bdi></strong> said <strong><bdi>Coat</bdi></strong>" in after


def test_names_are_no_part_of_the_page(app: Flask, settings: Settings) -> None:
    hostile = '"><script>alert(1)</script>\n=cmd\u202e\udcff.png'
    add_run(settings, [Picture(hostile.encode("utf-8", "backslashreplace").decode())], batch="<i>")
    page = Page(app, "</script><b>'\"")
    (item,) = page.more()
    for text in (page.browser.get("/review").text, page.browser.get("/review?batch=<i>").text):
        assert "<script>alert" not in text
        assert "<i>" not in text
        assert "<b>" not in text
        assert "\u202e" not in text
    told = page.told("answer", picture=item["id"], label="Coat")
    assert told["saved"]


def test_more_classes_than_keys_are_all_there(app: Flask, settings: Settings) -> None:
    add_run(settings, [Picture("f.png", label="Fig")], batch="F1", model=FRUIT)
    page = Page(app)
    assert set(pressed(page.browser.get("/review").text)) == set(FRUIT.labels)


def test_nothing_waits(app: Flask, settings: Settings) -> None:
    add_run(settings, [Picture("sure.png", review=None)])
    text = Page(app).browser.get("/review").text
    assert "Nothing waits" in text
    assert "0 left" in text


def test_a_picture_that_is_not_kept_any_more_can_be_answered(
    app: Flask, settings: Settings
) -> None:
    add_run(settings, [flagged(1, kept=False)])
    page = Page(app)
    (item,) = page.more()
    assert (item["picture"], item["seen"]) == (None, None)
    assert "No copy of this" in page.browser.get("/review").text
    page.told("answer", picture=item["id"], label="Coat")


def test_many_at_once_answer_each_picture_once(ana: Page, app: Flask, settings: Settings) -> None:
    """Eight threads of two people, all at the same ten pictures."""
    items = ana.more(wanted=10)
    clients: list[FlaskClient] = [Page(app, name).browser for name in ("Ana", "Ben") * 4]

    def answer_all(client: Browser) -> None:
        for item in items:
            body = {"picture": item["id"], "label": "Coat"}
            assert client.post("/review/answer", json=body, headers=SCRIPT).status_code in (
                200,
                409,
            )

    threads = [threading.Thread(target=answer_all, args=(one,)) for one in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(row.picture.path for row in rows(settings)) == sorted(
        f"flagged-{n}.png" for n in range(10)
    )


UNREAD = Picture("cut.jpg", label=None, confidence=None, error="the file is cut off")


def test_of_what_no_model_could_read_there_is_the_copy_and_no_more(
    app: Flask, open_app: Flask, settings: Settings
) -> None:
    add_run(settings, [UNREAD])
    for page in (Page(app), Page(open_app)):
        item = page.more()[0]
        assert page.browser.get(item["picture"]).status_code == 200
        assert item["seen"] is None
        assert "said" not in item, "nothing to accept"
        page.post("leave", visit="1")


def test_of_a_long_batch_the_pictures_own_name_is_seen_whole(
    app: Flask, settings: Settings
) -> None:
    add_run(settings, [flagged(1)], batch="returns of the second week " * 4)
    shown = Page(app).more()[0]["shown"]
    assert shown.startswith("returns of the")
    assert shown.endswith(" / flagged-1.png")
    assert len(shown) < 50


def test_where_others_have_all_that_is_left_it_is_not_said_that_nothing_waits(
    app: Flask, settings: Settings
) -> None:
    add_run(settings, [flagged(1)])
    Page(app).browser.get("/review")
    text = Page(app, "Ben").browser.get("/review").text
    assert re.search(r'<div id="nothing-waits" hidden>', text)
    assert '<div id="others-have">\n<h1>What is left is before somebody else.</h1>' in text
    assert "comes here within 2 min." in text
