"""What will be wanted of a run is found while it goes on, with not much more."""

from __future__ import annotations

import math
import random
from heapq import nsmallest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.likely_pictures import LikelyPictures, Lowest
from scoring.records.audit import rank
from scoring.records.rows import ScoredImage

RUN, BATCH = "2026-01-01T20:00:00", "G1"


def image(num: int, confidence: float, review: str | None = None) -> ScoredImage:
    return ScoredImage(num, f"{num}.jpg", f"hash {num}", "Bag", confidence, review)


@given(st.lists(st.floats(0, 1), unique=True), st.integers(0, 30))
def test_the_lowest_of_all_were_among_the_lowest_when_they_came(
    numbers: list[float], count: int
) -> None:
    lowest = Lowest(count)
    taken = {number for number in numbers if lowest.takes(number)}
    assert taken >= set(nsmallest(count, numbers))
    assert count or not taken


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), unique_by=lambda one: one[0]),
    st.integers(0, 20),
    st.integers(0, 20),
    st.integers(1, 7),
)
def test_whoever_is_drawn_or_least_certain_in_the_end_was_found(
    found: list[tuple[float, bool]], audit: int, uncertain: int, chunk: int
) -> None:
    images = [
        image(num, confidence, "low confidence" if is_flagged else None)
        for num, (confidence, is_flagged) in enumerate(found)
    ]
    likely = LikelyPictures(audit, uncertain)
    numbers: set[int] = set()
    for start in range(0, len(images), chunk):
        numbers |= likely.among(RUN, BATCH, images[start : start + chunk])
    least = nsmallest(uncertain, images, key=lambda one: one.confidence or 0.0)
    drawn = nsmallest(
        audit,
        (one for one in images if one.review is None),
        key=lambda one: rank(RUN, BATCH, one.path),
    )
    assert numbers >= {one.num for one in (*least, *drawn)}


def test_of_a_large_run_few_more_are_found_than_are_wanted() -> None:
    likely, order = LikelyPictures(60, 20), random.Random(1)
    images = [image(num, order.random()) for num in range(20_000)]
    found = likely.among(RUN, BATCH, images)
    expected = sum(n * (1 + math.log(20_000 / n)) for n in (60, 20))
    assert len(found) == pytest.approx(expected, rel=0.2)
