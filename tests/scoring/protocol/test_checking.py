# Without postponed annotations: the types of the entries are what they are checked by.
"""Values against types: all that is wrong is found, named and said in words."""

from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct

from scoring.protocol.checking import MISSING, UNKNOWN, Before, Checker, Wrong


def _even(number: int) -> int:
    if number % 2:
        raise ValueError("is odd")
    return number


class Inner(Struct, frozen=True):
    first: Annotated[int, Meta(ge=1)]
    second: float | None


class Outer(Struct, frozen=True):
    name: str
    inner: Inner
    many: tuple[Inner, ...]


def checked(kind: Any, value: Any) -> Any:
    checker = Checker()
    result = checker.check(kind, value)
    assert checker.wrong == []
    return result


@pytest.mark.parametrize(
    ("kind", "value", "result"),
    [
        (int, 5, 5),
        (str, "", ""),
        (float | None, None, None),
        (Literal["a", "b"], "b", "b"),
        (float | Literal["never"], "never", "never"),
        (tuple[str, ...], ["a", "b"], ("a", "b")),
        (tuple[int, str], [1, "b"], (1, "b")),
        (dict[str, tuple[int, ...]], {"a": [1]}, {"a": (1,)}),
        (Annotated[str, Before(str.strip), Meta(max_length=1), str.upper], " a ", "A"),
        (Annotated[tuple[Annotated[int, _even], ...], Meta(min_length=1), sum], [2, 4], 6),
        (Inner, {"first": 1, "second": None}, Inner(1, None)),
        (Inner, Inner(1, 2.0), Inner(1, 2.0)),
    ],
)
def test_what_is_right_is_taken(kind: Any, value: Any, result: Any) -> None:
    assert checked(kind, value) == result


@pytest.mark.parametrize("kind", [float, Annotated[float, Meta(ge=0)]])
def test_numbers_stay_as_they_are_written(kind: Any) -> None:
    assert repr(checked(kind, 5)) == "5"
    assert repr(checked(tuple[kind, ...], [5, 5.0])) == "(5, 5.0)"


def test_all_that_is_wrong_is_named() -> None:
    checker = Checker()
    many = [{"first": 1, "second": 1.0}, {"first": "s3cret"}, 5]
    checker.check(Outer, {"inner": {"first": 0, "second": "x"}, "many": many, "more": 1})
    assert checker.wrong == [
        Wrong(("inner", "first"), "should be at least 1", 0),
        Wrong(("inner", "second"), "should be a number", "x"),
        Wrong(("many", 1, "first"), "should be a whole number", "s3cret"),
        Wrong(("many", 1, "second"), MISSING),
        Wrong(("many", 2), "should be an object", 5),
        Wrong(("name",), MISSING),
        Wrong(("more",), UNKNOWN, 1),
    ]
    assert checker.wrong[2].name == "many.1.first"


@pytest.mark.parametrize(
    ("kind", "value", "why"),
    [
        (int, True, "should be a whole number"),
        (int, 5.0, "should be a whole number"),
        (int, "5", "should be a whole number"),
        (float, True, "should be a number"),
        (Annotated[float, Meta(ge=0)], float("nan"), "should be at least 0"),
        (Annotated[float, Meta(gt=0)], 0, "should be above 0"),
        (Annotated[float, Meta(lt=1.5)], 2, "should be below 1.5"),
        (Annotated[int, Meta(le=65_535)], 10**30, "should be at most 65535"),
        (str, None, "should be text"),
        (bool, "true", "should be true or false"),
        (Annotated[str, Meta(min_length=1)], "", "should have at least 1 character"),
        (Annotated[str, Meta(max_length=2)], "abc", "should have at most 2 characters"),
        (Annotated[tuple[int, ...], Meta(min_length=2)], [1], "should have at least 2 items"),
        (Annotated[dict[str, int], Meta(max_length=1)], {"a": 1, "b": 2}, "should have at most 1"),
        (tuple[int, int], [1, 2, 3], "should have at most 2 items"),
        (tuple[int, ...], "12", "should be a list"),
        (dict[str, int], [], "should be an object"),
        (Literal["a", "b", "c"], "d", "should be 'a', 'b' or 'c'"),
        (Literal["a"], 5, "should be 'a'"),
        (Annotated[int, _even], 3, "is odd"),
        (Annotated[int, Before(_even)], 3, "is odd"),
        (Annotated[float, Meta(ge=0)], 10**400, "Number out of range"),
    ],
)
def test_what_is_wrong_is_said(kind: Any, value: Any, why: str) -> None:
    checker = Checker()
    assert checker.check(kind, value, ("x",)) is None
    assert [(one.place, one.why[: len(why)]) for one in checker.wrong] == [(("x",), why)]


def test_a_tuple_of_a_length_names_what_is_missing() -> None:
    checker = Checker()
    checker.check(tuple[int, int, int], [1], ("shape",))
    assert [(one.name, one.why) for one in checker.wrong] == [
        ("shape.1", MISSING),
        ("shape.2", MISSING),
    ]
