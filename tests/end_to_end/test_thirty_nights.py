"""Thirty nights: clean ones, two shifts, a dead mail server, a promotion and a rollback.

The report of each says the truth about it, and whoever is to be told is told once. Server, model,
client, ledger, report, sender and receivers are real; the pictures are drawn, and time is played.
Run it with -s to read the story.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from fashion_model import retrain
from fashion_model.dataset.readers import LabelledImages
from fashion_model.shifts import mixed_in, shifted
from scoring.monitoring.e_process import CLEAN_NIGHTS
from scoring.monitoring.words import percent, short_day
from scoring.records import run_life
from scoring.settings import load_settings
from tests.end_to_end.drawn_shop import digits, garments, write_bundle
from tests.end_to_end.month import NOT_A_GARMENT, Evening, Month, Told, table
from tests.receivers import http_receiver, smtp_receiver
from tests.scoring.monitoring.nights import NightSettings

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]

IMAGES = 200
BLURRED = range(6, 10)
PROMOTED, ROLLED_BACK = 14, 25  # before the run of that night
WITH_DIGITS = range(17, 21)
MAIL_IS_DEAD = range(16, 19)
NIGHTS = range(1, 31)
WELL = "Well again: no drift is seen any more"
SURE = "Well again: confidence is above its thresholds"


def pictures(night: int, random: np.random.Generator) -> tuple[str, LabelledImages]:
    """Draw what comes in one night."""
    usual = garments(IMAGES, random)
    if night in BLURRED:
        return "blurred", LabelledImages(shifted(usual.images, "blur", 2, random), usual.labels)
    if night in WITH_DIGITS:
        which = mixed_in(IMAGES, 3, random)
        usual.images[which] = digits(int(which.sum()), random)
        return "digits mixed in", LabelledImages(
            usual.images, np.where(which, NOT_A_GARMENT, usual.labels)
        )
    return "clean", usual


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    folder = tmp_path_factory.mktemp("month")
    random = np.random.default_rng(20)
    bundle = write_bundle(folder / "fashion", random)
    with (
        pytest.MonkeyPatch.context() as patch,
        smtp_receiver() as mail,
        http_receiver() as hook,
        http_receiver() as heartbeat,
    ):
        project = folder / "project"
        (project / "image_batches").mkdir(parents=True)
        patch.setenv("SCORING_PROJECT", str(project))
        patch.setenv("SCORING_SERVER__MODELS", json.dumps([str(bundle.folder)]))
        patch.setenv("SCORING_SCHEDULE__ZONE", "UTC")
        patch.setenv("SCORING_SCHEDULE__SETTLE_SECONDS", "0")
        patch.setenv("SCORING_ALERTS__URLS", json.dumps({"mail": mail.mail, "hook": hook.webhook}))
        # How long a picture takes is measured elsewhere: this machine may be busy.
        patch.setenv("SCORING_RETRAIN__SLOWER", "20")
        patch.setenv("SCORING_ALERTS__HEARTBEAT", heartbeat.heartbeat)
        # What people are asked to judge is drawn by it: the same story every time.
        patch.setattr(run_life, "new_run_id", lambda now: f"{now:%Y%m%d}-180500-0000")
        settings = NightSettings(**load_settings().as_table())
        lived = Month(settings, mail, hook, heartbeat)
        for night in NIGHTS:
            mail.answer = "dead" if night in MAIL_IS_DEAD else 200
            if night == PROMOTED:
                assert retrain.main([]) == 0
                assert retrain.main(["--promote"]) == 0
            if night == ROLLED_BACK:
                assert retrain.main(["--rollback"]) == 0
            lived.live(*pictures(night, random))
        sys.stdout.write("\n" + "\n".join(table(lived.evenings)) + "\n")
        yield lived


def of(month: Month, nights: Iterable[int]) -> list[Evening]:
    return [month.evenings[night - 1] for night in nights]


def alarmed(first: range) -> range:
    """Return the nights of a shift and those clean ones until its alarm is over."""
    return range(first.start, first.stop + CLEAN_NIGHTS - 1)


ALARMED = {*alarmed(BLURRED), *alarmed(WITH_DIGITS)}
# Two of three nights below; over with the third one in a row that is not.
ADVISED = {night for night in ALARMED if night - 1 in ALARMED}
RETRAINED = range(PROMOTED, ROLLED_BACK)


def test_every_night_is_done_whatever_becomes_of_its_messages(month: Month) -> None:
    assert [one.run.state for one in month.evenings] == ["done"] * len(NIGHTS)
    assert {one.estimate["images"] for one in month.evenings} == {IMAGES}
    events = (month.settings.logs_folder / "Events-log.txt").read_text("utf-8")
    assert not re.findall(", ERROR, .*", events)
    assert (
        len(re.findall("alert-not-sent, .* by mail: the mail server does not answer", events)) == 2
    )


def test_an_estimate_is_valid_where_it_is_true_and_nowhere_else(month: Month) -> None:
    unsure = {one.number for one in month.evenings if not one.estimate["valid"]}
    assert unsure >= ALARMED
    # One night in twenty may be called so by chance.
    assert len(unsure - ALARMED) <= 2
    valid = [one for one in month.evenings if one.estimate["valid"]]
    inside = [one.estimate["low"] <= one.right <= one.estimate["high"] for one in valid]
    assert sum(inside) >= len(valid) - 2
    errors = [one.estimate["value"] - one.right for one in valid]
    assert abs(np.mean(errors)) < 0.01
    # What people judged of the nights before corrects it, of nights like this one.
    combined = [one.facts["combined"] - one.right for one in valid if one.facts["combined"]]
    assert len(combined) >= 15
    assert abs(np.mean(combined)) < 0.01
    assert max(map(abs, combined)) < 0.1


def test_what_is_shown_costs_the_model_as_much_as_the_story_says(month: Month) -> None:
    usual = [one.right for one in month.evenings if one.what == "clean"]
    assert min(usual) > 0.9
    assert max(one.right for one in of(month, [*BLURRED, *WITH_DIGITS])) < min(usual) - 0.02
    assert max(one.right for one in of(month, WITH_DIGITS)) < 0.8


def test_alarms_are_raised_on_the_first_night_and_stand_until_clean_nights(month: Month) -> None:
    assert {one.number for one in month.evenings if one.alarms} == ALARMED
    for shift in (BLURRED, WITH_DIGITS):
        first = of(month, shift)[0]
        for one in of(month, alarmed(shift)):
            since = {one.facts["drift"][name]["since"] for name in one.alarms}
            assert first.run.id in since
    assert {one.number for one in month.evenings if one.advised} == ADVISED


@pytest.mark.parametrize("night", NIGHTS)
def test_the_report_of_a_night_says_the_truth_about_it(month: Month, night: int) -> None:
    one = month.evenings[night - 1]
    for said in (one.text, one.page):
        right = f"By its own confidence {percent(one.estimate['value'])} of tonight's answers are"
        assert (right in said) is one.estimate["valid"]
        why = "How right tonight's answers are cannot be estimated: the images are not those the"
        assert (why in said) is not one.estimate["valid"]
        assert ("probably right not known" in said) is not one.estimate["valid"]
        assert ("Retraining is advised." in said) is (night in ADVISED)
        calm = "nothing else is out of the ordinary" in said or "Nothing: all is as it" in said
        assert not (calm and night in {*ALARMED, PROMOTED, ROLLED_BACK})
    for shift in (BLURRED, WITH_DIGITS):
        began = of(month, shift)[0].run.due_date
        assert began
        since = f"Unlike what the model was tested with since {short_day(began)}"
        assert (since in one.text) is (night in alarmed(shift))
    if night in ALARMED - {*BLURRED, *WITH_DIGITS}:
        assert re.search(r"The alarm of \d+ \w+ stands until 3 nights in a row are like", one.text)


@pytest.mark.parametrize("night", NIGHTS)
def test_the_report_says_which_version_answered(month: Month, night: int) -> None:
    one, before = month.evenings[night - 1], month.evenings[max(night - 2, 0)]
    shipped = month.evenings[0].version
    assert (one.version != shipped) is (night in RETRAINED)
    assert f"fashion {one.version[:12]}" in one.text
    changed = (
        f"Another version of fashion answered than before: {one.version[:12]} in the place of"
        f" {before.version[:12]} ({'promoted' if night == PROMOTED else 'rolled back'} by "
    )
    assert (changed in one.text) is (night in {PROMOTED, ROLLED_BACK})
    assert ("Another version of" in one.page) is (night in {PROMOTED, ROLLED_BACK})


def test_whoever_is_to_be_told_is_told_once(month: Month) -> None:
    blurred, digits_ = BLURRED.start, WITH_DIGITS.start
    expected = [
        *[(blurred, "The pictures are unlike"), (blurred + 1, "Retraining fashion is advised")],
        *[(alarmed(BLURRED).stop, WELL), (alarmed(BLURRED).stop, SURE)],
        *[(digits_, "The pictures are unlike"), (digits_ + 1, "Retraining fashion is advised")],
        *[(alarmed(WITH_DIGITS).stop, WELL), (alarmed(WITH_DIGITS).stop, SURE)],
    ]
    assert_told(month, "hook", expected)
    # What the dead server did not take came when it was back, and nothing came twice.
    late = [(max(night, MAIL_IS_DEAD.stop) if night in MAIL_IS_DEAD else night, title)
            for night, title in expected]  # fmt: skip
    assert_told(month, "mail", late)
    assert [told.night for told in told_by(month, "heartbeat")] == list(NIGHTS)


def assert_told(month: Month, channel: str, expected: list[tuple[int, str]]) -> None:
    came = told_by(month, channel)
    assert [one.night for one in came] == [night for night, _ in expected]
    for one, (_, title) in zip(came, expected, strict=True):
        assert one.title.startswith(title)


def told_by(month: Month, channel: str) -> list[Told]:
    return [told for one in month.evenings for told in one.told if told.channel == channel]


def test_the_metrics_log_says_the_same_of_each_night(month: Month) -> None:
    text = (month.settings.logs_folder / "Metrics-log.csv").read_text("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    valid = ["yes" if one.estimate["valid"] else "no" for one in month.evenings]
    assert [row["Estimate valid"] for row in rows] == valid
    assert [row["Model version"] for row in rows] == [one.version[:12] for one in month.evenings]
    # The last night has not been judged when the log was written.
    for row, one in zip(rows[:-1], month.evenings, strict=False):
        if one.version == month.evenings[-1].version:
            assert abs(float(row["Audited accuracy %"]) - 100 * one.right) < 4
