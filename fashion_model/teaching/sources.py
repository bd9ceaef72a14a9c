"""Which picture is of which class: class-named folders, or a table of files and labels."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fashion_model.dataset.class_folders import MAPPING_FILE, folder_names, mapped_folders
from fashion_model.dataset.description import DataError
from fashion_model.dataset.people import PEOPLE_FILE
from fashion_model.dataset.tables import Table
from scoring.batches.image_folder import ImageList, list_images
from scoring.protocol.checking import Checker
from scoring.protocol.errors import BatchUnreadable, UsageError
from scoring.protocol.file_names import as_file_name, as_text
from scoring.protocol.signature import Label
from scoring.records.answers import read_answer
from scoring.records.text import as_looks, printable
from scoring.settings import BatchesSettings

FILE_COLUMNS, LABEL_COLUMNS = ("file", "image", "path"), ("label", "class")
# Whose picture each one is: pictures of one person are alike, and must not vouch for each other.
GROUP_COLUMNS = ("group", "person")
# What a taught model calls that it was not taught; its classes may not be called so.
STRANGE = "strange picture"


class CannotTeach(UsageError):
    """Pictures, classes or a folder that no bundle can be taught from; the message says why."""


@dataclass(frozen=True)
class LabelledFile:
    """A picture file, its class, and whose it is ("": nobody said)."""

    path: Path
    label: str
    group: str = ""


@dataclass(frozen=True)
class Source:
    """The labelled files in the order of their classes; ``notes`` say what was passed over."""

    files: list[LabelledFile]
    notes: list[str] = field(default_factory=list)

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the classes in the order of their names."""
        return tuple(sorted({file.label for file in self.files}))


def find_labelled_files(source: Path) -> Source:
    """Return the pictures below class-named folders, or those that a CSV of file,label names.

    Folders may be nested below their class; ``classes.csv`` (Folder,Label) renames them where a
    label is no folder's name, ``people.csv`` (image,person) says whose a picture is.

    Raises:
        CannotTeach: there is no such thing, or fewer than two classes in it.
    """
    try:
        found = _in_class_folders(source) if source.is_dir() else _in_table(source)
    except DataError as error:
        raise CannotTeach(str(error)) from error
    for label in found.labels:
        _check_label(source, label)
    _require_seen_difference(source, found.labels)
    if len(found.labels) < 2:
        only = f"the class {found.labels[0]!r} only" if found.files else "no class with pictures"
        raise CannotTeach(
            f"{source}: holds {only}; two or more are needed, each a folder named like it"
            + "".join(f"; {note}" for note in found.notes)
        )
    return found


def _in_class_folders(folder: Path) -> Source:
    labels = _labels_of_folders(folder)
    whose = _people(folder)
    files, notes = [], []
    for name, label in labels.items():
        images = _images_of(folder / name)
        for image in images:
            group = whose.of(as_text(f"{name}/{image}"))
            files.append(LabelledFile(folder / name / image, label, group))
        what = ", ".join(
            filter(None, (images.left_out.tell_kinds(), images.left_out.tell_unreadable()))
        )
        if not len(images):
            notes.append(f"{printable(name)}: has no pictures, and is no class for that")
        if what:
            notes.append(f"{printable(name)}: left out {printable(what)}")
    notes += [*_loose(folder), *whose.notes()]
    return Source(sorted(files, key=lambda file: file.label), notes)


def _images_of(folder: Path) -> ImageList:
    try:
        return list_images(folder, BatchesSettings())
    except BatchUnreadable as error:
        raise CannotTeach(f"{printable(str(folder))}: {error}") from error


def _labels_of_folders(folder: Path) -> dict[str, str]:
    """Return the label of each class folder: its own name, or what ``classes.csv`` says."""
    mapping = folder / MAPPING_FILE
    mapped = mapped_folders(mapping) if mapping.is_file() else {}
    renamed = {home.name: label for label, home in mapped.items()}
    labels = {name: _plain(renamed.get(name, as_text(name))) for name in folder_names(folder)}
    for label in labels.values():
        same = [name for name, other in labels.items() if other == label]
        if len(same) > 1:
            raise CannotTeach(f"{folder}: the folders {', '.join(same)} are all labelled {label!r}")
    return labels


def _loose(folder: Path) -> list[str]:
    """Pictures beside the class folders are of no class; that is told and not guessed."""
    suffixes = {".jpg", ".jpeg", ".png", ".webp", ".heic"}
    count = sum(path.suffix.lower() in suffixes and path.is_file() for path in folder.iterdir())
    return [f"{count} pictures beside the class folders have no class"] if count else []


class _People:
    """Whose each picture is by ``people.csv``; it knows which of its lines were asked for."""

    def __init__(self, people: Mapping[str, str]) -> None:
        self._people = people
        self._asked: set[str] = set()

    def of(self, image: str) -> str:
        """Return whose a picture is, "" where nobody said."""
        key = _place_in_table(image)
        self._asked.add(key)
        return self._people.get(key, "")

    def notes(self) -> list[str]:
        """Return what there is to say of lines that are of no picture: they count for nothing."""
        lost = [image for image in self._people if image not in self._asked]
        if not lost:
            return []
        return [
            f"{PEOPLE_FILE}: {len(lost)} of its {len(self._people)} lines name no picture here,"
            f" like {printable(lost[0])}"
        ]


def _people(folder: Path) -> _People:
    path = folder / PEOPLE_FILE
    if not path.is_file():
        return _People({})
    table = Table(path)
    image, person = table.column(*FILE_COLUMNS), table.column(*GROUP_COLUMNS)
    people: dict[str, str] = {}
    for row in table.rows:
        before = people.setdefault(_place_in_table(row[image]), row[person])
        if before != row[person]:
            raise CannotTeach(f"{path}: {row[image]} is of {before!r} and of {row[person]!r}")
    return _People(people)


def _place_in_table(image: str) -> str:
    return _plain(image.replace("\\", "/"))


def _in_table(path: Path) -> Source:
    if not path.is_file():
        raise CannotTeach(f"{path}: there is no such folder or table of file,label")
    table = Table(path)
    file, label = table.column(*FILE_COLUMNS), table.column(*LABEL_COLUMNS)
    group = next((table.columns[name] for name in GROUP_COLUMNS if name in table.columns), None)
    whose = _people(path.parent) if group is None else _People({})
    files: dict[Path, LabelledFile] = {}
    for row in table.rows:
        owner = row[group] if group is not None else whose.of(row[file])
        one = LabelledFile(_place(path.parent, row[file]), _plain(row[label].strip()), owner)
        before = files.setdefault(one.path, one)
        if before.label != one.label:
            raise CannotTeach(f"{path}: {row[file]} is labelled {before.label!r} and {one.label!r}")
    return Source(sorted(files.values(), key=lambda one: one.label), whose.notes())


def _place(folder: Path, name: str) -> Path:
    """Return the file that a table means; a backslash is part of its name, or from Windows."""
    path = folder / as_file_name(name)
    return path if path.exists() else folder / as_file_name(name.replace("\\", "/"))


def _plain(label: str) -> str:
    """One spelling for letters that can be made up in two ways (a Mac's folders, for instance)."""
    return unicodedata.normalize("NFC", label)


def _require_seen_difference(source: Path, labels: Sequence[str]) -> None:
    """Raise CannotTeach for two classes that nobody could tell apart at the desk or in a table."""
    alike: dict[str, str] = {}
    for label in labels:
        other = alike.setdefault(as_looks(label), label)
        if other != label:
            names = " and ".join(f"'{printable(name)}'" for name in (other, label))
            raise CannotTeach(
                f"{source}: the classes {names} look the same: they differ in what is not seen;"
                " give one of them another name, or both one folder"
            )


def _check_label(source: Path, label: str) -> None:
    """Raise CannotTeach for a class name that no signature may hold."""
    checker = Checker()
    checker.check(Label, label)
    why = checker.wrong[0].why if checker.wrong else ""
    if read_answer(label, (), STRANGE):
        why = "is what people say of a picture that is of no class"
    try:
        label.encode("utf-8")
    except UnicodeEncodeError:
        why = "is no text in UTF-8"
    if not why:
        return
    raise CannotTeach(
        f"{source}: the class name {printable(label)!r} {why};"
        f" rename the folder, or give it a label in {MAPPING_FILE} (Folder,Label)"
    )
