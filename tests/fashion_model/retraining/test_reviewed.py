"""What people said becomes classes and weights; what teaches nothing is left out and counted."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import numpy as np

from fashion_model.dataset.readers import LabelledImages
from fashion_model.proof.lived_nights import Night, score_night
from fashion_model.retraining.reviewed import (
    HELD_OUT_SHARE,
    MOST_WEIGHT,
    ReviewedPictures,
    bounded,
    read_reviewed,
)
from scoring.inference.bundle import load_bundle
from scoring.protocol.signature import Signature
from scoring.records.labels import Labels, PictureKey, Verdict
from scoring.records.ledger import Ledger
from scoring.records.ledger_reader import LedgerReader
from scoring.records.picture_store import PictureStore
from scoring.settings import Settings
from tests.fashion_model.retraining.conftest import STARTED, any_garments

BUNDLE = "fashion"


def night(settings: Settings, model: Path, count: int = 200, number: int = 0) -> Night:
    images = LabelledImages(any_garments(count, number), np.zeros(count, np.int64))
    return score_night(settings, load_bundle(model), images, STARTED + timedelta(number))


def read(settings: Settings, model: Path) -> ReviewedPictures:
    with closing(LedgerReader.from_settings(settings)) as ledger:
        with PictureStore.from_settings(settings) as store:
            return read_reviewed(ledger, store, signature(model))


def signature(model: Path) -> Signature:
    return load_bundle(model).signature


def say(settings: Settings, picture: PictureKey, answer: str, expected: int | None = None) -> None:
    with closing(Ledger.from_settings(settings)) as ledger:
        verdict: Verdict = "label"
        if answer == "not a garment":
            verdict = "not a garment"
        elif answer == "cannot tell":
            verdict = "cannot tell"
        label = answer if verdict == "label" else None
        Labels(ledger).add(
            picture, verdict, label, reviewer="anna", source="desk", expected=expected
        )


def test_the_label_of_a_picture_counts(settings: Settings, model: Path) -> None:
    lived = night(settings, model)
    place = int(lived.judged[0])
    say(settings, lived.keys[place], "Bag")
    found = read(settings, model)
    assert found.labels.tolist() == [signature(model).labels.index("Bag")]
    assert found.hashes == (lived.keys[place].content_hash,)
    assert found.left_out == {}


def test_no_class_is_kept_for_strangers_and_who_cannot_tell_is_counted(
    settings: Settings, model: Path
) -> None:
    lived = night(settings, model)
    one, two, three, _ = (lived.keys[place] for place in lived.judged[:4])
    say(settings, one, "not a garment")
    say(settings, two, "cannot tell")
    say(settings, three, "Coat")
    found = read(settings, model)
    assert sorted(found.has_class.tolist()) == [False, True]
    assert found.left_out == {"nobody can tell": 1}


def test_an_undone_review_is_none_and_the_last_one_counts(settings: Settings, model: Path) -> None:
    lived = night(settings, model)
    first, second = (lived.keys[place] for place in lived.judged[:2])
    say(settings, first, "Coat")
    say(settings, second, "Coat")
    with closing(Ledger.from_settings(settings)) as ledger:
        labels = Labels(ledger)
        standing = [labels.current(one) for one in (first, second)]
        assert standing[0] is not None
        labels.undo(standing[0].id, "anna")
    assert standing[1] is not None
    say(settings, second, "Dress", expected=standing[1].id)
    found = read(settings, model)
    assert [signature(model).labels[label] for label in found.labels] == ["Dress"]


def test_a_drawn_picture_stands_for_those_that_were_not(settings: Settings, model: Path) -> None:
    lived = night(settings, model, 600)
    unflagged = int((~lived.flagged).sum())
    drawn = [place for place in lived.judged if not lived.flagged[place]]
    flagged = [place for place in lived.judged if lived.flagged[place]]
    assert len(drawn) == 60 < unflagged
    assert len(flagged) > 10
    for place in (drawn[0], *flagged[:5]):
        say(settings, lived.keys[place], "Coat")
    found = read(settings, model)
    weights = dict(zip(found.hashes, found.weights, strict=True))
    assert np.isclose(weights[lived.keys[drawn[0]].content_hash], unflagged / 60)
    of_flagged = [weights[lived.keys[place].content_hash] for place in flagged[:5]]
    assert np.allclose(of_flagged, len(flagged) / 5)


def test_one_picture_in_two_batches_counts_once_or_not_at_all(
    settings: Settings, model: Path
) -> None:
    images = LabelledImages(any_garments(30, 0), np.zeros(30, np.int64))
    nights = [
        score_night(settings, load_bundle(model), images, STARTED + timedelta(day))
        for day in range(2)
    ]
    first, second = (int(place) for place in nights[0].judged[:2])
    for lived, label in zip(nights, ("Coat", "Dress"), strict=True):
        say(settings, lived.keys[first], "Coat")
        say(settings, lived.keys[second], label)
    found = read(settings, model)
    assert found.hashes == (nights[0].keys[first].content_hash,)
    assert found.left_out == {"named differently in two places": 2}


def test_another_models_pictures_are_none_of_its(settings: Settings, model: Path) -> None:
    lived = night(settings, model)
    say(settings, lived.keys[int(lived.judged[0])], "Coat")
    other = signature(model).renewed(name="other")
    with closing(LedgerReader.from_settings(settings)) as ledger:
        with PictureStore.from_settings(settings) as store:
            assert len(read_reviewed(ledger, store, other)) == 0


def test_a_picture_whose_pixels_are_gone_is_counted(settings: Settings, model: Path) -> None:
    lived = night(settings, model)
    key = lived.keys[int(lived.judged[0])]
    say(settings, key, "Coat")
    with PictureStore.from_settings(settings) as store:
        store.forget(key.content_hash)
    found = read(settings, model)
    assert len(found) == 0
    assert found.left_out == {"no pixels are kept of them": 1}


def test_near_copies_are_on_one_side_and_the_sides_stay(settings: Settings, model: Path) -> None:
    images = any_garments(60, 0)
    brighter = np.minimum(images + 1, 255).astype(np.uint8)
    both = LabelledImages(np.concatenate([images, brighter]), np.zeros(120, np.int64))
    lived = score_night(settings, load_bundle(model), both, STARTED)
    for place in lived.judged:
        say(settings, lived.keys[place], "Coat")
    found = read(settings, model)
    sides = dict(zip(found.hashes, found.held_out.tolist(), strict=True))
    hashes = [key.content_hash for key in lived.keys]
    pairs = [(hashes[place], hashes[place + 60]) for place in range(60)]
    whole = [(sides[a], sides[b]) for a, b in pairs if a in sides and b in sides]
    assert len(whole) > 10
    assert all(a == b for a, b in whole)
    assert 0.05 < found.held_out.mean() < 3 * HELD_OUT_SHARE
    again = read(settings, model)
    np.testing.assert_array_equal(again.held_out, found.held_out)


def test_no_picture_decides_alone() -> None:
    even = bounded(np.array([1.0] * 99 + [1_000.0]))
    assert np.isclose(even.mean(), 1.0)
    assert even.max() < MOST_WEIGHT * 20
    assert even.max() / even.sum() < 0.5
    assert len(bounded(np.empty(0))) == 0
