"""A project whose Results.csv people edit, in the ways that spreadsheet programs leave it in."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

from scoring.records.answers import Answer
from scoring.records.events_log import EventsLog
from scoring.records.labels import Labels, PictureKey, Review
from scoring.records.ledger import Run
from scoring.records.publish import export_results, publish_results
from scoring.records.results_csv import COLUMNS
from scoring.settings import Settings
from tests.scoring.records.scored import NOW, add_run, picture, scored_ledger

Row = dict[str, str]


class ResultsDesk:
    """Runs that publish, people who decide at the desk, and people who type."""

    def __init__(self, settings: Settings, pictures: int = 4) -> None:
        self.pictures = pictures
        self.settings, self.path = settings, settings.results_file
        self.ledger = scored_ledger(settings.ledger_file, pictures)
        self.labels = Labels(self.ledger, lambda: NOW)
        self.events = EventsLog(settings.logs_folder, 1_000_000, 2)
        self.pauses: list[float] = []
        self.on_pause: Callable[[], None] = lambda: None
        run = self.ledger.run("r1")
        assert run is not None
        self.publish(run)

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.on_pause()

    def publish(self, run: Run, out: Path | None = None) -> Path | None:
        return publish_results(self.settings, self.ledger, self.events, run, out, self.pause)

    def run(self, run_id: str, content: str = "a", batch: str = "G1") -> Path | None:
        return self.publish(add_run(self.ledger, run_id, {batch: self.pictures}, content=content))

    def export(self) -> bool:
        return export_results(self.settings, self.ledger, self.events, self.pause)

    def decide(self, num: int, label: str) -> Review:
        standing = self.labels.current(picture(num))
        return self.labels.add(
            picture(num), "label", label, reviewer="anna", source="desk",
            expected=standing.id if standing else None,
        )  # fmt: skip

    # The file

    def rows(self) -> list[Row]:
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    def shown(self) -> list[str]:
        """Return what stands in Corrected item, by image."""
        return [row["Corrected item"] for row in self.rows()]

    def save(self, rows: list[Row], form: Callable[[list[Row]], bytes] | None = None) -> None:
        self.path.write_bytes((form or as_saved)(rows))

    def type(self, cells: dict[int, str], form: Callable[[list[Row]], bytes] | None = None) -> None:
        """Put a text into the cells of some images and save the file."""
        rows = self.rows()
        for num, text in cells.items():
            rows[num - 1]["Corrected item"] = text
        self.save(rows, form)

    # What became of it

    def standing(self, key: PictureKey | int) -> Answer | None:
        review = self.labels.current(picture(key) if isinstance(key, int) else key)
        return review.answer if review else None

    def kept(self) -> list[list[str]]:
        """Return image and text of what lies beside."""
        path = self.path.with_name("Results-typed.csv")
        if not path.exists():
            return []
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [[row["Image"], row["Typed"]] for row in csv.DictReader(file)]

    def told(self) -> str:
        return self.events.path.read_text("utf-8")


def as_saved(
    rows: list[Row],
    separator: str = ",",
    encoding: str = "utf-8",
    columns: tuple[str, ...] = COLUMNS,
) -> bytes:
    """Return a file with some columns, in their order."""
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, columns, delimiter=separator, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode(encoding, "replace")
