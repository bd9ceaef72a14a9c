"""Which bundle folders are meant: by their paths, or by the names that their signatures say.

No model is loaded for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from scoring.protocol.commands import command
from scoring.protocol.errors import SettingsError, UsageError
from scoring.protocol.signature import Signature, SignatureError, parse_signature
from scoring.settings import CODE_ROOT, Settings

SIGNATURE_FILE = "signature.json"
# Beside the folders of bundles: the networks that several of them share. It is never a bundle.
BACKBONES_FOLDER = "backbones"


def served_bundles(settings: Settings) -> tuple[Path, ...]:
    """Return the bundle folders that ``server.models`` names, in its order.

    An entry is a folder of the project, or the name of a model: one without a slash that is no
    folder.

    Raises:
        SettingsError: a name that no bundle has, or several have.
    """
    return tuple(_served(settings, entry) for entry in settings.server.models)


def _served(settings: Settings, entry: Path) -> Path:
    folder = settings.path(entry)
    if not _may_be_name(entry) or folder.is_dir():
        return folder
    try:
        return find_bundle(settings, entry.name)
    except UsageError as error:
        raise SettingsError(f"server.models: there is no folder {folder}, and {error}") from error


def _may_be_name(entry: Path) -> bool:
    return entry.parts == (entry.name,)


def with_models(settings: Settings, names: Iterable[str]) -> Settings:
    """Return the settings with further models, by name, among those that are served.

    A name that no bundle has is left out: who asks the server for that model will be told.
    """
    entries = settings.server.models
    more = []
    for name in not_served(settings, names):
        with suppress(UsageError):
            more.append(find_bundle(settings, name))
    server = settings.server.replaced(models=(*entries, *more))
    return settings.replaced(server=server) if more else settings


def why_absent(settings: Settings, names: Iterable[str], trouble: str = "") -> dict[str, str]:
    """Return why a server has them not: no bundle bears the name, or there was trouble with it.

    ``trouble`` is what a server said that would not start with models beside its own; "": none.
    """
    absent = {}
    for name in not_served(settings, names):
        try:
            find_bundle(settings, name)
        except UsageError as error:
            absent[name] = str(error)
        else:
            if trouble:
                absent[name] = f"with it, {trouble}"
    return absent


def not_served(settings: Settings, names: Iterable[str]) -> list[str]:
    """Return those names, each once, that the settings' own server has not."""
    entries = settings.server.models
    folders = (settings.path(entry) for entry in entries)
    served = {bundle_name(folder) for folder in folders} | {str(entry) for entry in entries}
    return [name for name in dict.fromkeys(names) if name and name not in served]


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
            known.setdefault(bundle_name(folder), []).append(folder)
        if name in known:
            break
    found = known.get(name, [])
    if len(found) > 1:
        all_of_them = " and ".join(map(str, found))
        raise UsageError(
            f"several models are named {name!r}: {all_of_them}; give one another name with"
            f" {command('fashion_model.reseal', '--bundle FOLDER --set name=NAME')}"
        )
    if not found:
        names = ", ".join(sorted(known.keys() - {""})) or "none"
        unknown = ", ".join(dict.fromkeys(map(_why_unread, known.get("", []))))
        unread = f"; and what cannot be read: {unknown}" if unknown else ""
        raise UsageError(f"no model is named {name!r}; there are: {names}{unread}")
    return found[0]


def _homes(settings: Settings) -> Iterator[list[Path]]:
    """Yield the project's bundle folders, each once, then those that come with the code."""
    named = (settings.path(entry) for entry in settings.server.models)
    served = [folder.resolve() for folder in named if _may_be_bundle(folder)]
    yield list(dict.fromkeys([*served, *_bundles_in(settings.project)]))
    yield _bundles_in(CODE_ROOT)


def _bundles_in(root: Path) -> list[Path]:
    folders = [root / "fashion_model", *sorted((root / "models").glob("*"))]
    bundles = [folder for folder in folders if (folder / SIGNATURE_FILE).is_file()]
    return [folder.resolve() for folder in bundles if _may_be_bundle(folder)]


def _may_be_bundle(folder: Path) -> bool:
    return folder.is_dir() and not is_backbones_folder(folder)


def is_backbones_folder(folder: Path) -> bool:
    """Return whether a folder is where bundles share their networks, whatever lies in it."""
    return folder.resolve().name == BACKBONES_FOLDER


def known_signatures(settings: Settings) -> list[Signature]:
    """Return the signature of each model that ``find_bundle`` finds by its name, each once."""
    signatures = []
    for name in dict.fromkeys(bundle_name(one) for home in _homes(settings) for one in home):
        with suppress(UsageError, OSError, SignatureError):
            signatures.append(_read_signature(find_bundle(settings, name)))
    return signatures


def bundle_name(folder: Path) -> str:
    """Return the name in a signature; "" where there is none to read: the server will say why."""
    try:
        return _read_signature(folder).name
    except (OSError, SignatureError):
        return ""


def bundle_labels(settings: Settings, name: str) -> tuple[str, ...]:
    """Return the labels of a model on this machine; none where its bundle is not to be had."""
    try:
        return _read_signature(find_bundle(settings, name)).labels
    except (OSError, SignatureError, UsageError):
        return ()


def _why_unread(folder: Path) -> str:
    """Return the file of a signature that gives no name, with the reason."""
    try:
        _read_signature(folder)
    except FileNotFoundError:
        why = "the file is missing"
    except OSError as error:
        why = error.strerror or str(error)
    except SignatureError as error:
        why = str(error)
    else:
        why = "it was not whole a moment ago"
    return f"{folder / SIGNATURE_FILE} ({why})"


def _read_signature(folder: Path) -> Signature:
    """Return a folder's signature; raises OSError or SignatureError. No pipe is waited for."""
    path = folder / SIGNATURE_FILE
    if path.exists() and not path.is_file():
        raise OSError("no regular file")
    return parse_signature(path.read_bytes())
