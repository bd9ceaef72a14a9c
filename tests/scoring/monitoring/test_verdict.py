"""The sentence for each kind of night, and what is said to be different."""

from __future__ import annotations

from datetime import date

import pytest
from msgspec.structs import replace

from scoring.monitoring.facts import Measure, ModelFacts, ReportFacts, RunFacts, Told, Totals
from scoring.monitoring.verdict import judge_run, title
from scoring.protocol.commands import command
from tests.scoring.monitoring.examples import FACTS, MODEL, RUN, TOTALS

NOTHING = ReportFacts(run=RUN, totals=Totals(), nights=20)


def with_totals(**changes: object) -> ReportFacts:
    totals = replace(TOTALS, **changes)
    return replace(FACTS, totals=totals, models=(replace(MODEL, totals=totals, strangers=0),))


def with_measure(measure: Measure, facts: ReportFacts = FACTS) -> ReportFacts:
    kept = tuple(one for one in MODEL.measures if one.name != measure.name)
    return replace(facts, models=(replace(MODEL, measures=(*kept, measure)),))


def ended(state: str, facts: ReportFacts = FACTS, **changes: object) -> ReportFacts:
    run: RunFacts = replace(facts.run, state=state, **changes)
    return replace(facts, run=run)


DARK = Measure("brightness", 0.01, 0.35, 0.38, odd=-1)
MISSED = (date(2026, 11, 23), date(2026, 11, 24))

KINDS = {
    "clean": (
        with_totals(failed=0, flagged=0),
        "100 pictures came in and were scored; none wants a person and nothing is out of the"
        " ordinary.",
    ),
    "as most nights": (
        FACTS,
        "100 pictures came in and were scored except 2 that could not be read; 14 want a person,"
        " and nothing else is out of the ordinary.",
    ),
    "one picture": (
        with_totals(images=1, failed=0, flagged=1),
        "1 picture came in and was scored; 1 wants a person, and nothing else is out of the"
        " ordinary.",
    ),
    "dark": (
        with_measure(DARK),
        "100 pictures came in and were scored except 2 that could not be read, but they are darker"
        " than usual; 14 want a person.",
    ),
    "nothing new": (NOTHING, "Nothing new came in, so the results are as they were."),
    "an empty batch by hand": (
        ended("done", NOTHING, kind="manual", nights=(), reason="no images in the batch"),
        "There are no pictures in G1, so there was nothing to score.",
    ),
    "a share that is off": (
        replace(NOTHING, events=(Told("WARNING", "batches-gone", "", "no images where …: G1"),)),
        "Nothing came in, and a folder that had pictures has none: is a share off?",
    ),
    "half corrupt": (
        ended("failed", with_totals(failed=48, flagged=7), reason="48 of 100 images failed"),
        "48 of 100 pictures could not be read, too many for a good run; the other 52 were scored,"
        " and 7 want a person.",
    ),
    "all corrupt": (
        ended("failed", with_totals(failed=100, flagged=0)),
        "The run failed: none of 100 pictures could be read.",
    ),
    "missed": (
        ended("missed", NOTHING, nights=MISSED[:1]),
        "The run of Monday 23 November 2026 was missed: nothing was scored, and what came in is"
        " left for the next run.",
    ),
    "two missed": (
        ended("missed", NOTHING, nights=MISSED),
        "2 nights were missed, 23 Nov to Tuesday 24 November 2026: nothing was scored, and what"
        " came in then is left for the next run.",
    ),
    "no server": (
        ended("failed", NOTHING, reason="no server answers"),
        "The run failed and nothing was scored: what came in waits for the next run.",
    ),
    "failed in its midst": (
        ended("failed", with_totals(failed=0, flagged=0)),
        "The run failed after 100 pictures were scored.",
    ),
    "window over": (
        ended("partial", with_totals(failed=0, waiting=6800)),
        "The run ended before all was done: 100 pictures were scored, and 6,800 wait for the next"
        " run; 14 want a person.",
    ),
    "window over at once": (
        ended("partial", replace(NOTHING, totals=Totals(waiting=5))),
        "The run ended before anything was scored; 5 wait for the next run.",
    ),
    "the first": (
        replace(ended("done", with_totals(failed=0), earlier=0), nights=0),
        "The first run: 100 pictures came in and were scored; 14 want a person.",
    ),
    "by hand": (
        replace(ended("done", with_totals(failed=0), kind="manual", nights=()), nights=0),
        "100 pictures of G1 were scored by hand; 14 want a person.",
    ),
    "still being written": (
        replace(NOTHING, totals=Totals(waiting=3)),
        "Nothing was scored: 3 pictures were still being written and wait.",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_night_has_its_sentence(kind: str) -> None:
    facts, sentence = KINDS[kind]
    assert judge_run(facts).sentence == sentence


def test_digits_among_garments_are_told_by_the_models_own_word() -> None:
    model = replace(MODEL, totals=replace(TOTALS, flagged=33), strangers=30)
    facts = replace(FACTS, totals=replace(TOTALS, flagged=33), models=(model,))
    facts = with_measure(Measure("flagged", 0.33, 0.1, 0.2, odd=1), facts)
    facts = replace(facts, models=(replace(model, measures=facts.models[0].measures),))
    verdict = judge_run(facts)
    assert '33 want a person, far more than usual (30 of them as "not a garment?")' in (
        verdict.sentence
    )
    assert any("usually 10 to 20 %" in one for one in verdict.different)


def test_most_of_one_class_is_told_before_anybody_knows_what_is_usual() -> None:
    shares = ((0.9, 88), (0.06, 6), (0.04, 4))
    classes = tuple(
        replace(one, count=count, share=Measure(one.label, share))
        for one, (share, count) in zip(MODEL.classes, shares, strict=True)
    )
    facts = replace(FACTS, nights=0, models=(replace(MODEL, classes=classes),))
    assert "but 90 % of them are Trouser" in judge_run(facts).sentence


def test_more_of_a_class_than_usual_is_told() -> None:
    first = replace(MODEL.classes[0], share=Measure("Trouser", 0.5, 0.1, 0.2, odd=1))
    facts = replace(FACTS, models=(replace(MODEL, classes=(first, *MODEL.classes[1:])),))
    verdict = judge_run(facts)
    assert "there are more of Trouser than usual" in verdict.sentence
    assert verdict.different == ("Trouser: 50 % of the pictures, usually 10 to 20 %.",)


def test_nearly_nothing_but_one_class_explains_the_rest() -> None:
    first = replace(MODEL.classes[0], share=Measure("Trouser", 1.0, 0.1, 0.2, odd=1))
    emptier = Measure("foreground", 0.3, 0.5, 0.6, odd=-1)
    facts = with_measure(emptier, FACTS)
    model = replace(facts.models[0], classes=(first, *MODEL.classes[1:]))
    verdict = judge_run(replace(facts, models=(model,)))
    assert "but all of them are Trouser" in verdict.sentence
    assert verdict.different[0] == "Trouser: 100 % of the pictures, usually 10 to 20 %."


def test_what_the_pictures_look_like_comes_before_what_follows_from_it() -> None:
    measures = (
        DARK,
        Measure("confidence", 0.3, 0.9, 0.95, -1),
        Measure("contrast", 0, 0.3, 0.4, -1),
    )
    facts = replace(FACTS, models=(replace(MODEL, measures=measures),))
    verdict = judge_run(facts)
    assert "darker" in verdict.sentence
    assert "less sure" not in verdict.sentence
    assert "flatter" not in verdict.sentence
    assert len(verdict.different) == 3


def test_the_wrong_model_for_photographs_is_told_with_the_command() -> None:
    advice = "P1: 20 of 24 are no pictures; try python -m client.request P1 --model clothing"
    facts = replace(FACTS, batches=(replace(FACTS.batches[0], name="P1", advice=advice),))
    verdict = judge_run(facts)
    assert "those of P1 look like pictures for another model" in verdict.sentence
    assert verdict.different == (f"{advice}.",)


def test_few_nights_are_said_to_be_few() -> None:
    verdict = judge_run(replace(FACTS, nights=3))
    assert "out of the ordinary" not in verdict.sentence
    assert verdict.usual.startswith("Too few nights to know what is usual: 3 so far")


@pytest.mark.parametrize("kind", KINDS)
def test_a_sentence_is_one_sentence(kind: str) -> None:
    facts, _ = KINDS[kind]
    sentence = judge_run(facts).sentence
    assert sentence.endswith((".", "?"))
    assert ". " not in sentence
    assert sentence[0].isupper() or sentence[0].isdigit()


def test_the_reason_of_a_run_that_went_wrong_stands_below() -> None:
    facts = ended("failed", NOTHING, reason="no server answers at http://host:5000")
    assert judge_run(facts).why == "No server answers at http://host:5000"
    assert judge_run(NOTHING).why == ""


def test_titles_are_short() -> None:
    assert title(FACTS) == "Night of 25 Nov 2026"
    assert title(ended("missed", NOTHING, nights=MISSED)) == "Night of 23 Nov to 24 Nov 2026"
    assert title(ended("done", kind="manual", nights=())) == "By hand, 25 Nov 2026"


def test_a_model_that_scored_nothing_is_no_trouble() -> None:
    empty = ModelFacts("fashion", "v", Totals())
    assert judge_run(replace(FACTS, models=(empty,))).sentence


def test_a_night_that_failed_says_what_scores_it_after_all() -> None:
    (step,) = judge_run(ended("failed", NOTHING, reason="no server answers")).to_do
    assert step == f"Mend that and run {command('scheduler', '--once')}, or wait for the next run."
