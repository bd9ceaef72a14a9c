"""The page and the text of a run: whole, small, harmless, and always the same."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec.structs import replace

from scoring.monitoring import page, plain_text
from scoring.monitoring.facts import (
    BatchFacts,
    ClassFacts,
    FailedFile,
    LookAt,
    Measure,
    ReportFacts,
    Told,
    dump_facts,
    load_facts,
)
from scoring.monitoring.page import MOST_BYTES, render_page
from scoring.monitoring.plain_text import render_text
from scoring.monitoring.thumbnails import MOST_BYTES as MOST_PICTURES
from tests.scoring.monitoring.examples import FACTS, MODEL, TOTALS

GOLDEN = Path(__file__).parent / "data" / "report.txt"
HOSTILE = "<script>alert(1)</script>'\"&=cmd|'{{ 7*7 }}"
# The longest that a letter becomes: one of four bytes, or an escape of five.
LONGEST = ("𠜎&'\"<" * 80)[:80]


class Reader(HTMLParser):
    """Gathers tags with their attributes, and text outside of tags."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(data.decode("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def worst_facts() -> ReportFacts:
    """Return facts with as much of everything as a run can have, in the worst letters."""
    text = (LONGEST * 4)[:320]
    classes = tuple(
        ClassFacts(LONGEST[:-3] + f"{n:03}", 9, 0.9, Measure("x", 0.04, 0.01, 0.09), (0.9123,) * 90)
        for n in range(24)
    )
    nights = tuple(f"{n % 28 + 1} Nov" for n in range(90))
    model = replace(MODEL, name=LONGEST, note=text, stranger=LONGEST, classes=classes,
                    more_classes=976, trend_nights=nights)  # fmt: skip
    return replace(
        FACTS,
        batches=(BatchFacts(LONGEST, LONGEST, TOTALS, (LONGEST * 13)[:1000]),) * 40,
        more_batches=460,
        models=tuple(replace(model, version=f"v{n}") for n in range(4)),
        reasons=tuple((text[:160], n) for n in range(12)),
        look_at=tuple(
            LookAt(LONGEST, LONGEST, f"d{n}", LONGEST, 0.4, text[:160]) for n in range(20)
        ),
        errors=tuple((text[:160], 800) for _ in range(12)),
        more_errors=400,
        failed_files=tuple(FailedFile(LONGEST, LONGEST, text[:160]) for _ in range(40)),
        events=tuple(Told("ERROR", "bug", LONGEST, text) for _ in range(20)),
        speed_nights=nights,
        speed=(1234.5,) * 90,
    )  # fmt: skip


def worst_pictures() -> dict[str, tuple[bytes, str]]:
    return {f"d{n}": (b"\xff" * (MOST_PICTURES // 20), "image/jpeg") for n in range(20)}


def test_a_page_fetches_nothing_and_runs_nothing() -> None:
    pictures = {"d3": (b"\x89PNG", "image/png")}
    reader = Reader(render_page(FACTS, pictures))
    assert not reader.all("script") + reader.all("link") + reader.all("iframe") + reader.all("form")
    assert [one["src"] for one in reader.all("img")] == ["data:image/png;base64,iVBORw=="]
    for _, attributes in reader.tags:
        assert not {name for name in attributes if name.startswith("on")} | {"style"} & {
            *attributes
        }
    (policy,) = [one["content"] for one in reader.all("meta") if "http-equiv" in one]
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy


def test_the_policy_lets_the_pages_own_style_through() -> None:
    html = render_page(FACTS, {}).decode("utf-8")
    found = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert found
    digest = base64.b64encode(hashlib.sha256(found[1].encode("utf-8")).digest()).decode("ascii")
    assert f"'sha256-{digest}'" in html


def test_every_chart_has_its_title_its_description_and_its_table() -> None:
    reader = Reader(render_page(FACTS, {}))
    charts = reader.all("svg")
    assert len(charts) == 2 + len(MODEL.classes) + 1
    ids = {attributes.get("id") for _, attributes in reader.tags}
    for chart in charts:
        assert chart["role"] == "img"
        assert {*(chart["aria-labelledby"] or "").split()} <= ids
    assert len(reader.all("title")) == len(reader.all("desc")) + 1
    assert len(reader.all("summary")) >= 4


def test_names_are_shown_and_never_run() -> None:
    facts = replace(
        FACTS,
        batches=(replace(FACTS.batches[0], name=HOSTILE, advice=HOSTILE),),
        models=(replace(MODEL, name=HOSTILE, note=HOSTILE, classes=(
            *(replace(one, label=HOSTILE) for one in MODEL.classes),)),),
        look_at=(LookAt(HOSTILE, HOSTILE, "d", HOSTILE, 0.5, HOSTILE),),
        errors=((HOSTILE, 2),),
        failed_files=(FailedFile(HOSTILE, HOSTILE, HOSTILE),),
        events=(Told("ERROR", "x", HOSTILE, HOSTILE),),
        run=replace(FACTS.run, state="failed", reason=HOSTILE),
    )  # fmt: skip
    data = render_page(facts, {})
    reader = Reader(data)
    assert not reader.all("script")
    assert b"<script" not in data
    assert HOSTILE in reader.text
    assert HOSTILE in render_text(facts).decode("utf-8").replace("\n", "")


def test_letters_that_are_none_cost_no_page() -> None:
    facts = replace(FACTS, events=(Told("ERROR", "x", "\udcff", "a\udc80b"),))
    assert b"\\udcff" in render_page(facts, {})
    assert b"\\udc80" in render_text(facts)


def test_the_worst_night_still_fits_a_mail() -> None:
    facts, pictures = worst_facts(), worst_pictures()
    data = render_page(facts, pictures)
    assert 100_000 < len(data) <= MOST_BYTES
    assert 10_000 < len(render_text(facts)) < 90_000
    assert len(Reader(data).all("img")) <= 20


def test_a_night_of_twenty_pictures_shows_them_all() -> None:
    look = tuple(LookAt("G1", f"item-{n}.jpg", f"d{n}", "Coat", 0.4, "low") for n in range(20))
    data = render_page(replace(FACTS, look_at=look), worst_pictures())
    assert len(data) <= MOST_BYTES
    assert len(Reader(data).all("img")) == 20


def test_what_could_not_be_read_is_among_the_pictures_where_there_is_one() -> None:
    look = (
        LookAt("G1", "a.png", "d1", None, None, "too dark"),
        LookAt("G1", "b.png", "d2", None, None, "too dark"),
    )
    reader = Reader(render_page(replace(FACTS, look_at=look), {"d2": (b"x", "image/png")}))
    assert len(reader.all("img")) == 1


@pytest.mark.parametrize("facts", [FACTS, worst_facts()], ids=["usual", "worst"])
def test_kept_facts_give_the_same_page_to_the_byte(facts: ReportFacts) -> None:
    again = load_facts(dump_facts(facts))
    assert again == facts
    assert render_page(again, {}) == render_page(facts, {})
    assert render_text(again) == render_text(facts)


def test_a_missed_night_has_a_page_without_charts() -> None:
    run = replace(FACTS.run, state="missed", reason="the machine was off")
    facts = ReportFacts(run=run, totals=replace(TOTALS, images=0, failed=0, flagged=0))
    reader = Reader(render_page(facts, {}))
    assert "was missed" in reader.text
    assert "The machine was off" in reader.text
    assert not reader.all("svg")
    assert "was missed" in render_text(facts).decode("utf-8")


def test_the_text_of_a_fixed_run_is_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scoring.monitoring.views.command", "python -m {}".format)
    told = render_text(replace(FACTS, drawn=60)).decode("utf-8")
    assert told == GOLDEN.read_text(encoding="utf-8")


def test_the_text_has_lines_that_a_mail_shows() -> None:
    assert all(len(line) <= 120 for line in render_text(FACTS).decode("utf-8").splitlines())
    assert plain_text.MOST_BYTES < page.MOST_BYTES


def test_a_name_breaks_behind_its_batch_and_is_no_markup_for_that() -> None:
    hostile = LookAt("G1", "<b>/x.png", "d3", "Coat", 0.41, "low confidence")
    text = render_page(replace(FACTS, look_at=(*FACTS.look_at, hostile)), {}).decode("utf-8")
    assert "<span>G1/<wbr>item-003.png</span>" in text
    assert "<span>G1/<wbr>&lt;b&gt;/x.png</span>" in text


def test_several_reasons_of_one_picture_are_not_taken_for_several() -> None:
    reasons = (("uncontrolled background; low confidence", 13), ("not a garment?", 1))
    text = " ".join(render_text(replace(FACTS, reasons=reasons)).decode("utf-8").split())
    assert "(13 × uncontrolled background and low confidence, 1 × not a garment?)" in text


def test_a_model_that_saw_nothing_has_no_charts_of_nothing() -> None:
    blank = replace(MODEL, histogram=(0,) * 20, flagged_histogram=(0,) * 20, classes=())
    page = render_page(replace(FACTS, models=(blank,)), {}).decode("utf-8")
    assert "What the model saw" not in page
    assert "What the model saw" in render_page(FACTS, {}).decode("utf-8")
