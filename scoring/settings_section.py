"""What a table of the settings is: keys with kinds and defaults, checked together."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from inspect import get_annotations
from numbers import Integral, Real
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NoReturn, Self

from msgspec import convert

from scoring.protocol.checking import UNKNOWN, Checker, Place, Wrong
from scoring.protocol.errors import SettingsError

# What is true or false in the text of an environment variable.
TRUTHS = {word: True for word in ("true", "t", "yes", "y", "on", "1")} | {
    word: False for word in ("false", "f", "no", "n", "off", "0")
}


class Secret:
    """A text that shows itself to nobody who does not ask for it by ``reveal``."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text: for a request's header or a child's environment, not for a log."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "********"


class Section:
    """One table of the settings: its annotations are the keys, with their kinds and defaults.

    Annotations are not postponed where one is defined: ``Annotated[int, Meta(ge=1)]`` is what a
    value is held against.
    """

    entries: ClassVar[dict[str, Any]] = {}
    # What all further keys hold, where a section takes any; a section has them here.
    others: ClassVar[type[Section] | None] = None
    further: Mapping[str, Section] = MappingProxyType({})

    def __init_subclass__(cls) -> None:
        cls.entries = cls.entries | get_annotations(cls)

    def __init__(self, /, **given: Any) -> None:
        """Take the keys that are given; raises SettingsError naming each that is wrong."""
        checker = SettingsChecker()
        made = checker.check(type(self), given)
        if checker.wrong:
            raise SettingsError(self.explain(checker.wrong))
        vars(self).update(vars(made))

    @classmethod
    def explain(cls, wrong: Iterable[Wrong]) -> str:
        """Return one line about a table that no file holds; it shows no value."""
        return "; ".join(f"{one.name}: {one.why}" if one.place else one.why for one in wrong)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Return a section of values that are known to be right."""
        made = cls.__new__(cls)
        vars(made).update(values)
        return made

    def agree(self) -> None:
        """Raise ValueError where keys do not go together."""

    def as_table(self) -> dict[str, Any]:
        """Return all keys as they would be given, defaults included."""
        own = {name: getattr(self, name) for name in self.entries}
        return {name: _as_given(value) for name, value in {**own, **self.further}.items()}

    def changed(self, /, **given: Any) -> Self:
        """Return it with some keys changed, by the same rules; raises SettingsError naming them."""
        return type(self)(**{**self.as_table(), **given})

    def replaced(self, /, **values: Any) -> Self:
        """Return it with some values changed that are known to be right."""
        return self.of({**vars(self), **values})

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.as_table() == other.as_table()

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, name) for name in self.entries))

    def __repr__(self) -> str:
        keys = ", ".join(f"{name}={value!r}" for name, value in self.as_table().items())
        return f"{type(self).__name__}({keys})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"settings do not change; {name} is given where they are made")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"settings do not change; {name} stays")


def as_section(kind: Any) -> type[Section] | None:
    """Return what is the class of a section, else None."""
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


class SettingsChecker(Checker):
    """Takes what files, variables and flags say: numbers may be text, and a key may be left out."""

    def check(self, kind: Any, value: Any, place: Place = ()) -> Any:
        """Return the value as ``kind`` has it; None where something in it is wrong."""
        if isinstance(value, bool) and kind is not bool:
            self.wrong.append(Wrong(place, "this is not a matter of true or false", value))
            return None
        return super().check(kind, value, place)

    def one(self, base: Any, kind: Any, value: Any) -> Any:
        """Return a number, a text, a path or a secret."""
        if base is Path:
            return _as_path(value)
        if base is Secret:
            return value if isinstance(value, Secret) else Secret(convert(value, str))
        if isinstance(value, str) and base is not str:
            value = _from_text(base, value)
        elif isinstance(value, Real) and not isinstance(value, bool):
            # A number of NumPy, from a program that makes settings of its own.
            value = int(value) if isinstance(value, Integral) else float(value)
        # 5.0 is as good as 5, 1 as true; of texts enough has been made.
        return convert(value, kind, strict=isinstance(value, str))

    def entries(self, kind: Any) -> Mapping[str, Any]:
        """Return the keys of a section."""
        section = as_section(kind)
        return section.entries if section else {}

    def build(self, kind: type[Section], value: dict[str, Any], place: Place) -> Section | None:
        """Return the section; who leaves a key out has the default."""
        found = len(self.wrong)
        values = self.known(kind.entries, value, place)
        others = {name: one for name, one in value.items() if name not in kind.entries}
        if kind.others:
            values["further"] = self.known(dict.fromkeys(others, kind.others), others, place)
        else:
            self.wrong += [Wrong((*place, name), UNKNOWN, one) for name, one in others.items()]
        if len(self.wrong) > found:
            return None
        made = kind.of(values)
        made.agree()
        return made


def _as_path(value: Any) -> Path:
    if not isinstance(value, str | os.PathLike):
        raise ValueError("should be the path of a file or folder")
    return Path(value)


def _from_text(base: Any, text: str) -> Any:
    """Return the number or truth that a text tells, as it is where it tells none."""
    if base is bool:
        return TRUTHS.get(text.lower(), text)
    for read in (int, float) if base is int else (float,):
        try:
            return read(text) if text.isascii() else text
        except ValueError:
            pass
    return text


def _as_given(value: Any) -> Any:
    return value.as_table() if isinstance(value, Section) else value
