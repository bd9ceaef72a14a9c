from __future__ import annotations

import pytest

from scoring.records.answers import Answer, read_answer

LABELS = ("T-shirt/Top", "Ankle boot", "7", "007", "Bag", "bag")


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("T-shirt/Top", "T-shirt/Top"),
        ("t-SHIRT/top", "T-shirt/Top"),
        ("  Ankle \u00a0boot ", "Ankle boot"),
        ("ankle\nboot", "Ankle boot"),
        ("7", "7"),
        ("7.0", "7"),
        ("7,00", "7"),
        ("'007", "007"),
        ("bag", "bag"),
        ("Bag", "Bag"),
        ("BAG", "Bag"),
    ],
)
def test_a_label_is_known_however_it_is_written(text: str, label: str) -> None:
    assert read_answer(text, LABELS) == Answer("label", label)


@pytest.mark.parametrize("text", ["Cannot tell", " cannot  TELL", "'cannot tell"])
def test_the_words_for_no_label_are_answers(text: str) -> None:
    answer = read_answer(text, LABELS)
    assert answer == Answer("cannot tell")
    assert str(answer) == "cannot tell"


@pytest.mark.parametrize(
    "text", ["not clothing", "Not clothing?", "not  CLOTHING", "not a garment"]
)
def test_the_models_own_word_for_what_it_does_not_know_is_an_answer(text: str) -> None:
    assert read_answer(text, LABELS, "not clothing") == Answer("not a garment")
    assert read_answer("not a dog", LABELS, "not clothing") is None
    assert read_answer("not clothing", ["not clothing"], "not clothing") == Answer(
        "label", "not clothing"
    )


@pytest.mark.parametrize("text", ["", " ", "Hat", "Ankleboot", "7.5", "undone", "Bag?", "T-shirt"])
def test_anything_else_is_none(text: str) -> None:
    assert read_answer(text, LABELS) is None


def test_a_label_stays_a_label_though_it_were_one_of_the_words() -> None:
    assert read_answer("not a garment", ["Not a garment"]) == Answer("label", "Not a garment")
