"""Settings in environment variables: ``SCORING_SERVER__PORT``, and JSON for lists and tables."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any, get_args, get_origin

from scoring.protocol.checking import parts
from scoring.protocol.errors import SettingsError
from scoring.settings_section import Section, as_section


def read_environment(settings_cls: type[Section], prefix: str) -> list[dict[str, Any]]:
    """Return the tables that each variable with the prefix makes, whole tables first.

    Small and capital letters are one. Raises SettingsError for a list or a table that is no JSON.
    """
    places = {
        name: name.lower().removeprefix(prefix.lower()).split("__")
        for name in os.environ
        if name.upper().startswith(prefix)
    }
    return [
        _nested(place, _value(settings_cls, place, name))
        for name, place in sorted(places.items(), key=lambda one: len(one[1]))
        if place[0] in settings_cls.entries
    ]


def _nested(place: Sequence[str], value: Any) -> dict[str, Any]:
    first, *rest = place
    return {first: _nested(rest, value) if rest else value}


def _value(settings_cls: type[Section], place: Sequence[str], name: str) -> Any:
    text = os.environ[name]
    kind: Any = settings_cls
    for key in place:
        kind = _within(kind, key)
    if not text or not (as_section(kind) or _shape(kind) in (tuple, dict)):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise SettingsError(
            f'an environment setting is not valid: {name} is no JSON; lists are JSON, like ["G1"]'
        ) from None


def _within(kind: Any, key: str) -> Any:
    """Return what stands under a key: of a section, or of a table with any keys."""
    if section := as_section(kind):
        return section.entries.get(key)
    return get_args(parts(kind)[0])[1] if _shape(kind) is dict else None


def _shape(kind: Any) -> Any:
    return get_origin(parts(kind)[0])
