"""Memory and the ledger's pages that are read do not grow with the number of images.

No seconds: bytes an image, as the interpreter counts them, and SQLite's own query plans.
"""

from __future__ import annotations

import re
import sqlite3
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.large_ledger import VERSION, fill
from desk.app import create_app
from scoring.batches.image_folder import list_images
from scoring.monitoring.collecting import Collector
from scoring.records import audit
from scoring.records.ledger import Ledger, Run
from scoring.records.night_rows import scored_rows
from scoring.records.results_csv import CsvFormat, replace_results
from scoring.records.wanted_pictures import wanted_pictures
from scoring.settings import Settings

FEW, MANY = 2_000, 20_000
# Names, and their sort keys while they are sorted.
BYTES_A_NAME = 300
# What is written from the ledger streams; some caches of SQLite's rows are left.
BYTES_STREAMED = 10
# The arrays that a run is watched by: 57 bytes an image, and room to grow into.
BYTES_WATCHED = 130
# Of the flagged, one in fifty, a line each is remembered.
BYTES_OF_FLAGGED = 20
# What there is one row of for every image.
LARGE = ("predictions", "run_images", "image_numbers")

Work = Callable[[Ledger, Run, Path], object]
WORK: dict[str, tuple[Work, int]] = {
    "Results.csv": (
        lambda ledger, run, folder: replace_results(
            folder / "Results.csv", ledger.result_rows(run.id), CsvFormat()
        ),
        BYTES_STREAMED,
    ),
    "audit": (lambda ledger, run, _: audit.draw(ledger.database, run.id, 60), BYTES_STREAMED),
    "report": (lambda ledger, run, _: Collector(ledger, run).facts(), BYTES_STREAMED),
    "pictures": (lambda ledger, run, _: wanted_pictures(ledger.database, run.id, 20),
                 BYTES_OF_FLAGGED),
    "watch": (lambda ledger, run, _: scored_rows(ledger.database, run.id, VERSION, ["Coat"]),
              BYTES_WATCHED),
}  # fmt: skip


def peak(work: Callable[[], object]) -> int:
    """Return the most bytes that were in use at one time, beyond those before."""
    work()  # what is loaded or cached at the first time is no growth
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_listing_keeps_names_only(settings: Settings, tmp_path: Path) -> None:
    def listing(count: int) -> int:
        folder = tmp_path / f"{count}"
        folder.mkdir()
        for number in range(count):
            (folder / f"img_{number}.png").touch()
        return peak(lambda: list_images(folder, settings.batches))

    assert listing(5_000) - listing(1_000) < BYTES_A_NAME * 4_000


@pytest.mark.parametrize("name", WORK)
def test_the_end_of_a_run_streams(name: str, tmp_path: Path) -> None:
    work, most = WORK[name]

    def used(images: int) -> int:
        settings = Settings(project=tmp_path / f"{images}")
        fill(settings, images)
        with Ledger.from_settings(settings) as ledger:
            (run,) = ledger.runs(1)
            return peak(lambda: work(ledger, run, settings.project))

    assert used(MANY) - used(FEW) < most * (MANY - FEW)


@contextmanager
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """Collect what is asked of SQLite, with the values in their places."""
    told: set[str] = set()
    connect = sqlite3.connect

    def traced(*arguments: Any, **more: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **more)
        connection.set_trace_callback(told.add)
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", traced)
        yield told


@pytest.mark.parametrize(
    "page", ["/", "/runs", "/review", "/pictures", "/pictures?name=x", "/metrics"]
)
def test_the_desk_goes_by_an_index(
    page: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(settings, FEW)
    browser = create_app(settings, loopback=True).test_client()
    browser.post("/who", data={"name": "Ana"}, headers={"Sec-Fetch-Site": "same-origin"})
    with statements(monkeypatch) as asked:
        assert browser.get(page, headers={"Accept": "text/html"}).status_code == 200
    assert any("runs" in one for one in asked)
    with Ledger(settings.ledger_file, 1.0) as ledger:
        for statement in asked:
            if statement.startswith(("SELECT", "WITH", "\nSELECT")):
                assert not scanned(ledger, statement), statement


def scanned(ledger: Ledger, statement: str) -> list[str]:
    """Return the large tables that a statement reads from end to end."""
    names = "|".join(LARGE)
    aliases = {
        alias: table
        for table, alias in re.findall(rf"\b({names})\s+(?:AS\s+)?(\w+)", statement)
    }  # fmt: skip
    plan = ledger.database.query(f"EXPLAIN QUERY PLAN {statement}")
    read = (detail.split()[1] for *_, detail in plan if detail.startswith("SCAN "))
    return [aliases.get(one, one) for one in read if aliases.get(one, one) in LARGE]
