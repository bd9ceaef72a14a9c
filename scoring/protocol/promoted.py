"""Which retrained bundle takes the place of one that comes with the software.

``data/models/current.json`` holds ``{name of a model: version}``; the bundle of a version lies in
the folder of that name beside it. Who starts a server reads it; who promotes writes it.
"""

from __future__ import annotations

import re
from pathlib import Path

import orjson

from scoring.settings import Settings

CURRENT_FILE = "current.json"
_VERSION = re.compile(r"[0-9a-f]{64}")


class CannotRead(ValueError):
    """current.json is there and says nothing that can be followed."""


def retrained_folder(settings: Settings, version: str = "") -> Path:
    """Return where retrained bundles lie, or the one of a version."""
    return settings.path(settings.paths.models) / version


def read_current(settings: Settings) -> dict[str, str]:
    """Return the promoted version of each model that has one, by the model's name.

    Raises CannotRead for a file that is torn, or written by hand and wrong: nothing of it counts.
    """
    path = retrained_folder(settings) / CURRENT_FILE
    try:
        document = orjson.loads(path.read_bytes()) if path.is_file() else {}
    except (OSError, orjson.JSONDecodeError) as error:
        raise CannotRead(f"{path}: {error}") from error
    if not isinstance(document, dict) or not all(map(_is_version, document.values())):
        raise CannotRead(f"{path}: is not a table of models and their versions")
    return document


def _is_version(value: object) -> bool:
    return isinstance(value, str) and _VERSION.fullmatch(value) is not None
