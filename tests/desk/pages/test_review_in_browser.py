"""Review in a real browser: by keyboard, by mouse, by two, through failures, without scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from scoring.records.labels import Labels, Review
from scoring.records.ledger import Ledger
from scoring.settings import Settings
from tests.browsing import SCREENS, chromium, fits, found_by_axe, quiet_page
from tests.deadlines import wait_for
from tests.desk.desk_process import DeskProcess, names_of, running_desk
from tests.desk.waiting_pictures import (
    DIGITS,
    FRUIT,
    GARMENTS,
    PETS,
    Model,
    Picture,
    add_run,
    drawn,
    flagged,
)

pytestmark = pytest.mark.long

LABELS = names_of(GARMENTS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def waiting(settings: Settings) -> Settings:
    """Let forty pictures wait, ten of them drawn for the audit."""
    hours_ago = datetime.now(UTC) - timedelta(hours=12)
    found = [*(flagged(n, n / 100) for n in range(30)), *(drawn(n) for n in range(10))]
    add_run(settings, found, started=hours_ago)
    return settings


@pytest.fixture
def desk(waiting: Settings) -> Iterator[DeskProcess]:
    with running_desk() as desk:
        yield desk


@contextmanager
def reviewing(
    browser: Browser, desk: DeskProcess, name: str = "Ana", path: str = "/review", **more: Any
) -> Iterator[Page]:
    """Open the page as a person does who has not been here before; it may complain of nothing."""
    with quiet_page(browser, **{"height": 800, **more}) as page:
        page.goto(f"{desk.url}{path}")
        page.get_by_label("Your name").fill(name)
        page.get_by_role("button", name="That is me").click()
        expect(page.locator("#name")).not_to_be_empty()
        if more.get("java_script_enabled", True):
            ready(page)
        yield page


def ready(page: Page) -> None:
    expect(page.locator("#saved")).to_have_text("all saved")
    takes_answers(page)


def takes_answers(page: Page) -> None:
    """Wait for the picture in front to be seen: until then nobody can mean an answer to it."""
    expect(page.locator("#work")).to_have_attribute("aria-busy", "false")


def shown(page: Page) -> str:
    return page.locator("#name").inner_text()


def shown_anew(page: Page) -> str:
    page.reload()
    return shown(page)


def press(page: Page, key: str) -> str:
    """Press a key once the picture can be judged; return which picture it was."""
    # None is shown until the script has asked for the first: a key then answers nothing.
    expect(page.locator("#name")).not_to_be_empty()
    name = shown(page)
    takes_answers(page)
    page.keyboard.press(key)
    expect(page.locator("#name")).not_to_have_text(name)
    return name


def try_now(page: Page) -> None:
    """Press the button; it may be gone by then, for the page tries by itself, too."""
    page.get_by_role("button", name="Try now", include_hidden=True).dispatch_event("click")


class Gate:
    """Holds answers on their way to the desk until it is opened."""

    def __init__(self, page: Page) -> None:
        self._held: list[Route] | None = []
        page.route("**/review/answer", self._pass_or_hold)

    def _pass_or_hold(self, route: Route) -> None:
        if self._held is None:
            route.continue_()
        else:
            self._held.append(route)

    def open(self) -> None:
        held, self._held = self._held or [], None
        for route in held:
            route.continue_()


def rows(settings: Settings) -> list[Review]:
    with Ledger.from_settings(settings) as ledger:
        return list(Labels(ledger).since(0))


def standing(settings: Settings) -> dict[str, str]:
    """Return what stands, by the name that the page has for a picture."""
    with Ledger.from_settings(settings) as ledger:
        currents = list(Labels(ledger).all_current())
    return {f"G1 / {one.picture.path}": str(one.answer) for one in currents}


def test_thirty_pictures_by_keyboard_alone(
    browser: Browser, desk: DeskProcess, waiting: Settings
) -> None:
    keys = "1234567890" * 3
    with reviewing(browser, desk) as page:
        said = {press(page, key): LABELS[key] for key in keys}
        ready(page)
        expect(page.locator("#left")).to_have_text("10 left")
        expect(page.locator("#last")).to_contain_text("Saved: you said Ankle boot, the model Coat")
    assert standing(waiting) == said
    assert len(said) == 30
    times = [one.seconds for one in rows(waiting)]
    assert all(seconds is not None and 0 < seconds < 60 for seconds in times)
    assert any("drawn" in name for name in said), "the audited ones are among them"


def test_every_other_key_and_undo_after_a_reload(
    browser: Browser, desk: DeskProcess, waiting: Settings
) -> None:
    with reviewing(browser, desk) as page:
        first, second, third = press(page, "x"), press(page, "?"), press(page, "s")
        ready(page)
        assert standing(waiting) == {first: "not a garment", second: "cannot tell"}
        page.reload()
        ready(page)
        assert shown(page) not in (first, second, third)
        for name in (third, second, first):
            page.keyboard.press("u")
            expect(page.locator("#name")).to_have_text(name)
        ready(page)
        assert standing(waiting) == {}
        assert [one.verdict for one in rows(waiting)].count("undone") == 2
        assert press(page, "5") == first
        ready(page)
    assert standing(waiting) == {first: "Coat"}


def test_undo_reaches_what_was_said_in_another_tab(
    browser: Browser, desk: DeskProcess, waiting: Settings
) -> None:
    with reviewing(browser, desk) as page:
        name = press(page, "5")
        ready(page)
        other = page.context.new_page()
        other.goto(f"{desk.url}/review")
        ready(other)
        other.keyboard.press("u")
        expect(other.locator("#name")).to_have_text(name)
        ready(other)
    assert standing(waiting) == {}


def test_two_people_decide_each_picture_once(
    browser: Browser, desk: DeskProcess, waiting: Settings
) -> None:
    with reviewing(browser, desk) as ana, reviewing(browser, desk, "Ben") as ben:
        seen = []
        for _ in range(15):
            seen += [press(ana, "5"), press(ben, "7")]
        ready(ana)
        ready(ben)
    assert len(set(seen)) == 30
    assert sorted(one.reviewer for one in rows(waiting)) == ["Ana"] * 15 + ["Ben"] * 15


def test_of_two_who_have_the_same_picture_the_second_is_told(
    browser: Browser, desk: DeskProcess, waiting: Settings
) -> None:
    """The leases are gone with a desk that was started again."""
    with reviewing(browser, desk) as ana:
        name = shown(ana)
        desk.kill()
        desk.start()
        with reviewing(browser, desk, "Ben") as ben:
            assert shown(ben) == name
            press(ben, "7")
            ready(ben)
            press(ana, "5")
            expect(ana.locator("#last")).to_contain_text("Ben said Shirt")
            ready(ana)
            following = press(ana, "5")
            ready(ana)
    assert standing(waiting) == {name: "Shirt", following: "Coat"}


def test_a_desk_that_is_killed_in_the_middle_loses_and_doubles_nothing(
    browser: Browser, desk: DeskProcess, waiting: Settings
) -> None:
    with reviewing(browser, desk) as page:
        said = {press(page, "5"): "Coat"}
        ready(page)
        desk.kill()
        for key in "7890":
            said[press(page, key)] = LABELS[key]
        expect(page.locator("#trouble")).to_contain_text("The desk does not answer.")
        expect(page.locator("#trouble")).to_contain_text("4 answers are not saved yet")
        expect(page.locator("#saved")).to_have_text("4 not saved yet")
        expect(page.get_by_role("button", name="Try now")).to_be_visible()
        desk.start()
        try_now(page)
        ready(page)
        expect(page.locator("#trouble")).to_be_hidden()
        said[press(page, "1")] = LABELS["1"]
        ready(page)
    assert standing(waiting) == said
    assert len(rows(waiting)) == len(said)


def test_what_is_not_saved_outlives_a_reload(
    browser: Browser, desk: DeskProcess, waiting: Settings
) -> None:
    with reviewing(browser, desk) as page:
        page.on("dialog", lambda dialog: dialog.accept())
        page.route("**/review/answer", lambda route: route.abort())
        said = {press(page, key): LABELS[key] for key in "123"}
        expect(page.locator("#saved")).to_have_text("3 not saved yet")
        page.reload()
        expect(page.locator("#saved")).to_have_text("3 not saved yet")
        expect(page.locator("#trouble")).to_be_visible()
        assert shown(page) not in said
        page.unroute("**/review/answer")
        try_now(page)
        ready(page)
    assert standing(waiting) == said


def test_a_slow_desk_stops_nobody(browser: Browser, desk: DeskProcess, waiting: Settings) -> None:
    with reviewing(browser, desk) as page:
        gate = Gate(page)
        said = {press(page, key): LABELS[key] for key in "123"}
        page.keyboard.press("u")
        last = [*said][-1]
        expect(page.locator("#name")).to_have_text(last)
        expect(page.locator("#saved")).to_have_text("2 not saved yet")
        gate.open()
        ready(page)
    said.pop(last)
    assert standing(waiting) == said


def test_an_undo_that_overtakes_its_answer_waits_for_it(
    browser: Browser, desk: DeskProcess, waiting: Settings
) -> None:
    with reviewing(browser, desk) as page:
        gate = Gate(page)
        name = press(page, "1")
        page.keyboard.press("u")
        expect(page.locator("#name")).to_have_text(name)
        press(page, "2")
        gate.open()
        ready(page)
    assert standing(waiting) == {name: LABELS["2"]}
    assert [one.verdict for one in rows(waiting)] == ["label", "undone", "label"]


def test_a_refusal_is_told_and_the_picture_comes_again(
    browser: Browser, desk: DeskProcess, waiting: Settings
) -> None:
    refusal = {"error": {"code": "x", "message": "that cannot be"}}
    with reviewing(browser, desk) as page:
        page.route("**/review/answer", lambda route: route.fulfill(status=400, json=refusal))
        name = press(page, "1")
        expect(page.locator("#complaint")).to_contain_text(f"{name}: that cannot be")
        ready(page)
        page.unroute("**/review/answer")
        expect(page.locator("#left")).to_have_text("40 left")
    assert rows(waiting) == []


def test_whoever_lost_his_name_loses_no_answer(
    browser: Browser, desk: DeskProcess, waiting: Settings
) -> None:
    """The cookie is gone: what was said waits until a name is given in another tab."""
    with reviewing(browser, desk) as page:
        page.context.clear_cookies()
        name = press(page, "1")
        expect(page.locator("#trouble-told")).to_contain_text("wants your name again")
        assert rows(waiting) == []
        other = page.context.new_page()
        other.goto(f"{desk.url}/who")
        other.get_by_label("Your name").fill("Ana")
        other.get_by_role("button", name="That is me").click()
        try_now(page)
        expect(page.locator("#saved")).to_have_text("all saved")
        assert standing(waiting) == {name: LABELS["1"]}


def test_a_key_that_is_held_down_answers_once(
    browser: Browser, desk: DeskProcess, waiting: Settings
) -> None:
    with reviewing(browser, desk) as page:
        name = shown(page)
        for _ in range(20):
            page.keyboard.down("5")
        page.keyboard.up("5")
        expect(page.locator("#name")).not_to_have_text(name)
        ready(page)
        for combination in ("Control+5", "Alt+5", "5"):
            page.keyboard.press(combination)
        expect(page.locator("#left")).to_have_text("38 left")
        ready(page)
        page.get_by_label("Keys answer").uncheck()
        page.keyboard.press("5")
        page.get_by_label("Keys answer").check()
        press(page, "6")
        ready(page)
    assert len(rows(waiting)) == 3


def test_everything_by_mouse_and_then_by_key(
    browser: Browser, desk: DeskProcess, waiting: Settings
) -> None:
    with reviewing(browser, desk) as page:
        names = []
        for button in ("5 Coat", "X not a garment", "? cannot tell"):
            takes_answers(page)
            names.append(shown(page))
            page.get_by_role("button", name=button).click()
            expect(page.locator("#name")).not_to_have_text(names[-1])
        page.keyboard.press("Enter")
        names.append(press(page, "1"))
        page.get_by_role("button", name="U undo").click()
        expect(page.locator("#name")).to_have_text(names[-1])
        page.get_by_role("button", name="S later").click()
        ready(page)
    said = ["Coat", "not a garment", "cannot tell"]
    assert standing(waiting) == dict(zip(names, said, strict=False))


@pytest.mark.parametrize(("model", "key", "label"), [(DIGITS, "0", "0"), (PETS, "2", "dogs")])
def test_other_models_have_other_keys(
    browser: Browser, desk: DeskProcess, waiting: Settings, model: Model, key: str, label: str
) -> None:
    found = [Picture(f"{n}.png", label=model.labels[0], confidence=0.0) for n in range(3)]
    add_run(waiting, found, batch="other", model=model, started=datetime.now(UTC))
    with reviewing(browser, desk, path="/review?batch=other") as page:
        keys = page.locator("#classes kbd").all_inner_texts()
        assert keys == (list("0123456789") if model is DIGITS else ["1", "2"])
        expect(page.locator("#nothing")).to_have_text(model.nothing.rstrip("?"))
        press(page, key)
        expect(page.locator("#last")).to_contain_text(f"you said {label}")
        ready(page)
    assert [str(one.answer) for one in rows(waiting)] == [label]


def test_more_than_ten_classes_are_typed(
    browser: Browser, desk: DeskProcess, waiting: Settings
) -> None:
    found = [Picture(f"{n}.png", label="Fig", confidence=0.0) for n in range(6)]
    add_run(waiting, found, batch="F1", model=FRUIT, started=datetime.now(UTC))
    with reviewing(browser, desk, path="/review?batch=F1") as page:
        page.keyboard.type("apr")
        assert page.locator("#classes button").all_text_contents() == ["Enter Apricot"]
        press(page, "Enter")
        page.keyboard.type("zz")
        page.keyboard.press("Enter")
        page.keyboard.press("Escape")
        expect(page.locator("#typed")).to_have_value("")
        press(page, "Shift+X")
        page.keyboard.type("x")
        expect(page.locator("#typed")).to_have_value("x")
        page.keyboard.press("Escape")
        takes_answers(page)
        page.get_by_role("button", name="Kiwi").click()
        ready(page)
        expect(page.locator("#left")).to_have_text("3 left")
    assert [str(one.answer) for one in rows(waiting)] == ["Apricot", "not a garment", "Kiwi"]


def test_the_last_one_can_be_undone_too(
    browser: Browser, desk: DeskProcess, waiting: Settings
) -> None:
    add_run(waiting, [Picture("1.png")], batch="one", started=datetime.now(UTC))
    with reviewing(browser, desk, path="/review?batch=one") as page:
        page.keyboard.press("5")
        expect(page.get_by_role("heading", name="Nothing waits")).to_be_visible()
        page.get_by_role("button", name="undo the last answer").click()
        expect(page.locator("#name")).to_have_text("one / 1.png")
        ready(page)
    assert [one.verdict for one in rows(waiting)] == ["label", "undone"]


def test_a_page_that_is_left_frees_its_pictures(
    browser: Browser, desk: DeskProcess, waiting: Settings
) -> None:
    with reviewing(browser, desk) as ana:
        first = shown(ana)
        ana.goto(f"{desk.url}/runs")
        with reviewing(browser, desk, "Ben") as ben:
            wait_for(lambda: shown_anew(ben) == first, "what Ana had is offered to Ben")


def test_without_scripts(browser: Browser, desk: DeskProcess, waiting: Settings) -> None:
    with reviewing(browser, desk, java_script_enabled=False) as page:
        names = []
        for button in ("Coat", "cannot tell", "later"):
            names.append(shown(page))
            page.get_by_role("button", name=button).click()
            expect(page.locator("#name")).not_to_have_text(names[-1])
        page.get_by_role("button", name=re.compile("undo$")).click()
        expect(page.locator("#name")).to_have_text(names[1])
        expect(page.locator("#last")).to_contain_text("Taken back")
        assert fits(page)
    assert standing(waiting) == {names[0]: "Coat"}


def test_where_others_took_over_only_the_picture_in_front_stays(
    browser: Browser, desk: DeskProcess, waiting: Settings
) -> None:
    """Ana's page was in the background until her pictures were offered to others."""
    with reviewing(browser, desk) as ana:
        first = shown(ana)
        desk.kill()
        desk.start()
        with reviewing(browser, desk, "Ben") as ben:
            seen = [press(ben, "7") for _ in range(8)]
            ready(ben)
        assert seen[0] == first
        ana.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(ana.locator("#left")).to_have_text("32 left")
        press(ana, "5")
        expect(ana.locator("#last")).to_contain_text("Ben said Shirt")
        assert shown(ana) not in seen
        ready(ana)


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_what_was_flagged_may_be_accepted_where_the_answer_is_shown(
    browser: Browser, waiting: Settings, monkeypatch: pytest.MonkeyPatch, width: int, scheme: Any
) -> None:
    monkeypatch.setenv("SCORING_DESK__BLIND", "false")
    with running_desk() as desk, reviewing(browser, desk, width=width, color_scheme=scheme) as page:
        name = shown(page)
        expect(page.get_by_role("button", name="Enter Coat")).to_be_visible()
        assert press(page, "Enter") == name
        ready(page)
        assert found_by_axe(page) == []
        page.goto(f"{desk.url}/review/audit")
        ready(page)
        assert "drawn" in shown(page)
        expect(page.locator("#accept")).to_be_hidden()
        page.goto(f"{desk.url}/review/grid")
        assert page.locator(".pictures input:checked").count() == 29
        assert fits(page)
        assert found_by_axe(page) == []
        page.locator(".pictures img").first.click()
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("28 pictures accepted.")
    assert set(standing(waiting).values()) == {"Coat"}
    assert len(rows(waiting)) == 29


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_for_everyone(
    browser: Browser, desk: DeskProcess, waiting: Settings, width: int, scheme: Any
) -> None:
    found = [Picture(f"{n}.png", label="Fig", confidence=0.0) for n in range(3)]
    add_run(waiting, found, batch="F1", model=FRUIT, started=datetime.now(UTC))
    with reviewing(browser, desk, width=width, height=640, color_scheme=scheme) as page:
        press(page, "Shift+X")
        ready(page)
        assert fits(page)
        assert found_by_axe(page) == []
        for path in ("/review?batch=G1", "/review?batch=nothing", "/review/grid"):
            page.goto(f"{desk.url}{path}")
            page.wait_for_load_state("networkidle")
            assert fits(page)
            assert found_by_axe(page) == []


LONG = "a name of a picture that somebody wrote as a whole sentence " * 3


@pytest.mark.parametrize("width", [1280, 1440])
def test_nothing_moves_when_a_picture_with_a_long_name_comes(
    browser: Browser, settings: Settings, width: int
) -> None:
    found = [flagged(1, 0.1), Picture(f"{LONG}.png", confidence=0.2), flagged(3, 0.3)]
    add_run(settings, found, batch=LONG[:90].strip(), started=datetime.now(UTC))
    with running_desk() as desk, reviewing(browser, desk, width=width) as page:
        places = [places_of(page)]
        for key in "12":
            press(page, key)
            ready(page)
            places.append(places_of(page))
        assert places[0] == places[1] == places[2]


def places_of(page: Page) -> list[Any]:
    return [page.locator(one).bounding_box() for one in ("#picture", "#classes", "#commands")]


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1366, 625)])
def test_nothing_moves_when_a_picture_comes_that_no_model_saw(
    browser: Browser, settings: Settings, width: int, height: int
) -> None:
    """What was not read has no picture as the model saw it; how many are left stays in sight."""
    unread = [Picture(f"{n}.jpg", error="the file breaks off") for n in range(2)]
    add_run(settings, [flagged(1), flagged(2), *unread], started=datetime.now(UTC))
    with running_desk() as desk, reviewing(browser, desk, width=width, height=height) as page:
        seen, edges, tops = set(), set(), set()
        for key in "1234":
            ready(page)
            seen.add(page.locator("#seen").is_visible())
            left, filters = (page.locator(one).bounding_box() for one in ("#left", ".filters"))
            assert left is not None
            assert filters is not None
            edges.add(round(left["x"] + left["width"]))
            tops.add(round(filters["y"]))
            if key != "4":
                press(page, key)
        assert seen == {True, False}
        assert len(edges) == len(tops) == 1


@pytest.mark.parametrize(("width", "height"), [(667, 375), (844, 390)])
def test_on_its_side_a_telephone_has_all_keys_on_the_screen(
    browser: Browser, desk: DeskProcess, waiting: Settings, width: int, height: int
) -> None:
    screen: dict[str, Any] = {"width": width, "height": height, "has_touch": True}
    with reviewing(browser, desk, is_mobile=True, **screen) as page:
        assert fits(page)
        for button in page.locator("#answer button:visible").all():
            box = button.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= height


def test_on_a_telephone_trouble_hides_no_key(
    browser: Browser, desk: DeskProcess, waiting: Settings
) -> None:
    screen: dict[str, Any] = {"width": 390, "height": 844, "has_touch": True, "is_mobile": True}
    with reviewing(browser, desk, **screen) as page:
        page.route("**/review/answer", lambda route: route.abort())
        press(page, "5")
        expect(page.locator("#trouble")).to_be_visible()
        for button in page.locator("#answer button:visible").all():
            box = button.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= 844
        page.unroute("**/review/answer")
        try_now(page)
        ready(page)


@pytest.mark.parametrize("person", ["Ana", "Zoë Müller-Łukaszewska of the returns desk"])
def test_on_a_telephone_all_keys_are_on_the_screen(
    browser: Browser, desk: DeskProcess, waiting: Settings, person: str
) -> None:
    screen: dict[str, Any] = {"width": 360, "height": 640, "has_touch": True, "is_mobile": True}
    with reviewing(browser, desk, person, **screen) as page:
        for button in page.locator("#answer button:visible").all():
            box = button.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= 640
            assert box["height"] >= 40
        picture = page.locator("#picture img").bounding_box()
        place = page.locator("#picture").bounding_box()
        assert picture is not None
        assert place is not None
        assert 200 < picture["height"] <= place["height"], "all of it is to be seen"
        name = shown(page)
        page.get_by_role("button", name="Coat").tap()
        expect(page.locator("#name")).not_to_have_text(name)
        ready(page)
    assert standing(waiting) == {name: "Coat"}
