"""Seven nights, each of another kind: its report says at first glance what was special.

Server, model, client, ledger, reports and desk are real; the pictures are drawn and time is played.
"""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from desk.app import create_app
from fashion_model.drawn.draw import Drawn
from scoring.monitoring import plain_text
from scoring.monitoring.report import PAGE, TEXT, report_folder
from scoring.records.ledger import Run
from scoring.settings import CODE_ROOT
from tests.conftest import BUNDLE
from tests.desk.conftest import browser_of
from tests.scoring.monitoring import nights as kinds
from tests.scoring.monitoring.nights import Nights, NightSettings, nights_in

pytestmark = pytest.mark.long

COUNT = 40
# So many ordinary nights come first, and tell what is usual.
ORDINARY_NIGHTS = 8
MOST_PAGE_BYTES, MOST_PICTURES = 300_000, 20
SCORED = "40 pictures came in and were scored"

Kind = Callable[[int, int], Iterable[Drawn]]


@dataclass(frozen=True)
class Said:
    """What a report has to say at first glance.

    ``sentence`` lies in the verdict; ``different`` begins what is different from usual, None: the
    report has no such part. ``first`` lies in the verdict where there were no nights before.
    """

    tone: str
    sentence: tuple[str, ...]
    different: str | None
    first: tuple[str, ...]


SAID: Mapping[Kind, Said] = {
    kinds.clean: Said(
        # The shipped model was tested with garments that are not drawn, and says so.
        "look", (f"{SCORED}, but how right the answers are cannot be told; ",),
        "The alarm of ", (f"{SCORED}; ",),
    ),
    kinds.dark: Said(
        "look", (f"{SCORED}, but they are darker than usual and ", "far more than usual"),
        "They are darker than usual: the brightness that the model saw is",
        ("but they are darker than the model's test pictures", "which is many"),
    ),
    kinds.blurred: Said(
        "look", (f"{SCORED}, but they look stranger to the model than usual and ", "garment?"),
        "They look stranger to the model than usual: ", ("which is many", "not a garment?"),
    ),
    kinds.with_digits: Said(
        "look", (f"{SCORED}, but some look like nothing that the model knows and ", "garment?"),
        "Some look like nothing that the model knows: ", ("which is many", "not a garment?"),
    ),
    kinds.one_class: Said(
        "look", (f"{SCORED}, but all of them are Trouser",),
        "Trouser: 100 % of the pictures, usually ", (f"{SCORED}, but all of them are Trouser",),
    ),
    kinds.half_corrupt: Said(
        "trouble", ("20 of 40 pictures could not be read, too many for a good run; ",),
        "More than usual could not be read: 50 %, usually 0 %.",
        ("20 of 40 pictures could not be read, too many for a good run; ",),
    ),
    kinds.empty: Said(
        "calm", ("Nothing new came in, so the results are as they were.",), None,
        ("Nothing new came in",),
    ),
}  # fmt: skip
KINDS = [pytest.param(kind, id=kind.__name__) for kind in SAID]


@dataclass(frozen=True)
class Morning:
    """What there is to read after one night: the report as it lay there, and the desk's Today."""

    run: Run
    folder: Path
    page: bytes
    text: bytes
    today: str


@pytest.fixture(scope="module")
def mornings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Kind, Morning]]:
    with office(tmp_path_factory.mktemp("known")) as nights:
        for evening in range(ORDINARY_NIGHTS):
            nights.night(kinds.ordinary(COUNT, evening))
        yield {kind: morning_after(nights, kind) for kind in SAID}


@contextmanager
def office(project: Path) -> Iterator[Nights]:
    """Let a project of its own be what every program of this test works in."""
    with pytest.MonkeyPatch.context() as patch, nights_in(project) as nights:
        patch.setenv("SCORING_PROJECT", str(project))
        patch.setenv("SCORING_SERVER__MODELS", json.dumps([str(BUNDLE)]))
        yield nights


def morning_after(nights: Nights, kind: Kind) -> Morning:
    run = nights.night(kind(COUNT, 0))
    folder = report_folder(nights.settings, run.id)
    page, text = (folder / PAGE).read_bytes(), (folder / TEXT).read_bytes()
    assert (nights.settings.logs_folder / PAGE).read_bytes() == page
    desk = create_app(
        nights.settings, loopback=True, now=lambda: NightSettings.moment - timedelta(hours=9)
    )
    return Morning(run, folder, page, text, browser_of(desk).get("/").text)


def words(markup: str) -> str:
    """Return what of a piece of a page is read: no marks, no lines."""
    return " ".join(html.unescape(re.sub("<[^>]*>", "", markup)).split())


def headline(page: str) -> str:
    return words(page.partition("<h1")[2].partition(">")[2].partition("</h1>")[0])


def different(page: str) -> list[str]:
    """Return what a report has under "Different from usual"."""
    part = page.partition("<h2>Different from usual</h2>")[2].partition("</section>")[0]
    return [words(one) for one in re.findall("<(?:li|p)[ >].*?</(?:li|p)>", part, re.DOTALL)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_says_at_first_glance_what_was_special(
    mornings: dict[Kind, Morning], kind: Kind
) -> None:
    page, said = mornings[kind].page.decode(), SAID[kind]
    assert f'<h1 class="{said.tone}">' in page
    for part in said.sentence:
        assert part in headline(page)
    if said.different is None:
        assert different(page) == []
    else:
        assert different(page)[0].startswith(said.different)


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_for_a_mail_says_the_same(mornings: dict[Kind, Morning], kind: Kind) -> None:
    page, text = mornings[kind].page.decode(), words(mornings[kind].text.decode())
    assert f" {headline(page)} " in text
    for one in different(page):
        assert one in text
    assert len(mornings[kind].text) < plain_text.MOST_BYTES


@pytest.mark.parametrize("kind", KINDS)
def test_the_desk_says_the_same_that_morning(mornings: dict[Kind, Morning], kind: Kind) -> None:
    page, today = mornings[kind].page.decode(), mornings[kind].today
    assert headline(today) == headline(page)
    assert f"/runs/{mornings[kind].run.id}/report" in today
    if SAID[kind].tone != "calm" and kind is not kinds.clean:
        for one in different(page):
            assert one in words(today)


def test_no_two_nights_are_told_alike(mornings: dict[Kind, Morning]) -> None:
    assert len({headline(one.page.decode()) for one in mornings.values()}) == len(SAID)


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_goes_into_a_mail(mornings: dict[Kind, Morning], kind: Kind) -> None:
    page = mornings[kind].page.decode()
    assert len(mornings[kind].page) <= MOST_PAGE_BYTES
    assert page.count("<img ") <= MOST_PICTURES
    assert "content=\"default-src 'none'; " in page
    assert "<script" not in page.lower()
    assert not re.search(r"""(?:src|href|url)\s*[=(]\s*["']?(?!data:|["'#])""", page)


@pytest.mark.parametrize("kind", [kinds.dark, kinds.blurred, kinds.with_digits, kinds.half_corrupt])
def test_what_was_special_is_shown(mornings: dict[Kind, Morning], kind: Kind) -> None:
    page = mornings[kind].page.decode()
    assert page.count('<img src="data:image/') >= COUNT // 3
    assert "no picture kept" not in page


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_is_the_same_again_after_later_nights(
    mornings: dict[Kind, Morning], kind: Kind
) -> None:
    morning = mornings[kind]
    (morning.folder / PAGE).unlink()
    (morning.folder / TEXT).unlink()
    command = [sys.executable, "-m", "scoring.monitoring.report", morning.run.id]
    subprocess.run(command, cwd=CODE_ROOT, check=True, capture_output=True)
    assert (morning.folder / PAGE).read_bytes() == morning.page
    assert (morning.folder / TEXT).read_bytes() == morning.text


def test_the_first_nights_of_all_say_it_too(tmp_path: Path) -> None:
    with office(tmp_path) as nights:
        for kind, said in SAID.items():
            sentence = headline(morning_after(nights, kind).page.decode())
            for part in said.first:
                assert part in sentence
