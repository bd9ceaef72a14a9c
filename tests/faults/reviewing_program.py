"""A person at work, for tests that kill him: decides one picture after the other, and notes it.

``python reviewing_program.py LEDGER NAME NOTES SECONDS``: what he is about to say is noted first,
then said, then noted as said. Started again, he first says once more what he was not answered to.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from scoring.records.labels import Labels, PictureKey, ReviewConflict
from scoring.records.ledger import Ledger

PICTURES = 200
LABELS = {"anna": "Coat", "ben": "Shirt"}


def note(path: Path, line: str) -> None:
    """Write a line that is on the disk when this returns."""
    with path.open("a") as file:
        file.write(f"{line}\n")
        file.flush()
        os.fsync(file.fileno())


def decide(labels: Labels, name: str, notes: Path, num: int) -> None:
    """Say what one picture shows, unless the other was first."""
    key = PictureKey("G1", f"{num}.png", f"a{num}")
    note(notes, f"about {num}")
    with suppress(ReviewConflict):
        review = labels.add(key, "label", LABELS[name], reviewer=name, source="desk")
        note(notes, f"said {num} {review.id}")
        return
    note(notes, f"late {num}")


def main(ledger_file: str, name: str, notes_file: str, seconds: str) -> None:
    """Work from one end of the pictures, the other one from the other."""
    notes = Path(notes_file)
    last = notes.read_text().splitlines()[-1:] if notes.exists() else []
    order = range(1, PICTURES + 1) if name == "anna" else range(PICTURES, 0, -1)
    with Ledger(Path(ledger_file), 30.0) as ledger:
        labels = Labels(ledger)
        if last and last[0].startswith("about"):
            decide(labels, name, notes, int(last[0].split()[1]))
        for num in order:
            if labels.current(PictureKey("G1", f"{num}.png", f"a{num}")) is None:
                decide(labels, name, notes, num)
                time.sleep(float(seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
