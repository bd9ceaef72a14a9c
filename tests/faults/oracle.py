"""The oracle: do ledger, Results.csv, folders and Events-log.txt tell one truth?

    Over the ledger and the CSV together: every due day has exactly one terminal state, every
    candidate image of a batch the run touched has exactly one row, nothing is written twice,
    nothing is lost, and whoever reads Events-log.txt can tell what happened.

It reads the files by itself: of the code under test it takes the spelling of names only.
"""

from __future__ import annotations

import csv
import json
import os
import re
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from scoring.records.text import neutral_cell, printable, text_cell
from scoring.settings import Settings

HEADER = [
    *("Num", "Batch", "Image", "Item", "Confidence %", "Review", "Error"),
    *("Second item", "Second %", "Corrected item"),
]
TERMINAL = {"done", "partial", "failed", "missed"}
SUFFIXES = {
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp", ".bmp", ".dib"),
    *(".webp", ".tif", ".tiff", ".gif", ".heic", ".heif", ".hif", ".avif"),
}
# How the files begin that are pictures whatever their name is.
PICTURE = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|BM.{4}\0{4}|GIF8[79]a|RIFF.{4}WEBP|II[*+]\0|MM\0[*+]"
    rb"|.{4}ftyp(hei|hev|mif|msf|avi)",
    re.DOTALL,
)
EVENT = re.compile(r"(?P<time>[^,]+), (INFO|WARNING|ERROR), (?P<code>[a-z0-9-]+), (?P<rest>.*)")
# The run ended, but its results could not be put in place: the file is still an earlier run's.
NOT_WRITTEN = "Results.csv could not be written"


@dataclass(frozen=True)
class Shown:
    """One image as a run shows it."""

    batch: str
    path: str
    label: str | None
    confidence: float | None
    error: str | None
    second_label: str | None
    second_confidence: float | None


def assert_truth(
    settings: Settings,
    *,
    results: Path | None = None,
    events: str | None = None,
    vanished: Collection[str] = (),
) -> None:
    """Assert the oracle's sentence over a project folder that is at rest.

    Args:
        settings: of the project.
        results: where the latest results went, if not where settings say.
        events: the text of the event log, where it could not be written to its file.
        vanished: images ``batch/path`` that were candidates and are no longer in their folder.
    """
    text = read_events(settings) if events is None else events
    with closing(sqlite3.connect(settings.ledger_file)) as ledger:
        ledger.row_factory = sqlite3.Row
        runs = ledger.execute("SELECT * FROM runs ORDER BY rowid DESC").fetchall()
        assert_due_days_ended_once(runs)
        assert_nothing_twice(ledger)
        assert_events_tell(ledger, runs, text)
        for run in runs:
            assert_every_image_is_shown(settings, ledger, run, runs[0], vanished)
        path = results or settings.results_file
        images = shown_in_results(settings, ledger, runs)
        if images is None:
            assert not path.exists(), f"{path} exists, but no run has written it"
        else:
            assert_results_are(settings, path, images)
            assert_numbers_stay(settings, path, runs)


def assert_due_days(settings: Settings) -> None:
    """Assert the part about due days alone, where no client has worked."""
    with closing(sqlite3.connect(settings.ledger_file)) as ledger:
        ledger.row_factory = sqlite3.Row
        assert_due_days_ended_once(ledger.execute("SELECT * FROM runs").fetchall())


def assert_due_days_ended_once(runs: list[Any]) -> None:
    """Every due day from the first to the last has one row, and that has ended."""
    nights = Counter(date.fromisoformat(run["due_date"]) for run in runs if run["due_date"])
    assert all(count == 1 for count in nights.values()), f"a due day twice: {nights}"
    open_runs = [run["id"] for run in runs if run["state"] not in TERMINAL]
    assert not open_runs, f"not ended: {open_runs}"
    if nights:
        first, days = min(nights), (max(nights) - min(nights)).days + 1
        assert set(nights) == {first + timedelta(days=n) for n in range(days)}, "a day is missing"


def assert_nothing_twice(ledger: sqlite3.Connection) -> None:
    """No image twice in a run, no prediction twice in the ledger, none that belongs nowhere."""
    for table, key in (
        ("run_images", "run_id, batch, path"),
        ("predictions", "batch, path, content_hash, model_version"),
    ):
        twice = ledger.execute(f"SELECT {key} FROM {table} GROUP BY {key} HAVING count(*) > 1")
        assert not twice.fetchall(), f"twice in {table}"
    lost = ledger.execute(
        "SELECT count(*) FROM run_images i LEFT JOIN predictions p ON p.id = i.prediction_id"
        " WHERE i.prediction_id IS NOT NULL AND (p.id IS NULL OR p.path <> i.path)"
    ).fetchone()
    assert lost[0] == 0, "images that show a prediction of another, or of none"
    assert ledger.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def assert_every_image_is_shown(
    settings: Settings, ledger: sqlite3.Connection, run: Any, latest: Any, vanished: Collection[str]
) -> None:
    """A run that is done has a prediction for every image it shows; the latest shows them all."""
    by_batch: dict[str, list[Shown]] = {}
    for image in shown_by(ledger, run):
        by_batch.setdefault(image.batch, []).append(image)
    for batch, images in by_batch.items():
        waiting = [image.path for image in images if not image.label and not image.error]
        if run["state"] == "done" and run["kind"] == "manual":
            assert not waiting, f"done, but not scored: {waiting[:3]}"
        if run["id"] == latest["id"]:
            gone = {name.split("/", 1)[1] for name in vanished if name.startswith(f"{batch}/")}
            there = set(candidates(folder_of(settings, batch), settings.batches.litter)) | gone
            assert {image.path for image in images} == there, f"images of {batch} lost or invented"


def shown_in_results(
    settings: Settings, ledger: sqlite3.Connection, runs: list[Any]
) -> list[Shown] | None:
    """Return what Results.csv must show, None where no run has written it.

    That is every batch of the latest nightly run that showed one, and of each run by hand since,
    but those whose results went elsewhere. What could not be written is written by the next run.
    """
    desk: dict[str, list[Shown]] = {}
    written: dict[str, list[Shown]] | None = None
    for run in reversed(runs):
        mine = batches_for_results(settings, ledger, run, desk)
        if mine:
            desk = {**desk, **mine} if run["kind"] == "manual" else mine
            if NOT_WRITTEN not in run["reason"] and run["state"] in TERMINAL:
                written = desk
    if written is None:
        return None
    return [image for images in written.values() for image in images]


def batches_for_results(
    settings: Settings, ledger: sqlite3.Connection, run: Any, desk: Collection[str]
) -> dict[str, list[Shown]]:
    """Return the batches that a run brings to Results.csv: none where nothing is scored in any.

    A batch that is empty counts by hand: its rows go.
    """
    out = json.loads(run["settings"]).get("paths.results")
    if out not in (None, str(settings.paths.results)):
        return {}
    names = ledger.execute(
        "SELECT batch FROM run_batches WHERE run_id = ? ORDER BY position", (run["id"],)
    )
    shown: dict[str, list[Shown]] = {name: [] for (name,) in names}
    for image in shown_by(ledger, run):
        shown[image.batch].append(image)
    emptied = (run["kind"], run["scope"]) == ("manual", "all")
    counts = {
        batch: any(image.label or image.error for image in images) or (emptied and not images)
        for batch, images in shown.items()
    }
    if not any(counts.values()):
        return {}
    waiting = desk if run["kind"] == "manual" else ()
    return {b: images for b, images in shown.items() if counts[b] or (images and b not in waiting)}


def shown_by(ledger: sqlite3.Connection, run: Any) -> Iterator[Shown]:
    """Yield the images of a run in the order of its batches."""
    for row in ledger.execute(
        "SELECT i.batch, i.path, p.label, p.confidence, p.error, p.second_label,"
        " p.second_confidence FROM run_images i"
        " JOIN run_batches b ON b.run_id = i.run_id AND b.batch = i.batch"
        " LEFT JOIN predictions p ON p.id = i.prediction_id"
        " WHERE i.run_id = ? ORDER BY b.position, i.num",
        (run["id"],),
    ):
        yield Shown(*row)


def assert_results_are(settings: Settings, path: Path, images: list[Shown]) -> None:
    """Results.csv is whole and holds one row an image, as the ledger has it."""
    rows = read_whole_results(path, settings.results.separator)
    assert len(rows) == len(images), f"{len(rows)} rows for {len(images)} images"
    for row, image in zip(rows, images, strict=True):
        names = [neutral_cell(image.batch), neutral_cell(image.path)]
        item = [text_cell(image.label), percent(settings, image.confidence)]
        second = [text_cell(image.second_label), percent(settings, image.second_confidence)]
        assert (row[1:5], row[7:9]) == ([*names, *item], second)
        assert bool(row[6]) == (image.label is None), f"label and error do not fit: {row}"


def percent(settings: Settings, share: float | None) -> str:
    """Return a share as Results.csv spells it."""
    text = "" if share is None else f"{share * 100:.2f}"
    return text.replace(".", settings.results.decimal)


def assert_numbers_stay(settings: Settings, path: Path, runs: list[Any]) -> None:
    """No number twice in a batch; and an image has the number that it had before.

    That is in the latest copy of an earlier run that knows its batch, unless that was another
    batch: none of its images is there any more.
    """
    now = numbers_of(path, settings.results.separator)
    for batch, numbers in now.items():
        assert len(set(numbers.values())) == len(numbers), f"a number twice in {batch}"
    copies = [settings.logs_folder / "runs" / run["id"] / "Results.csv" for run in runs]
    for copy in copies[1:]:
        before = numbers_of(copy, settings.results.separator) if copy.is_file() else {}
        for batch in now.keys() & before.keys():
            mine, old = now.pop(batch), before[batch]
            moved = {path for path in mine.keys() & old.keys() if mine[path] != old[path]}
            assert not moved, f"another number than before: {batch}/{sorted(moved)[:3]}"


def numbers_of(path: Path, separator: str) -> dict[str, dict[str, str]]:
    """Return the numbers of the images of each batch in a results file."""
    numbers: dict[str, dict[str, str]] = {}
    for row in read_whole_results(path, separator):
        numbers.setdefault(row[1], {})[row[2]] = row[0]
    return numbers


def read_whole_results(path: Path, separator: str = ",") -> list[list[str]]:
    """Return the rows under the header; a torn file fails."""
    assert path.is_file(), f"{path} is gone"
    data = path.read_bytes()
    assert data.startswith(b"\xef\xbb\xbf"), "no byte order mark"
    assert data.endswith(b"\r\n"), "the last line is torn"
    lines = data.decode("utf-8-sig").splitlines()
    header, *rows = csv.reader(lines, delimiter=separator)
    assert header == HEADER
    assert all(len(row) == len(HEADER) for row in rows)
    assert all(row[0].isdigit() and int(row[0]) > 0 for row in rows)
    return rows


def folder_of(settings: Settings, batch: str) -> Path:
    """Return the folder of a batch, whose name may be an escaped spelling."""
    names = {printable(path.name): path for path in settings.batches_folder.iterdir()}
    return names.get(batch, settings.batches_folder / batch)


def candidates(folder: Path, litter: Collection[str] = ()) -> Iterator[str]:
    """Yield the relative paths of a batch's images, as ledger and results spell them."""

    def counts(name: str) -> bool:
        patterns = (".*", *(pattern.lower() for pattern in litter))
        return not any(fnmatchcase(name.lower(), pattern) for pattern in patterns)

    for home, folders, files in os.walk(folder):
        folders[:] = filter(counts, folders)
        for path in (Path(home, name) for name in filter(counts, files)):
            if path.is_file() and not path.is_symlink() and is_picture(path):
                yield printable(path.relative_to(folder).as_posix())


def is_picture(path: Path) -> bool:
    """Tell whether a file has a picture's suffix, destroyed or not, or a picture's beginning."""
    if path.suffix.lower() in SUFFIXES:
        return True
    with path.open("rb") as file:
        return PICTURE.match(file.read(16)) is not None


def assert_events_tell(ledger: sqlite3.Connection, runs: list[Any], text: str) -> None:
    """Every run's end, every day that was missed and every failed image stands in the events."""
    lines = text.splitlines()
    for line in lines:
        parts = EVENT.fullmatch(line)
        assert parts, f"not an event: {line!r}"
        assert datetime.fromisoformat(parts["time"]).tzinfo, "a time without offset"
    missed = " ".join(line for line in lines if ", run-missed, " in line)
    for run in runs:
        if run["state"] == "missed":
            assert is_in_span(run["due_date"], missed), f"{run['due_date']} was missed in silence"
            continue
        mine = [line for line in lines if f", {run['id']}," in line]
        assert any(f", run-{run['state']}, " in line for line in mine), dict(run)
        errors = ledger.execute(
            "SELECT count(*) FROM predictions WHERE run_id = ? AND error IS NOT NULL", (run["id"],)
        ).fetchone()[0]
        told = sum(", image-failed, " in line for line in mine)
        rest = [re.search(r"(\d+) more images failed", line) for line in mine]
        assert told + sum(int(match[1]) for match in rest if match) >= errors


def is_in_span(day: str, missed: str) -> bool:
    """Tell whether a date lies in one of the spans ``A to B``, or is one of the dates."""
    spans = re.findall(r"missed, (\S{10})(?: to (\S{10}))?:", missed)
    return any(first <= day <= (last or first) for first, last in spans)


def read_events(settings: Settings) -> str:
    """Return the event log with what was set aside, oldest first."""
    aside = sorted(settings.logs_folder.glob("Events-log.*.txt"))
    current = settings.logs_folder / "Events-log.txt"
    files = [*aside, *([current] if current.exists() else [])]
    return "".join(file.read_text(encoding="utf-8") for file in files)
