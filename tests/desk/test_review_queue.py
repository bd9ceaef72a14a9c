"""Who gets which pictures: each is before one person, and goes when it is judged."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from desk.queue import picture_id
from desk.review_queue import LOOK_AGAIN_SECONDS, Ask, ReviewQueue
from scoring.records.labels import Labels
from scoring.records.ledger import Ledger
from scoring.settings import Settings
from tests.desk.test_leases import Clock
from tests.desk.waiting_pictures import DIGITS, NOW, Picture, add_run, drawn, flagged, key_of

ANA, BEN = Ask("ana", "1", wanted=3), Ask("ben", "1", wanted=3)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    """Return a ledger where ten pictures wait, the first one the most uncertain."""
    add_run(settings, [flagged(n, n / 100) for n in range(10)])
    with Ledger.from_settings(settings) as ledger:
        yield ledger


@pytest.fixture
def queue(ledger: Ledger, clock: Clock) -> ReviewQueue:
    queue = ReviewQueue(120, clock)
    look(queue, ledger)
    return queue


def look(queue: ReviewQueue, ledger: Ledger) -> None:
    queue.look(ledger, NOW, lambda _: 0)


def taken(queue: ReviewQueue, ask: Ask) -> list[str]:
    return [item.candidate.picture.path[8:-4] for item in queue.take(ask)]


def say(ledger: Ledger, number: int, reviewer: str = "Ana") -> int:
    return Labels(ledger).add(
        key_of(flagged(number)), "label", "Bag", reviewer=reviewer, source="desk", seconds=2.0
    ).id  # fmt: skip


def test_two_people_never_have_the_same_picture(queue: ReviewQueue) -> None:
    assert taken(queue, ANA) == ["0", "1", "2"]
    assert taken(queue, BEN) == ["3", "4", "5"]
    assert taken(queue, ANA) == ["0", "1", "2"], "a reload shows the same again"
    assert queue.left(ANA) == 10


def test_what_is_judged_goes_and_what_is_undone_comes_back(
    queue: ReviewQueue, ledger: Ledger
) -> None:
    taken(queue, ANA)
    said = say(ledger, 1)
    queue.follow(ledger)
    assert taken(queue, ANA) == ["0", "2", "3"]
    assert queue.left(ANA) == 9
    Labels(ledger).undo(said, "Ana")
    queue.follow(ledger)
    assert "1" in taken(queue, Ask("ana", "1", wanted=9))


def test_who_is_away_for_too_long_loses_his_pictures_to_others(
    queue: ReviewQueue, clock: Clock
) -> None:
    taken(queue, ANA)
    clock.now += 121
    assert taken(queue, BEN) == ["0", "1", "2"]
    assert taken(queue, ANA) == ["3", "4", "5"]


def test_a_page_that_was_left_frees_its_pictures_at_once(queue: ReviewQueue) -> None:
    taken(queue, ANA)
    queue.leave("ana", "1")
    assert taken(queue, BEN) == ["0", "1", "2"]


def test_a_desk_that_was_started_again_gives_a_page_what_it_holds(
    queue: ReviewQueue, ledger: Ledger
) -> None:
    """Its leases are gone; whoever asks first gets the others."""
    again = ReviewQueue(120)
    look(again, ledger)
    held = tuple(picture_id(key_of(flagged(n))) for n in (4, 5, 6))
    assert taken(again, Ask("ana", "1", wanted=3, holding=held)) == ["4", "5", "6"]
    assert taken(again, BEN) == ["0", "1", "2"]
    assert taken(again, Ask("ben", "1", wanted=4, holding=held)) == ["0", "1", "2", "3"]


def test_what_is_put_off_comes_last_for_everybody(queue: ReviewQueue, ledger: Ledger) -> None:
    taken(queue, ANA)
    for number in (1, 0):
        queue.put_off(picture_id(key_of(flagged(number))), "ana")
    assert taken(queue, Ask("ana", "1", wanted=9)) == [*"23456789", "1"]
    assert taken(queue, BEN) == ["0"]
    say(ledger, 1)
    queue.follow(ledger)
    assert queue.left(ANA) == 9


def test_only_some_of_them(settings: Settings, ledger: Ledger, queue: ReviewQueue) -> None:
    digits = [Picture("d.png", label="7", review="not a digit?"), drawn(1)]
    add_run(settings, digits, batch="D1", model=DIGITS)
    look(queue, ledger)
    assert queue.batches(ANA) == {"G1": 10, "D1": 2}
    assert queue.left(Ask("ana", "1", batch="D1")) == 2
    assert queue.left(Ask("ana", "1", reason="not a digit?")) == 2, "the drawn one among them"
    assert queue.left(Ask("ana", "1", part="flagged")) == 11
    assert queue.left(Ask("ana", "1", part="audit")) == 1
    assert queue.reasons(Ask("ana", "1", batch="D1")) == {"not a digit?": 2}
    assert queue.labels(Ask("ana", "1", part="flagged")) == {"Coat": 10, "7": 1}
    of_label = Ask("ana", "1", part="flagged").of_label("7", 5)
    assert [item.candidate.picture.path for item in queue.take(of_label)] == ["d.png"]


def test_what_failed_and_left_no_picture_is_nothing_to_look_at(
    settings: Settings, ledger: Ledger, queue: ReviewQueue
) -> None:
    failed = Picture("failed.png", error="it is cut off")
    add_run(settings, [failed], batch="F1")
    queue.look(ledger, NOW, lambda _: None)
    assert queue.left(Ask("ana", "1", batch="F1")) == 0
    assert queue.left(ANA) == 10, "what was flagged waits all the same"


def test_a_new_run_is_seen_and_pictures_that_are_kept_a_little_later(
    settings: Settings, ledger: Ledger, queue: ReviewQueue, clock: Clock
) -> None:
    add_run(settings, [Picture("failed.png", error="too dark")], batch="F1")
    asked: list[str] = []
    queue.look(ledger, NOW, lambda hash_: asked.append(hash_))
    assert len(asked) == 1, "what is known of a picture is not asked again"
    queue.look(ledger, NOW, lambda _: pytest.fail("nothing has changed"))
    clock.now += LOOK_AGAIN_SECONDS + 1
    queue.look(ledger, NOW, lambda _: 7)
    assert queue.batches(ANA) == {"G1": 10, "F1": 1}


def test_what_is_said_while_the_pictures_are_read_counts(
    settings: Settings, ledger: Ledger, queue: ReviewQueue
) -> None:
    add_run(settings, [Picture("new.png")], batch="N1")

    def slow(_: str) -> int:
        """Somebody answers, and his answer is noted, between the reading and its end."""
        say(ledger, 1)
        queue.follow(ledger)
        undone = say(ledger, 2)
        queue.follow(ledger)
        Labels(ledger).undo(undone, "Ana")
        queue.follow(ledger)
        queue.look(ledger, NOW, lambda _: pytest.fail("one reads at a time"))
        return 7

    queue.look(ledger, NOW, slow)
    left = taken(queue, Ask("ana", "1", batch="G1", wanted=20))
    assert left == [*"023456789"]
    everybody = queue.thinking_time.of_all()
    assert everybody is not None
    assert everybody.count == 2, "each decision is counted once"


def test_times_are_those_of_the_ledger_and_of_each_new_decision(
    queue: ReviewQueue, ledger: Ledger
) -> None:
    say(ledger, 1)
    queue.follow(ledger)
    again = ReviewQueue(120)
    look(again, ledger)
    say(ledger, 2, reviewer="Ben")
    again.follow(ledger)
    assert again.thinking_time.of("Ana") is not None
    everybody = again.thinking_time.of_all()
    assert everybody is not None
    assert everybody.count == 2
