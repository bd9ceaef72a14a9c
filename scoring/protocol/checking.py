"""Holds plain values against types, entry by entry, so that one error can name all that is wrong.

A single value is msgspec's: its kind, its bounds, its length. What is made up of others is gone
through here, for msgspec stops at the first that is wrong and does not tell its key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from msgspec import Meta, Struct, ValidationError, convert
from msgspec.structs import fields

Place = tuple[str | int, ...]

MISSING, UNKNOWN, NO_OBJECT = "is missing", "is unknown", "should be an object"
KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}
SIGNS = {">=": "at least", "<=": "at most", ">": "above", "<": "below"}


class Wrong(NamedTuple):
    """An entry that is not what it should be; what was ``given`` may be a secret."""

    place: Place
    why: str
    given: Any = None

    @property
    def name(self) -> str:
        """Return the entry's dotted name."""
        return ".".join(map(str, self.place))


class Before:
    """Stands in ``Annotated``: what is made of a value before it is held against the type.

    Any other function there is given the value after that. Both raise ValueError with the reason.
    """

    def __init__(self, change: Callable[[Any], Any]) -> None:
        self.change = change


class Checker:
    """Goes through a value; ``wrong`` has what it found, in the order of the type's entries.

    Numbers stay as they are written: a whole one stays one, also where it may have a fraction.
    """

    def __init__(self) -> None:
        self.wrong: list[Wrong] = []

    def check(self, kind: Any, value: Any, place: Place = ()) -> Any:
        """Return the value as ``kind`` has it; None where something in it is wrong."""
        found = len(self.wrong)
        base, notes = parts(kind)
        try:
            result = value
            for note in notes:
                result = note.change(result) if isinstance(note, Before) else result
            result = self._read(base, kind, result, place)
            if len(self.wrong) > found:
                return None
            for note in notes:
                result = note(result) if callable(note) else result
            return result
        except ValidationError as error:
            self.wrong.append(Wrong(place, _in_words(str(error)), value))
        except ValueError as error:
            self.wrong.append(Wrong(place, str(error), value))

    def one(self, base: Any, kind: Any, value: Any) -> Any:
        """Return a value that is not made up of others; ``kind`` is its type with its bounds."""
        convert(value, kind)
        return value

    def entries(self, kind: Any) -> Mapping[str, Any]:
        """Return what an object of this type is made up of, nothing where it is no object."""
        is_object = isinstance(kind, type) and issubclass(kind, Struct)
        return {one.name: one.type for one in fields(kind)} if is_object else {}

    def build(self, kind: Any, value: dict[str, Any], place: Place) -> Any:
        """Return the object; it has each of its entries, and no other."""
        entries = self.entries(kind)
        found = self.known(entries, value, place)
        missing = [name for name in entries if name not in value]
        unknown = [name for name in value if name not in entries]
        self.wrong += [Wrong((*place, name), MISSING) for name in missing]
        self.wrong += [Wrong((*place, name), UNKNOWN, value[name]) for name in unknown]
        return None if self.wrong else kind(**found)

    def known(
        self, entries: Mapping[str, Any], value: dict[str, Any], place: Place
    ) -> dict[str, Any]:
        """Return those entries that are there, each as its type has it."""
        return {
            name: self.check(kind, value[name], (*place, name))
            for name, kind in entries.items()
            if name in value
        }

    def _read(self, base: Any, kind: Any, value: Any, place: Place) -> Any:
        shape = get_origin(base)
        if shape is Literal:
            return _choice(get_args(base), value)
        if shape in (Union, UnionType):
            return self._either(get_args(base), value, place)
        if shape is tuple:
            return self._tuple(get_args(base), _outside(tuple, kind, value), place)
        if shape is dict:
            return self._dict(get_args(base), _outside(dict, kind, value), place)
        if not self.entries(base):
            return self.one(base, kind, value)
        if isinstance(value, base):
            return value
        if not isinstance(value, dict):
            raise ValueError(NO_OBJECT)
        return self.build(base, value, place)

    def _either(self, kinds: Iterable[Any], value: Any, place: Place) -> Any:
        """Return what may be nothing, or one of a few words, or else is of one other type."""
        words = [word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]
        if value in words or (value is None and NoneType in kinds):
            return value
        (other,) = (kind for kind in kinds if get_origin(kind) is not Literal and kind != NoneType)
        return self.check(other, value, place)

    def _tuple(self, kinds: tuple[Any, ...], values: tuple[Any, ...], place: Place) -> Any:
        if kinds[-1] is Ellipsis:
            if (looked_at := self._many(kinds[0], values)) is not None:
                return looked_at
            kinds = kinds[:1] * len(values)
        if len(values) > len(kinds):
            raise ValueError(f"should have at most {len(kinds)} items")
        for number in range(len(values), len(kinds)):
            self.wrong.append(Wrong((*place, number), MISSING))
        return tuple(
            self.check(kind, value, (*place, number))
            for number, (kind, value) in enumerate(zip(kinds, values, strict=False))
        )

    def _many(self, kind: Any, values: tuple[Any, ...]) -> Any:
        """Return numbers or texts that are right, all at once; None for what is to be looked at."""
        base, notes = parts(kind)
        if base not in (int, float, str) or not all(isinstance(note, Meta) for note in notes):
            return None
        try:
            return self.one(base, tuple[kind, ...], values)
        except ValidationError:
            return None

    def _dict(self, kinds: tuple[Any, ...], values: dict[Any, Any], place: Place) -> Any:
        return {
            self.check(kinds[0], key, (*place, key)): self.check(kinds[1], value, (*place, key))
            for key, value in values.items()
        }


def parts(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return a type and what is said of it in ``Annotated``."""
    return (kind.__origin__, kind.__metadata__) if get_origin(kind) is Annotated else (kind, ())


def _outside(shape: type, kind: Any, value: Any) -> Any:
    """Return a list or a table with its values as they are; its length is looked at."""
    notes = [note for note in parts(kind)[1] if isinstance(note, Meta)]
    return convert(value, Annotated[shape, *notes] if notes else shape)


def _choice(words: tuple[Any, ...], value: Any) -> Any:
    if value in words:
        return value
    *most, last = map(repr, words)
    raise ValueError(f"should be {', '.join(most)}{' or ' * bool(most)}{last}")


def _in_words(message: str) -> str:
    """Return msgspec's "Expected `int` <= 9" as words of this software."""
    found = re.match(r"Expected `(\w+)`( of length)?(?: (\W+) ([\d.e+-]+))?", message)
    if not found:
        return message
    kind, length, sign, bound = found.groups()
    if not sign:
        return f"should be {KINDS.get(kind, kind)}"
    limit = f"{SIGNS[sign]} {bound.removesuffix('.0')}"
    if not length:
        return f"should be {limit}"
    what = "character" if kind == "str" else "item"
    return f"should have {limit} {what}{'s' * (bound != '1')}"
