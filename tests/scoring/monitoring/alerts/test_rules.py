from __future__ import annotations

from datetime import UTC, date, datetime
from typing import get_args

import pytest
from msgspec.structs import replace

from scoring.monitoring.alerts.rules import RULES, WELL, Night, Problem, Watched
from scoring.records.ledger import Run, RunSummary
from scoring.records.rows import State
from scoring.records.run_life import RunEnded
from scoring.settings import RuleName

NOW = datetime(2026, 11, 25, 18, 5, tzinfo=UTC)
DAY = date(2026, 11, 25)
RUN = Run("r1", "nightly", DAY, "new", ("G1",), "done", "", "fashion", "v1", NOW, NOW)
ROOM = 10**9


def night(
    state: State = "done",
    reason: str = "",
    *,
    images: int = 100,
    failed: int = 0,
    free: int | None = 2 * ROOM,
    watched: tuple[Watched, ...] = (),
) -> Night:
    run = replace(RUN, state=state, reason=reason)
    ended = RunEnded(run, RunSummary(images, failed, 3, 0.9), None, (DAY,))
    return Night(ended, 5.0, ROOM, free, watched)


def seen(
    drift: str | None = None, accuracy: str | None = None, retrain: str | None = None
) -> tuple[Watched, ...]:
    return (Watched(drift, accuracy, retrain),)


TROUBLES: list[tuple[RuleName, Night, str]] = [
    ("run-failed", night("failed", "no server"), "failed: no server"),
    ("run-failed", night("failed", "a\nb" * 400), "a\\nb"),
    ("run-partial", night("partial", "the window was over"), "not complete: the window was over"),
    ("run-missed", night("missed", "off"), "1 nightly run missed, 2026-11-25: off"),
    ("error-share", night(failed=6), "6 of 100 images (6 %) could not be read"),
    ("error-share", night("failed", failed=100), "100 of 100 images"),
    ("drift", night(watched=seen(drift="the light")), "the light"),
    ("low-accuracy", night(watched=seen(accuracy="80 %")), "80 %"),
    ("retrain-advised", night(watched=seen(retrain="2 of 3 nights")), "2 of 3 nights"),
    ("nothing-to-score", night(images=0), "found no new image"),
    ("disk-nearly-full", night(free=ROOM - 1), "only 1000 MB are free"),
]


@pytest.mark.parametrize(("rule", "found", "words"), TROUBLES)
def test_a_problem_says_what_happened_and_what_to_do(
    rule: RuleName, found: Night, words: str
) -> None:
    problem = RULES[rule].judge(found)
    assert isinstance(problem, Problem)
    assert words in problem.what
    assert "\n" not in problem.what + problem.to_do
    assert len(problem.what) < 600
    assert problem.to_do.endswith((".", "?"))


def test_each_model_that_is_to_be_retrained_is_named_in_its_command() -> None:
    watched = (
        Watched(retrain="2 of 3", model="shop"),
        Watched(retrain="", model="fashion"),
        Watched(retrain="2 of 3", model="digits"),
    )
    problem = RULES["retrain-advised"].judge(night(watched=watched))
    assert isinstance(problem, Problem)
    assert problem.to_do.count("fashion_model.retrain ") == 2
    assert "fashion_model.retrain shop and " in problem.to_do
    assert problem.to_do.endswith("fashion_model.retrain digits.")


@pytest.mark.parametrize("rule", RULES)
def test_a_good_night_is_well_by_every_rule(rule: RuleName) -> None:
    assert RULES[rule].judge(night(watched=seen(drift="", accuracy="", retrain=""))) is WELL


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("run-failed", night("partial")),
        ("run-partial", night("failed")),
        ("run-missed", night("partial")),
        ("error-share", night(images=0)),
        ("error-share", night("missed")),
        ("drift", night()),
        ("drift", night(watched=seen(accuracy="80 %"))),
        ("nothing-to-score", night("failed", images=0)),
        ("disk-nearly-full", night(free=None)),
    ],
)
def test_what_says_nothing_is_neither_a_problem_nor_well(rule: RuleName, found: Night) -> None:
    assert RULES[rule].judge(found) is None


def test_one_model_of_two_is_problem_enough() -> None:
    both = (Watched(drift=""), Watched(drift="the light"), Watched())
    found = RULES["drift"].judge(night(watched=both))
    assert isinstance(found, Problem)
    assert found.what == "the light"


def test_the_share_that_is_told_of_is_more_than_the_limit() -> None:
    assert RULES["error-share"].judge(night(failed=5)) is WELL


def test_every_rule_of_the_settings_is_judged_here_but_for_the_ledger() -> None:
    assert set(get_args(RuleName)) - set(RULES) == {"ledger-restored"}
