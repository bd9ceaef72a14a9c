"""The order of the queue: uncertain first, near-copies apart, audited ones not to be told."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from desk.queue import APART, Item, in_order, picture_id, picture_of
from scoring.protocol.errors import BadRequest
from scoring.records.reviews import PictureKey
from scoring.records.waiting import Candidate


def candidate(number: int, confidence: float | None = 0.5, **more: object) -> Candidate:
    key = PictureKey("G1", f"{number}.png", f"{number:064x}")
    said = Candidate(key, "v1", "fashion", "Coat", confidence, "low confidence", None, None, False)
    return replace(said, **more)


def sampled(number: int, **more: object) -> Candidate:
    return candidate(number, 0.99, flagged=None, sampled=True, **more)


def numbers(items: Sequence[Item]) -> list[int]:
    return [int(item.candidate.picture.path.removesuffix(".png")) for item in items]


def test_the_most_uncertain_comes_first_and_what_could_not_be_named_before_it() -> None:
    failed = candidate(1, None, label=None, error="too small", flagged=None)
    found = [candidate(4, 0.8), candidate(2, 0.1), failed, candidate(3, 0.4)]
    assert numbers(in_order((one, None) for one in found)) == [1, 2, 3, 4]


def test_the_order_does_not_change_when_pictures_are_judged_or_read_anew() -> None:
    found = [candidate(n, n / 100) for n in range(40)] + [sampled(n) for n in range(40, 80)]
    looks = {one.picture: random.Random(n % 7).getrandbits(64) for n, one in enumerate(found)}
    first = numbers(in_order((one, looks[one.picture]) for one in found))
    judged = [replace(one, verdict="label") if n % 3 else one for n, one in enumerate(found)]
    random.Random(1).shuffle(judged)
    assert numbers(in_order((one, looks[one.picture]) for one in judged)) == first


def test_the_audited_stand_among_the_flagged() -> None:
    """Everywhere, and not at the end, where their confidence would put them."""
    found = [candidate(n, n / 1000) for n in range(300)] + [sampled(n) for n in range(300, 600)]
    places = [place for place, number in enumerate(numbers(in_order((one, None) for one in found)))
              if number >= 300]  # fmt: skip
    # The mean of 300 places of 600, were they drawn by lot, lies within 300 ± 5 × 7.1.
    assert abs(sum(places) / len(places) - 300) < 36
    assert min(places) < 30
    assert max(places) > 570


def test_the_audited_stand_for_a_reason_of_the_flagged() -> None:
    found = [candidate(n, flagged="not a garment?; low confidence") for n in range(3)]
    found += [candidate(n, model_version="v2", flagged="not a digit?") for n in range(3, 6)]
    found += [sampled(n) for n in range(6, 26)]
    found += [sampled(n, model_version="v2") for n in range(26, 46)]
    found += [sampled(n, model_version="v3") for n in range(46, 66)]
    reasons = {
        number: item.reasons
        for item, number in ((one, int(one.candidate.picture.path[:-4])) for one in
                             in_order((one, None) for one in found))
    }  # fmt: skip
    assert {reasons[n] for n in range(6, 26)} == {("not a garment?", "low confidence")}
    assert {reasons[n] for n in range(26, 46)} == {("not a digit?",)}
    assert {reasons[n] for n in range(46, 66)} <= set(reasons.values())


def test_near_copies_are_apart_where_there_are_others() -> None:
    found = [(candidate(n, n / 100), (n // 10) * 0x1111_1111_1111_1111) for n in range(40)]
    shown = in_order(found)
    assert sorted(numbers(shown)) == list(range(40))
    looks = [item.near for item in shown]
    # Of four kinds, no more than four unlike ones can stand in a row.
    assert all(len(set(looks[place : place + 4])) == 4 for place in range(37))


def test_a_few_copies_among_many_are_as_far_apart_as_they_are_to_be() -> None:
    copies = {10, 11, 12, 30, 31}
    looks = {n: 5 if n in copies else random.Random(n).getrandbits(64) for n in range(60)}
    shown = numbers(in_order((candidate(n, n / 100), looks[n]) for n in range(60)))
    places = [place for place, number in enumerate(shown) if number in copies]
    assert all(later - earlier > APART for earlier, later in itertools.pairwise(places))


def test_unlike_pictures_stay_in_their_order() -> None:
    shown = in_order((candidate(n, n / 100), random.Random(n).getrandbits(64)) for n in range(50))
    assert numbers(shown) == list(range(50))


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(0, 1), st.booleans()), max_size=60))
def test_each_is_shown_once(pictures: list[tuple[int, float, bool]]) -> None:
    found = [
        (sampled(n) if drawn else candidate(n, confidence), look)
        for n, (look, confidence, drawn) in enumerate(pictures)
    ]
    assert sorted(numbers(in_order(found))) == list(range(len(pictures)))


@pytest.mark.parametrize("batch", ["G1", "a/b", 'q"u\no\r\n<b>', "衣", "\u202egnp", "=cmd"])
def test_a_picture_is_called_by_what_any_form_takes(batch: str) -> None:
    picture = PictureKey(batch, f"{batch} 1.png", "0" * 64)
    id_ = picture_id(picture)
    assert id_.replace("-", "").replace("_", "").replace("=", "").isalnum()
    assert picture_of(id_) == picture


@pytest.mark.parametrize(
    "id_", ["", "x", "eyJhIjoxfQ==", "WzEsMiwzXQ==", "WyJhIl0=", "é", "W10=", "/"]
)
def test_no_other_text_is_a_picture(id_: str) -> None:
    with pytest.raises(BadRequest):
        picture_of(id_)


def test_so_many_in_a_row_are_unlike_as_are_fetched_ahead() -> None:
    assert APART > 6
