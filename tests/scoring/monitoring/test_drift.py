import numpy as np
import pytest
from msgspec.structs import replace

from scoring.monitoring.drift import (
    ANSWERS,
    FEWEST_IMAGES,
    PICTURES,
    STRANGE,
    STRANGE_MARGIN,
    STRANGEST,
    TESTS,
    look,
    more_than,
    most_wrong,
)
from tests.scoring.monitoring.population import CLASSES, night_of, population

REFERENCE = population(4_000, seed=1)
STRANGE_ABOVE = float(np.quantile(REFERENCE.outlier_score, 0.95))
ONE_CLASS = np.eye(CLASSES)


@pytest.mark.parametrize("images", [0, 1, FEWEST_IMAGES - 1])
def test_too_few_images_say_nothing(images: int) -> None:
    seen = look(REFERENCE, night_of(population(max(images, 1), 2).take(np.arange(images))), 3.0)

    assert seen.tests == {}
    assert seen.smallest_p() == 1.0


def test_p_values_of_nights_like_the_reference_are_no_smaller_than_chance_makes_them() -> None:
    nights = [look(REFERENCE, night_of(population(100, 10 + n)), STRANGE_ABOVE) for n in range(200)]

    for name in TESTS:
        found = np.array([night.tests[name].p for night in nights])
        for level in (0.3, 0.1, 0.02):
            assert (found <= level).mean() <= level + 0.02


@pytest.mark.parametrize("mix", [*ONE_CLASS, np.array([0.5, 0.3, 0.1, 0.05, 0.05])])
def test_another_mix_of_classes_is_no_drift(mix: np.ndarray) -> None:
    nights = [look(REFERENCE, night_of(population(1_000, 60 + n, mix)), 4.0) for n in range(20)]

    # The seldom wrong answers of a class that is nearly alone are as they are in the reference.
    assert min(night.smallest_p() for night in nights) > 0.02
    assert all(night.mix.chance < 1e-9 for night in nights)
    assert all(night.mix.rise > 0.2 for night in nights)


def test_the_usual_mix_is_no_other() -> None:
    nights = [look(REFERENCE, night_of(population(100, 80 + n)), 4.0) for n in range(100)]

    assert np.mean([night.mix.chance < 0.1 for night in nights]) <= 0.1


@pytest.mark.parametrize("name", [*ANSWERS, *PICTURES])
@pytest.mark.parametrize("change", ["larger", "smaller", "spread", "crowded", "constant"])
def test_what_changes_within_the_answers_is_found(name: str, change: str) -> None:
    images = population(1_000, 3)
    values = getattr(images, name).astype(np.float64)
    middle = np.array([np.median(values[images.predicted == k]) for k in range(CLASSES)])[
        images.predicted
    ]
    deviation = values.std()
    changed = {
        "larger": values + deviation / 2,
        "smaller": values - deviation / 2,
        "spread": middle + 3.0 * (values - middle),
        "crowded": middle + 0.3 * (values - middle),
        "constant": np.full(len(values), values.min()),
    }[change]

    seen = look(REFERENCE, night_of(images, **{name: changed}), STRANGE_ABOVE)

    assert seen.tests[name].p < 1e-6
    assert abs(seen.tests[name].shift) > seen.tests[name].tolerated
    strange = {STRANGE, STRANGEST} if name == "outlier_score" else set()
    others = set(TESTS) - {name} - strange
    assert seen.smallest_p(others) > 0.1


def test_more_strange_ones_are_found_whatever_else_they_are() -> None:
    images = population(1_000, 4)
    strange = images.outlier_score.astype(np.float64)
    strange[::10] = STRANGE_ABOVE + 1.0

    seen = look(REFERENCE, night_of(images, outlier_score=strange), STRANGE_ABOVE)

    assert seen.tests[STRANGE].p < 1e-4
    assert seen.tests[STRANGE].shift == pytest.approx(0.1, abs=0.03)


def test_a_few_more_strange_ones_are_tolerated() -> None:
    assert more_than(0.05 + STRANGE_MARGIN, 0.05 + STRANGE_MARGIN, 10_000) == 1.0
    assert more_than(1.0, 0.5, 10) == pytest.approx(0.5**10)
    assert more_than(0.5, 0.0, 10) == 1.0


@pytest.mark.parametrize("seed", range(8))
def test_a_small_reference_tolerates_its_own_errors(seed: int) -> None:
    small = population(200, 500 + seed)

    seen = look(small, night_of(population(10_000, 600 + seed)), 4.0)

    assert seen.smallest_p() > 0.01
    assert seen.tests["confidence"].tolerated > 0.2


def test_images_of_one_person_count_for_less() -> None:
    people = population(3_000, 7, group_size=30, alike=0.5)
    each_its_own = replace(people, group=np.arange(3_000, dtype=np.uint32))
    tonight = night_of(population(300, 8, group_size=30, alike=0.5))

    by_person, by_image = (look(one, tonight, 4.0) for one in (people, each_its_own))

    for name in PICTURES:
        assert by_person.tests[name].tolerated > 1.3 * by_image.tests[name].tolerated
    assert by_person.smallest_p() > 0.2
    assert by_image.smallest_p(PICTURES) < by_person.smallest_p(PICTURES)


def test_answers_that_the_reference_hardly_has_are_left_out_and_counted() -> None:
    without = REFERENCE.take((REFERENCE.predicted != 4) & (REFERENCE.truth != 4))
    tonight = night_of(population(500, 9))

    seen = look(without, tonight, 4.0)

    assert seen.left_out == (tonight.predicted == 4).sum() > 0
    assert seen.images + seen.left_out == 500
    assert seen.mix.most == 4


def test_figures_that_the_ledger_does_not_have_are_passed_over() -> None:
    images = population(500, 11)
    some = images.brightness.astype(np.float64)
    some[::2] = np.nan

    seen = look(REFERENCE, night_of(images, brightness=some, contrast=np.full(500, np.nan)), 4.0)

    assert "contrast" not in seen.tests
    assert seen.tests["brightness"].p > 0.2
    assert np.isfinite([seen.tests["brightness"].shift, seen.smallest_p()]).all()


def test_a_reference_of_one_constant_figure_does_not_stop_anything() -> None:
    flat = replace(REFERENCE, foreground=np.ones(len(REFERENCE), np.float32))

    same = look(flat, night_of(population(300, 12), foreground=np.ones(300)), 4.0)
    other = look(flat, night_of(population(300, 12), foreground=np.full(300, 0.5)), 4.0)

    assert same.tests["foreground"].p == 1.0
    assert other.tests["foreground"].p < 1e-6


def test_a_large_night_is_looked_at_in_part() -> None:
    seen = look(REFERENCE, night_of(population(50_000, 13)), STRANGE_ABOVE)

    assert seen.images == 20_000
    assert seen.smallest_p() > 0.05


@pytest.mark.parametrize("images", [100, 300, 1_000])
def test_clean_nights_have_no_part_that_is_apart(images: int) -> None:
    nights = [
        look(REFERENCE, night_of(population(images, 700 + n)), STRANGE_ABOVE) for n in range(100)
    ]

    assert np.mean([night.apart > 0.0 for night in nights]) <= 0.06


@pytest.mark.parametrize("images", [100, 300])
def test_clean_nights_of_a_model_that_was_taught_from_few_have_none_either(images: int) -> None:
    found = []
    for seed in range(20):
        few = population(120, 2_000 + seed)
        nights = [night_of(population(images, 3_000 + 10 * seed + n)) for n in range(10)]
        found += [look(few, night, STRANGE_ABOVE).apart > 0.0 for night in nights]

    assert np.mean(found) <= 0.06


def test_a_tenth_that_is_another_thing_is_apart_though_the_model_calls_it_usual() -> None:
    images = population(1_000, 14)
    strange = images.outlier_score.astype(np.float64)
    odd = np.arange(1_000) % 10 == 0
    strange[odd] = images.truth[odd] + 2.5
    all_a_little = images.outlier_score + 0.5

    some, everybody = (
        look(REFERENCE, night_of(images, outlier_score=score.astype(np.float64)), 100.0)
        for score in (strange, all_a_little)
    )

    assert some.tests[STRANGE].p == 1.0
    assert some.tests[STRANGEST].p < 1e-3
    assert some.tests[STRANGEST].shift > 0.05
    assert abs(some.tests["outlier_score"].shift) < 0.3
    assert some.apart > 0.015
    assert everybody.tests["outlier_score"].shift > 0.3
    assert everybody.apart < 0.0


def test_nothing_is_apart_of_what_has_no_score() -> None:
    none = np.full(500, np.nan)

    assert look(REFERENCE, night_of(population(500, 15), outlier_score=none), 4.0).apart == 0.0


def test_as_many_may_be_wrong_as_a_reference_of_that_size_can_tell() -> None:
    many = population(20_000, 14)
    share = float((~many.right[~many.flagged]).mean())

    assert share < most_wrong(many) < 1.1 * share
    assert 1.1 * share < most_wrong(many.take(np.arange(200))) < 3.0 * share
    alike = replace(REFERENCE, group=np.repeat(np.arange(400, dtype=np.uint32), 10))
    assert most_wrong(alike) >= most_wrong(REFERENCE)
    assert most_wrong(replace(REFERENCE, flagged=np.ones(len(REFERENCE), np.bool_))) == 1.0
