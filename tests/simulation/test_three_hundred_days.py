"""300 days in one process: whatever goes wrong at night, the oracle holds in the morning."""

from __future__ import annotations

import ctypes
import gc
import hashlib
import logging
import os
import re
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import psutil
import pytest

from client import batch_job
from scoring.records.ledger import Ledger, Run
from scoring.records.text import neutral_cell, printable
from server.models import ModelTable, load_models
from tests.conftest import BUNDLE
from tests.faults.oracle import assert_truth, candidates, read_events, read_whole_results
from tests.simulation.mishaps import MINUTE, LedgerDamaged, Mishap, draw
from tests.simulation.office import Office, office_settings
from tests.simulation.office_clock import OfficeClock
from tests.simulation.programs import AtOnce

# Both changes to and from daylight saving lie within, at the hour of the run.
ZONE = ZoneInfo("Europe/Berlin")
FIRST_DAY = date(2027, 1, 10)
DAYS = 300
WARM = 50
SEED = 4
# A punctual run starts within this time after its due time.
PUNCTUAL = timedelta(minutes=2)
MEGABYTE = 1_000_000
# What nobody foresaw becomes an event too, so that the next night is tried; here it is an error.
BUG = re.compile(", (bug|scheduler-trouble), ")


@pytest.fixture(scope="module")
def models() -> Iterator[ModelTable]:
    table = load_models((BUNDLE,), threads=1)
    yield table
    table.close()


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """Lie in memory where that can be had: a thousand runs wait long for a disk's fsync."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Keep log records from piling up in pytest's own memory."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def give_back_freed() -> None:
    """Count what is held, not what the allocator keeps of tests that came before, where it can."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


@dataclass
class Footprint:
    """What a process that never ends must not let grow."""

    rss: int
    blocks: int
    objects: int
    handles: int
    threads: int
    log_bytes: int
    ledger_bytes: int
    runs: int

    @classmethod
    def measure(cls, office: Office) -> Footprint:
        gc.collect()
        give_back_freed()
        process = psutil.Process()
        logs = [file.stat().st_size for file in office.settings.logs_folder.glob("*.*")]
        with closing(sqlite3.connect(office.settings.ledger_file)) as ledger:
            runs = ledger.execute("SELECT count(*) FROM runs").fetchone()[0]
        handles = getattr(process, "num_handles" if os.name == "nt" else "num_fds")()
        return cls(
            process.memory_info().rss, sys.getallocatedblocks(), len(gc.get_objects()), handles,
            threading.active_count(), sum(logs), office.settings.ledger_file.stat().st_size, runs,
        )  # fmt: skip


@dataclass
class Diary:
    """What happened, for the one who reads the output."""

    seconds: float = 0.0
    work: float = 0.0
    mishaps: Counter[str] = field(default_factory=Counter)
    checked: int = 0
    whole_nights: int = 0
    by_hand: int = 0
    footprints: dict[int, Footprint] = field(default_factory=dict)

    def tell(self, office: Office) -> str:
        with closing(sqlite3.connect(office.settings.ledger_file)) as ledger:
            states = dict(ledger.execute("SELECT state, count(*) FROM runs GROUP BY state"))
        lines = [
            "",
            f"{DAYS} days in {self.seconds:.1f} s, {self.work:.1f} s of them work",
            f"mornings on which the oracle held: {self.checked}",
            f"nights on which every image had to be scored, and was: {self.whole_nights}",
            f"runs by hand: {self.by_hand}",
            f"runs still in the ledger: {states}",
            "mishaps: " + ", ".join(f"{n} x{c}" for n, c in sorted(self.mishaps.items())),
        ]
        lines += [f"day {day}: {print_}" for day, print_ in self.footprints.items()]
        return "\n".join(lines) + "\n"


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_three_hundred_days(
    project: Path,
    models: ModelTable,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    started, worked = time.monotonic(), time.process_time()
    random, diary = Random(SEED), Diary()
    office = open_office(project, models, random, monkeypatch)
    for number in range(DAYS):
        live_one_day(office, number, random, diary)
        if number + 1 in (WARM, DAYS // 2, DAYS):
            diary.footprints[number + 1] = Footprint.measure(office)
    office.nightly.shut_down()
    diary.seconds, diary.work = time.monotonic() - started, time.process_time() - worked
    with capsys.disabled():
        sys.stdout.write(diary.tell(office))
    assert diary.checked > DAYS * 0.8
    assert diary.whole_nights > DAYS * 0.3
    assert_nothing_grew(diary.footprints[WARM], diary.footprints[DAYS])
    assert_house_is_kept(office)


def open_office(
    project: Path, models: ModelTable, random: Random, monkeypatch: pytest.MonkeyPatch
) -> Office:
    opening = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, 10, tzinfo=ZONE)
    clock = OfficeClock(opening.astimezone(UTC), ZONE)
    office = Office(office_settings(project, clock), models, random)
    (project / "image_batches" / "day-000").mkdir()
    monkeypatch.setattr(os, "replace", office.replace)
    monkeypatch.setattr(batch_job, "ThreadPoolExecutor", AtOnce)
    return office


def live_one_day(office: Office, number: int, random: Random, diary: Diary) -> None:
    """From ten in the morning to nine on the next, then look whether all is true."""
    day = FIRST_DAY + timedelta(days=number)
    night = office.due_day(day + timedelta(days=1))
    if office.clock.true >= night.server_at:
        return  # the machine was off all day
    office.share.change(number + 1, office.clock.true)
    by_hand = random.random() < 0.1
    if by_hand:
        work_by_hand(office, random, diary)
    mishaps = draw(random)
    if mishaps == [] and not by_hand and office.was_calm and random.random() < 0.1:
        mishaps = [LedgerDamaged()]
    office.was_calm = mishaps == []
    diary.mishaps.update(type(mishap).__name__ for mishap in mishaps)
    office.look_every = MINUTE if number % 3 == 0 else 5 * MINUTE
    office.prepare(mishaps, night.client_at)
    nine = datetime(night.date.year, night.date.month, night.date.day, 9, tzinfo=ZONE)
    office.live_until(nine.astimezone(UTC))
    with explained(day, mishaps):
        check(office, night.date, mishaps, diary)
    office.end_night()
    office.live_until((nine + timedelta(hours=1)).astimezone(UTC))


def work_by_hand(office: Office, random: Random, diary: Diary) -> None:
    batch = random.choice(sorted(office.share.folder.iterdir()))
    code = office.by_hand(batch.name, *random.choice(((), ("--fresh",), ("--new",))))
    assert code in (0, 1), f"by hand: exit code {code}"
    diary.by_hand += 1


class explained:
    """Name day and mishaps where the oracle fails."""

    def __init__(self, day: date, mishaps: list[Mishap]) -> None:
        self._where = f"{day}: {', '.join(map(str, mishaps)) or 'no mishap'}"

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error:
            error.add_note(self._where)


def check(office: Office, due: date, mishaps: list[Mishap], diary: Diary) -> None:
    """Ask the oracle, and whether a night that could do all of its work has done it."""
    assert office.crashes == []
    bugs = [line for line in read_events(office.settings).splitlines() if BUG.search(line)]
    assert bugs == []
    with Ledger(office.settings.ledger_file, 1.0) as ledger:
        run = ledger.nightly_run(due)
    assert run, f"{due} has no end"
    # After a night without a client the folder is not as any run has seen it.
    has_run = office.last_client_at > office.share.changed_at
    if office.share.folder.exists() and (has_run or run.state == "missed"):
        assert_truth(office.settings, vanished=still_shown(office, run))
        diary.checked += 1
    delay = office.started_at.get(due, office.clock.true) - office.due_day(due).client_at
    # A clock that was wrong may have made this run the night before.
    if not mishaps and timedelta(0) <= delay < PUNCTUAL:
        assert run.state in ("done", "failed"), f"{run.state}: {run.reason}"
        assert_all_scored(office, run)
        assert_all_shown(office)
        diary.whole_nights += 1


def still_shown(office: Office, run: Run) -> set[str]:
    """Return the vanished images that the run lists: a second client may not have seen them."""
    with closing(sqlite3.connect(office.settings.ledger_file)) as ledger:
        mine = ledger.execute("SELECT batch, path FROM run_images WHERE run_id = ?", (run.id,))
        return office.vanished & {f"{batch}/{path}" for batch, path in mine}


def assert_all_scored(office: Office, run: Run) -> None:
    """Every image that lies in the folder has exactly one prediction for its content."""
    with closing(sqlite3.connect(office.settings.ledger_file)) as ledger:
        rows = Counter(ledger.execute("SELECT batch, path, content_hash FROM predictions"))
    home = office.settings.batches_folder
    for batch in sorted(path for path in home.iterdir() if path.is_dir()):
        hashes = {
            printable(path.name): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in batch.iterdir()
            if path.is_file() and not path.is_symlink()
        }
        for name in candidates(batch):
            assert rows[batch.name, name, hashes[name]] == 1, f"{batch.name}/{name}: {run}"


def assert_all_shown(office: Office) -> None:
    """Every image that lies in the folder has been in a Results.csv some morning."""
    for copy in (office.settings.logs_folder / "runs").glob("*/Results.csv"):
        if copy.parent.name not in office.copies_read:
            office.copies_read.add(copy.parent.name)
            office.shown.update((row[1], row[2]) for row in read_whole_results(copy))
    home = office.settings.batches_folder
    for batch in (path.name for path in home.iterdir() if path.is_dir()):
        hidden = {
            name
            for name in map(neutral_cell, candidates(home / batch))
            if (batch, name) not in office.shown
        }
        assert not hidden, f"scored, but never in a Results.csv: {batch} {sorted(hidden)[:3]}"


def assert_nothing_grew(warm: Footprint, end: Footprint) -> None:
    assert end.rss - warm.rss < 25 * MEGABYTE  # 9 to 16 until arenas are filled, then 2
    assert end.blocks < warm.blocks * 1.03  # 1.2 % are what the desk remembers
    assert end.objects < warm.objects * 1.05
    assert end.handles <= warm.handles
    assert end.threads <= warm.threads


def assert_house_is_kept(office: Office) -> None:
    """Logs are rotated; ledger, copies and backups hold what settings say and no more."""
    records = office.settings.records
    logs = office.settings.logs_folder
    aside = list(logs.glob("Events-log.*.txt"))
    assert 0 < len(aside) <= records.log_files
    assert all(file.stat().st_size < records.log_bytes * 1.1 for file in aside)
    copies = sorted(folder.name for folder in (logs / "runs").iterdir())
    oldest = office.clock.now() - timedelta(days=records.runs_keep_days + 4)
    assert copies[0] >= f"{oldest:%Y%m%d}"
    with closing(sqlite3.connect(office.settings.ledger_file)) as ledger:
        first = ledger.execute("SELECT min(substr(started_at, 1, 10)) FROM runs").fetchone()[0]
    assert date.fromisoformat(first) > (
        office.clock.now().date() - timedelta(days=records.keep_days + 4)
    )
    backups = list(office.settings.backups_folder.iterdir())
    assert len(backups) == records.backups
    leftovers = [path for path in office.settings.project.rglob(".*.part")]
    assert leftovers == []
