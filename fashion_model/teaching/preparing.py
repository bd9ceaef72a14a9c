"""From a folder to a lesson: read, refuse what cannot be learnt, choose the backbone, learn."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from fashion_model.teaching.backbones import Backbone, find_backbones
from fashion_model.teaching.copies import (
    group_pictures,
    near_copies,
    once_each,
    refuse_copied_classes,
)
from fashion_model.teaching.cross_validation import CrossValidation
from fashion_model.teaching.lesson import Indices, Lesson, learn, validate
from fashion_model.teaching.photographs import Photographs, Unreadable, read_photographs
from fashion_model.teaching.sources import CannotTeach, Source, find_labelled_files
from scoring.records.text import printable

logger = logging.getLogger("scoring.fashion_model")
FEWEST = 10  # pictures a class
NAMED_FILES = 20


def best_lesson(
    source: Path, wanted: str, out: Path, cache: Path, skip_unreadable: bool
) -> tuple[Lesson, list[str]]:
    """Learn from the pictures in ``source``; return the lesson and what was passed over.

    Raises:
        CannotTeach: nothing can be learnt from them, or there is no backbone.
        UnknownPreprocessing: never with the code's own preprocessing.
    """
    found = find_labelled_files(source)
    backbones = find_backbones(wanted, out)
    photographs, notes = prepare(source, found, backbones[0], cache, skip_unreadable)
    pairs = near_copies(photographs)
    groups, people_notes = group_pictures(photographs, pairs)
    others = [_seen_by(backbone, photographs, cache) for backbone in backbones[1:]]
    tried = [
        (backbone, seen, _validated(backbone, seen, groups))
        for backbone, seen in zip(backbones, [photographs, *others], strict=True)
    ]
    backbone, seen, validation = min(tried, key=lambda one: one[2].loss)
    lesson = learn(backbone, seen, groups, validation)
    return lesson, [*found.notes, *notes, *people_notes]


def _seen_by(backbone: Backbone, photographs: Photographs, cache: Path) -> Photographs:
    """Return the same pictures with another backbone's features; raises CannotTeach."""
    seen, unreadable = read_photographs(photographs.files, photographs.labels, backbone, cache)
    if unreadable or seen.digests != photographs.digests:
        raise CannotTeach("the pictures changed while they were read: give the command again")
    return seen


def _validated(backbone: Backbone, seen: Photographs, groups: Indices) -> CrossValidation:
    found = validate(seen, groups)
    right = float((found.logits.argmax(axis=1) == seen.classes).mean())
    logger.info("%s: %.1f %% right, loss %.3f", backbone.path.name, 100 * right, found.loss)
    return found


def prepare(
    source: Path, found: Source, backbone: Backbone, cache: Path, skip_unreadable: bool
) -> tuple[Photographs, list[str]]:
    """Read the pictures and refuse what cannot be learnt from them; raises CannotTeach."""
    photographs, unreadable = read_photographs(found.files, found.labels, backbone, cache)
    notes = _unreadable_notes(source, unreadable, skip_unreadable)
    refuse_copied_classes(photographs, near_copies(photographs))
    photographs, copy_notes = once_each(photographs)
    counts = np.bincount(photographs.classes, minlength=len(photographs.labels))
    few = [
        f"{label!r} ({count})"
        for label, count in zip(photographs.labels, counts, strict=True)
        if count < FEWEST
    ]
    if few:
        raise CannotTeach(
            f"{source}: a class needs {FEWEST} different readable pictures or more; too few has"
            f" {', '.join(few)}{''.join(f'; {note}' for note in (*notes, *copy_notes))}"
        )
    return photographs, [*notes, *copy_notes]


def _unreadable_notes(source: Path, unreadable: list[Unreadable], skip: bool) -> list[str]:
    if not unreadable:
        return []
    base = source if source.is_dir() else source.parent
    named = [f"{_below(base, one.file.path)} ({printable(one.why)})" for one in unreadable]
    more = len(named) - NAMED_FILES
    names = ", ".join(named[:NAMED_FILES]) + (f" and {more} more" if more > 0 else "")
    if skip:
        return [f"left out {len(unreadable)} files that cannot be read: {names}"]
    raise CannotTeach(
        f"{source}: {len(unreadable)} files cannot be read: {names};"
        " remove them, or leave them out with --skip-unreadable"
    )


def _below(base: Path, path: Path) -> str:
    return printable(str(path.relative_to(base) if path.is_relative_to(base) else path))
