"""Seven nights, each of another kind: its report says at first glance what was special."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fashion_model.drawn.draw import Drawn
from scoring.monitoring.page import MOST_BYTES
from tests.scoring.monitoring import nights as kinds
from tests.scoring.monitoring.nights import nights_in

pytestmark = pytest.mark.long

COUNT = 40
Kind = Callable[[int, int], Iterator[Drawn]]

# What came in → what the verdict has to say, and where there are no nights to compare with.
SAID: tuple[tuple[Kind, tuple[str, ...], tuple[str, ...]], ...] = (
    (kinds.clean, ("came in and were scored;", "nothing else is out of the ordinary"),
     ("came in and were scored;",)),
    (kinds.dark, ("they are darker than usual", "far more than usual"),
     ("they are darker than the model's test pictures", "which is many")),
    (kinds.blurred, ("stranger to the model than usual", "far more than usual"),
     ("want a person, which is many", "not a garment?")),
    (kinds.with_digits, ("stranger to the model than usual", "not a garment?"),
     ("want a person, which is many", "not a garment?")),
    (kinds.one_class, ("all of them are Trouser",), ("of them are Trouser",)),
    (kinds.half_corrupt, ("20 of 40 pictures could not be read",),
     ("20 of 40 pictures could not be read",)),
    (kinds.empty, ("Nothing new came in",), ("Nothing new came in",)),
)  # fmt: skip
QUIET_NIGHTS = 8


@pytest.mark.parametrize("quiet", [0, QUIET_NIGHTS], ids=["from the first night", "after others"])
def test_each_report_says_at_first_glance_what_was_special(project: Path, quiet: int) -> None:
    with nights_in(project) as nights:
        for seed in range(100, 100 + quiet):
            nights.night(kinds.clean(COUNT, seed))
        for seed, (kind, usual, first) in enumerate(SAID):
            run = nights.night(kind(COUNT, seed))
            folder = nights.settings.logs_folder / "runs" / run.id
            text = " ".join((folder / "report.txt").read_text(encoding="utf-8").split())
            sentence = text.partition(f" R{run.due_date:%m%d} ")[2] or text
            for words in usual if quiet else first:
                assert words in sentence[:400], f"{kind.__name__}: {sentence[:400]}"
            assert (folder / "report.html").stat().st_size <= MOST_BYTES
