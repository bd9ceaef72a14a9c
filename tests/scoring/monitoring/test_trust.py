"""What a report says of trusting a model: the truth of tonight, whatever was true before."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from scoring.monitoring import collecting
from scoring.monitoring.facts import Alarm, Share, Span, Trust, dump_facts, load_facts
from scoring.monitoring.report import MorningReport, facts_of
from scoring.monitoring.trust_views import figure, in_one_line, news, trust_view
from scoring.monitoring.verdict import judge_run
from scoring.records.ledger import Ledger
from scoring.records.run_life import NOTHING, RunEnded
from scoring.settings import Settings
from tests.scoring.monitoring.test_watch import dimmed
from tests.scoring.monitoring.watched_nights import Nights

RIGHT, JUDGED = Share(0.951, 0.94, 0.962), Share(0.93, 0.88, 0.97)
TONIGHT = Span(1, 1, RIGHT, 0.948)
GOOD = Trust("", (TONIGHT, Span(7, 5, RIGHT, 0.95), Span(28, 20, RIGHT, 0.95)))


@pytest.fixture
def nights(settings: Settings) -> Iterator[Nights]:
    with Ledger.from_settings(settings) as ledger:
        yield Nights(settings, ledger)


def report(nights: Nights, run_id: str) -> str:
    """Write a run's report, and return its text as one line."""
    run = nights.ledger.run(run_id)
    assert run
    hears = MorningReport(nights.settings, nights.ledger, nights.events)
    hears(RunEnded(run, NOTHING, None, ()))
    assert hears.written
    page = hears.written.read_text(encoding="utf-8")
    assert "How right it probably is" in page
    text = hears.written.with_name("report.txt").read_text(encoding="utf-8")
    return re.sub(r"\s+", " ", text)


def test_a_usual_night_says_how_right_it_probably_is(nights: Nights) -> None:
    said = report(nights, nights.add(500))
    assert re.search(r"probably right 9\d(\.\d)? % \(9\d(\.\d)? to 9\d(\.\d)? %\)", said)
    assert re.search(r"By its own confidence 9\d(\.\d)? % of tonight's answers are right", said)
    assert "No mean confidence is below its threshold." in said


def test_nights_together_are_shown_from_the_second_on(nights: Nights) -> None:
    assert "last 28" not in report(nights, nights.add(300))
    assert "last 28" in report(nights, nights.add(300))


def test_what_people_judged_stands_first(nights: Nights) -> None:
    nights.judge(nights.add(500))
    said = report(nights, nights.add(500))
    assert re.search(r"right, as people judged 9\d(\.\d)? % \(", said)
    assert "in those of the last 7 nights of which people have judged pictures" in said
    assert "60 in all." in said
    assert "Corrected by what people judged it is" in said


def test_a_night_that_is_unlike_says_so_and_claims_nothing(nights: Nights) -> None:
    nights.judge(nights.add(500))
    for first in (True, False):
        said = report(nights, nights.add(500, dimmed))
        assert "How right tonight's answers are cannot be estimated" in said
        assert re.search(r"probably right not known \(9\d(\.\d)? % before\)", said)
        assert re.search(r"Unlike what the model was tested with since 23 Nov: how sure", said)
        # It is news for one night, and stands after it.
        assert ("The alarm of 23 Nov stands until 3 nights" in said) is not first
        assert ("How right it is cannot be told from its confidence" in said) is first
    assert "Retraining is advised." in said


def test_an_alarm_keeps_its_day_when_that_night_is_shown_no_more(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After ninety nights the one that stood longest was the only one without a day."""
    monkeypatch.setattr(collecting, "RUNS_SHOWN", 2)
    nights.add(500, dimmed)
    nights.add(500, dimmed)
    said = report(nights, nights.add(500, dimmed))
    assert "Unlike what the model was tested with since 22 Nov: how sure" in said
    assert "The alarm of 22 Nov stands until 3 nights" in said


def test_no_night_is_called_ordinary_while_an_alarm_stands(nights: Nights) -> None:
    for change in (lambda night: night, *[dimmed] * 4):
        run = nights.ledger.run(nights.add(500, change))
        assert run
        facts = facts_of(nights.ledger, run, nights.events)
        verdict = judge_run(facts)
        assert ("right the answers are cannot be told" in verdict.sentence) is (change is dimmed)
    # What it is compared with is as dim by then; the alarm stands.
    alarm, advice = verdict.different[-2:]
    assert re.match(
        r"The alarm of 23 Nov stands until 3 nights in a row are like .*: how sure", alarm
    )
    assert advice.startswith("Retraining is advised.")
    assert "out of the ordinary" not in verdict.sentence


def test_facts_are_kept_as_they_are(nights: Nights) -> None:
    nights.add(300)
    run = nights.ledger.run(nights.add(300, dimmed))
    assert run
    facts = facts_of(nights.ledger, run, nights.events)
    trust = facts.models[0].trust
    assert trust
    assert [one.is_new for one in trust.alarms] == [True] * len(trust.alarms)
    assert [one is None for one in trust.trend] == [False, True]
    assert load_facts(dump_facts(facts)) == facts


def test_the_words() -> None:
    view = trust_view(GOOD)
    assert view.lines == (
        "By its own confidence 95.1 % of tonight's answers are right (94 to 96.2 %); a second"
        " opinion says 94.8 %.",
    )
    assert view.warnings == ()
    assert view.chart is None
    assert figure(GOOD) == ("probably right", "95.1 %", "94 to 96.2 %")
    assert news(GOOD) == ""
    assert in_one_line(GOOD, "") == "Probably right: 95.1 % (94 to 96.2 %)."
    unknown = replace(GOOD, why_not="too few images (3 of 100)", spans=(Span(1, 0),))
    assert in_one_line(unknown, "fashion") == (
        "fashion: How right it is tonight is not known: too few images (3 of 100)."
    )


def test_the_one_line_says_what_can_be_believed() -> None:
    judged = replace(GOOD, spans=(TONIGHT, Span(7, 5, RIGHT, 0.95, JUDGED, 60)))
    assert in_one_line(judged, "") == "Right, as people judged: 93 % (88 to 97 %, last 7 nights)."
    doubt = replace(judged, alarms=(Alarm("contrast", "3 Nov"),), spans=(Span(1, 0),), why_not="y")
    assert in_one_line(doubt, "") == "How right it is tonight is not known: y."
    assert news(doubt) == (
        "The alarm of 3 Nov stands until 3 nights in a row are like what the model was tested"
        " with: contrast."
    )
    advised = replace(GOOD, thresholds="Retraining is advised.", retrain=True)
    assert in_one_line(advised, "").endswith(" to 96.2 %). Retraining is advised.")


def test_opinions_that_differ_say_by_how_much() -> None:
    apart = replace(GOOD, spans=(replace(TONIGHT, second=0.9),))
    assert "and the two differ by 5.1 points." in trust_view(apart).lines[0]


def test_alarms_of_one_night_are_one_sentence() -> None:
    alarms = (Alarm("brightness", "3 Nov"), Alarm("contrast", "3 Nov"), Alarm("x", "5 Nov", True))
    trust = replace(GOOD, alarms=alarms, why_not="y", spans=(Span(1, 0),))
    assert trust_view(trust).warnings == (
        "Unlike what the model was tested with since 3 Nov: brightness and contrast.",
        "Unlike what the model was tested with since 5 Nov: x.",
    )
    assert news(trust).startswith("Unlike what the model was tested with: x.")
    judged = Span(7, 0, judged=JUDGED, pictures=60)
    assert figure(replace(trust, spans=(Span(1, 0), judged))) == (
        "probably right", "not known", "93 % before",
    )  # fmt: skip


def test_one_night_of_other_pictures_is_not_led_by_what_was_judged_before(nights: Nights) -> None:
    """Evidence is for alarms; a run by hand adds none, and is unlike all the same."""
    nights.judge(nights.add(500))
    said = report(nights, nights.add(500, dimmed, by_hand=True))
    assert re.search(r"probably right not known", said)


def test_the_chart_shows_nights_that_were_valid_and_what_was_judged() -> None:
    trust = replace(
        GOOD,
        trend_nights=("1 Nov", "2 Nov", "3 Nov", "4 Nov"),
        trend=(RIGHT, RIGHT, None, RIGHT),
        trend_judged=(None, 0.9, 0.97, None),
    )
    view = trust_view(trust)
    assert view.chart
    assert len(view.chart.bands) == 1
    assert len(view.chart.marks) == 2
    assert [row[1] for row in view.chart_table] == ["95.1 %", "95.1 %", "not valid", "95.1 %"]
    assert (view.first, view.last) == ("1 Nov", "4 Nov")
