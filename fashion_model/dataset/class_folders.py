"""Which folder holds the pictures of which class, also where no folder can be named like it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from fashion_model.dataset.description import DataError
from fashion_model.dataset.tables import Table

MAPPING_FILE = "classes.csv"
_COLUMNS = ["Folder", "Label"]


def find_class_folders(
    folder: Path, labels: tuple[str, ...], others: bool = False
) -> dict[str, Path]:
    """Return the folder of each class, in the order of ``labels`` (none: that of their names).

    Args:
        others: leave out folders that are no class's, instead of refusing them.

    ``classes.csv`` (Folder, Label) in ``folder`` says it. Without it a folder is the label's whose
    letters and digits it has: T-shirt_Top is that of T-shirt/Top, which no folder can be named.

    Raises:
        DataError: a class without a folder, a folder without a class, or fewer than two.
    """
    mapping = folder / MAPPING_FILE
    if mapping.is_file():
        found = mapped_folders(mapping)
    elif labels:
        found = _matched(folder, labels)
    else:
        found = {name: folder / name for name in folder_names(folder)}
    if others:
        found = {label: home for label, home in found.items() if label in labels}
    if len(found) < 2 or set(labels or found) != set(found):
        raise DataError(
            f"{folder}: no IDX files, no *_train.csv, and its folders are {folder_names(folder)}"
            f" instead of {sorted(labels) or 'two or more class names'};"
            f" folders with other names need a {MAPPING_FILE} (Folder,Label) beside them"
        )
    return {label: found[label] for label in labels or sorted(found)}


def folder_names(folder: Path) -> list[str]:
    """Return the folders' names; those that systems and programs leave behind are no classes."""
    return sorted(
        path.name for path in folder.iterdir() if path.is_dir() and path.name[0] not in "._@#$"
    )


def _matched(folder: Path, labels: tuple[str, ...]) -> dict[str, Path]:
    """Return the classes that have a folder; those without and those over are not in it."""
    names = folder_names(folder)
    plain = Counter(map(_plain, names))
    by_form = {_plain(name): name for name in names if plain[_plain(name)] == 1}
    # The label itself first: with a slash in it, that is a folder within a folder.
    pairs = {
        label: label if (folder / label).is_dir() else by_form.get(_plain(label))
        for label in labels
    }
    found = {label: folder / name for label, name in pairs.items() if name}
    over = set(names) - {path.relative_to(folder).parts[0] for path in found.values()}
    return {**found, **{name: folder / name for name in over}}


def _plain(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def mapped_folders(mapping: Path) -> dict[str, Path]:
    """Return the folder of each label that ``classes.csv`` names; raises DataError."""
    table = Table(mapping)
    folder, label = (table.column(name.lower()) for name in _COLUMNS)
    rows = [(row[folder], row[label]) for row in table.rows]
    known = folder_names(mapping.parent)
    for name, _ in rows:
        if name not in known:
            raise DataError(f"{mapping}: there is no folder {name!r} beside it")
    found = {label: mapping.parent / name for name, label in rows}
    if len(found) != len(rows) or len(set(found.values())) != len(rows):
        raise DataError(f"{mapping}: a folder or a label stands in it twice")
    return found
