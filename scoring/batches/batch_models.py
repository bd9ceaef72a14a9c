"""Which model scores which batch, as the settings have it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

from scoring.batches.alike_folders import composed, folders_alike, is_alike
from scoring.batches.image_folder import batch_name, find_batch
from scoring.protocol.errors import BatchMissing, SettingsError
from scoring.records.text import printable
from scoring.settings import TRACKED_FILE, BatchesSettings, Settings, read_tables

# TOML: a key that needs no quotes.
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class StrayTable(NamedTuple):
    """A ``[batches.NAME]`` that no batch goes by.

    ``is_misspelt``: a folder is called so, but for capitals or how its letters are made up.
    """

    name: str
    why: str
    is_misspelt: bool


def model_of(settings: Settings, batch: str) -> str:
    """Return the name of the model that scores a batch; "" is the server's first.

    What ``[batches.NAME]`` says stands before ``client.model``.
    """
    table = _table_of(settings, batch)
    return settings.batches.models.get(table or "", settings.client.model)


def named_models(settings: Settings) -> list[str]:
    """Return the names of all models that the settings score with, each once."""
    names = [settings.client.model, *settings.batches.models.values()]
    return list(dict.fromkeys(filter(None, names)))


def stray_tables(settings: Settings) -> list[StrayTable]:
    """Return the tables in the settings that no batch goes by: slips of the hand, mostly.

    A batch that comes with the project may be gone, and its table in the tracked file is no slip.
    """
    strays = [stray for name in settings.batches.tables if (stray := _stray(settings, name))]
    shipped = _tracked_tables(settings) if strays else frozenset()
    return [stray for stray in strays if stray.is_misspelt or stray.name not in shipped]


def _tracked_tables(settings: Settings) -> frozenset[str]:
    try:
        batches = read_tables(settings.project / TRACKED_FILE).get("batches", {})
    except SettingsError:
        return frozenset()  # somebody is at it; the settings in force were read before
    return frozenset(batches) if isinstance(batches, dict) else frozenset()


def _stray(settings: Settings, name: str) -> StrayTable | None:
    home = settings.batches_folder
    try:
        batch = find_batch(name, home).name
    except BatchMissing as error:
        alike = [batch_name(folder, home) for folder in folders_alike(home, name, cased=False)]
        if alike:
            return StrayTable(name, _written_differently(alike), is_misspelt=True)
        return StrayTable(name, str(error), is_misspelt=False)
    if _table_of(settings, batch) == name:
        return None
    why = f"that batch goes by another name: write {_table(batch)}"
    return StrayTable(name, why, is_alike(batch, name, cased=False))


def table_header(batch: str) -> str:
    """Return the header of a batch's own table; "" where its name is a setting's already."""
    if batch in BatchesSettings.entries:
        return ""
    return f"[batches.{batch}]" if BARE_KEY.fullmatch(batch) else _table(batch)


def _table_of(settings: Settings, batch: str) -> str | None:
    """Return the table that means a batch: one of its own name, or of its name as it looks."""
    tables = settings.batches.tables
    exact = [name for name in tables if _is_named(batch, name)]
    looks = (name for name in tables if is_alike(_shown(name), batch))
    return next(iter(exact), None) or next(
        (name for name in looks if _leads_to(settings, name, batch)), None
    )


def _leads_to(settings: Settings, name: str, batch: str) -> bool:
    try:
        return find_batch(name, settings.batches_folder).name == batch
    except BatchMissing:
        return False


def _is_named(batch: str, name: str) -> bool:
    """Tell whether settings mean a batch: ``./D/`` is D, and so is what results show of a name."""
    return batch in (name, _shown(name))


def _shown(name: str) -> str:
    return printable(Path(name).as_posix())


def _written_differently(batches: list[str]) -> str:
    return f"written differently: write {' or '.join(map(_table, batches))}"


def _table(batch: str) -> str:
    """Return a table's header; letters that could be written otherwise are shown as codes."""
    return f"[batches.{json.dumps(batch, ensure_ascii=not _looks_like_itself(batch))}]"


def _looks_like_itself(batch: str) -> bool:
    return composed(batch) == batch
