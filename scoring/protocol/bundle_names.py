"""Which bundle folder a model's name means: told by the signatures, without loading a model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scoring.protocol.errors import UsageError
from scoring.protocol.signature import SignatureError, parse_signature
from scoring.settings import CODE_ROOT, Settings

SIGNATURE_FILE = "signature.json"


def find_bundle(settings: Settings, name: str) -> Path:
    """Return the folder of the bundle whose signature says ``name``.

    The bundles are those that the settings serve, ``fashion_model`` and the folders of ``models``:
    the project's, or else the code's own.

    Raises:
        UsageError: no bundle of that name, or several; the message names those there are.
    """
    known: dict[str, list[Path]] = {}
    for folders in _homes(settings):
        for folder in folders:
            known.setdefault(_name(folder), []).append(folder)
        if name in known:
            break
    found = known.get(name, [])
    if len(found) > 1:
        all_of_them = " and ".join(map(str, found))
        raise UsageError(
            f"several models are named {name!r}: {all_of_them}; give one another name with"
            " python -m fashion_model.reseal --bundle FOLDER --set name=NAME"
        )
    if not found:
        names = ", ".join(sorted(known.keys() - {""})) or "none"
        raise UsageError(f"no model is named {name!r}; there are: {names}")
    return found[0]


def _homes(settings: Settings) -> Iterator[list[Path]]:
    """Yield the project's bundle folders, each once, then those that come with the code."""
    served = [path.resolve() for path in settings.model_folders]
    yield list(dict.fromkeys([*served, *_bundles_in(settings.project)]))
    yield _bundles_in(CODE_ROOT)


def _bundles_in(root: Path) -> list[Path]:
    folders = [root / "fashion_model", *sorted((root / "models").glob("*"))]
    return [folder.resolve() for folder in folders if (folder / SIGNATURE_FILE).is_file()]


def _name(folder: Path) -> str:
    """Return the name in a signature; "" where there is none to read: the server will say why."""
    try:
        return parse_signature((folder / SIGNATURE_FILE).read_bytes()).name
    except (OSError, SignatureError):
        return ""
