# Without postponed annotations: they are what the keys are checked by.
"""A table of settings: its keys are checked together, and it never changes."""

import copy
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
from msgspec import Meta

from scoring.protocol.errors import SettingsError
from scoring.settings_section import Secret, Section


class Small(Section):
    number: Annotated[int, Meta(ge=1, le=9)] = 5
    share: Annotated[float, Meta(ge=0, le=1)] = 0.5
    is_on: bool = False
    path: Path = Path("a")
    key: Secret | None = None

    def agree(self) -> None:
        if self.number == 7 and self.is_on:
            raise ValueError("7 is never on")


class Others(Section):
    others = Small

    small: Small = Small()
    words: tuple[str, ...] = ("a",)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        *(("number", text, 5) for text in ("5", " 5 ", "5.0", "+5", "0_5", 5.0)),
        *(("share", text, 0.5) for text in ("0.5", ".5", "5e-1", 0.5)),
        *(("number", number, 5) for number in (np.int64(5), np.uint8(5), np.float64(5))),
        *(("share", number, 1.0) for number in (np.int64(1), np.float32(1), np.float64(1))),
        *(("is_on", text, True) for text in ("true", "Yes", "ON", "1", "t", "y", 1)),
        *(("is_on", text, False) for text in ("false", "No", "off", "0", "f", "n", 0)),
        ("path", "b", Path("b")),
        ("key", "x", Secret("x")),
    ],
)
def test_a_text_may_stand_for_a_number_a_truth_or_a_path(key: str, text: Any, value: Any) -> None:
    taken = getattr(Small(**{key: text}), key)
    assert (taken, type(taken)) == (value, type(value))


WRONG: dict[str, tuple[Any, ...]] = {
    "number": ("", "x", "٣", "1__0", 5.5, "nan", True, None, [5], 10**400),
    "share": ("nan", "inf", "1e400", False, float("nan"), float("inf")),
    "is_on": ("", "maybe", 2, None, []),
    "path": (5, True, None, ["a"]),
    "key": (5, True, ["x"], {"x": "y"}),
    "nobody": (1,),
}


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in WRONG.items() for value in values]
)
def test_what_is_wrong_is_an_error(key: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=f"^{key}"):
        Small(**{key: value})


def test_keys_have_to_go_together() -> None:
    with pytest.raises(SettingsError, match=r"^7 is never on$"):
        Small(number=7, is_on=True)


def test_all_that_is_wrong_is_named_and_no_value_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        Small(number=77, key=["s3cret"], kye="s3cret", share="s3cret")
    assert str(caught.value) == (
        "number: should be at most 9; share: should be a number; key: should be text; "
        "kye: is unknown"
    )


def test_further_keys_are_tables() -> None:
    one = Others(words=["b"], others={"number": 2}, changed={"number": 3})
    assert one.words == ("b",)
    assert {name: table.as_table()["number"] for name, table in one.further.items()} == {
        "others": 2,
        "changed": 3,
    }
    assert one.changed(words=()).further == one.further
    with pytest.raises(SettingsError, match=r"^more\.number: should be at most 9$"):
        one.changed(more={"number": 10})


def test_it_does_not_change() -> None:
    one = Small(number=6)
    with pytest.raises(AttributeError):
        one.number = 8
    with pytest.raises(AttributeError):
        del one.number
    other = one.changed(number="8")
    assert (one.number, other.number, one.replaced(number=9).number) == (6, 8, 9)


def test_equal_are_those_that_say_the_same() -> None:
    assert Small() == Small(number=5)
    assert Small() != Small(number=6)
    assert Small() != Others()
    assert len({Small(), Small(number=5), Small(number=6)}) == 2
    assert copy.deepcopy(Small(number=6, key="x")) == Small(number=6, key="x")


def test_a_secret_shows_itself_to_nobody() -> None:
    one = Small(key="s3cret")
    assert one.key
    assert not Secret("")
    assert one.key.reveal() == "s3cret"
    for shown in (repr(one), str(one.key), f"{one.key}", f"{one.as_table()}"):
        assert "s3cret" not in shown
        assert "********" in shown
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert hash(Secret("a")) == hash(Secret("a"))
