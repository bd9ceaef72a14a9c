"""The ledger that a project had is missed; and whoever only looks makes nothing."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from scoring.protocol.errors import LedgerDamaged, LedgerError, LedgerMissing, LedgerOutdated
from scoring.records.events_log import EventsLog
from scoring.records.ledger import ChunkCost, Ledger, Run, ScoredImage
from scoring.records.ledger_look import look_at_ledger
from scoring.records.recovery import recover_ledger
from scoring.settings import Settings
from tests.scoring.records.test_upgrades import make_old

NOW = datetime(2026, 11, 21, 18, 5, tzinfo=UTC)
RUN = Run("r1", "manual", None, "all", ("G1",), "running", "", "fashion", "v1", NOW, None)
POSIX = pytest.mark.skipif(os.name == "nt", reason="not run here: needs a POSIX system")


@pytest.fixture
def ledger_file(settings: Settings) -> Path:
    """Return the file of a ledger with one run that was closed and lies at rest."""
    with Ledger.from_settings(settings) as ledger:
        ledger.start_run(RUN)
    return settings.ledger_file


def back_up(settings: Settings) -> None:
    with Ledger.from_settings(settings) as ledger:
        ledger.copy_to(settings.backups_folder / "ledger-2026-11-20.db")


def recover(settings: Settings, damage: LedgerDamaged) -> str:
    """Put a ledger in the place of the lost one; return what the events tell."""
    events = EventsLog.from_settings(settings)
    recover_ledger(settings, events, damage, NOW)
    return events.path.read_text(encoding="utf-8")


def listing(settings: Settings) -> dict[str, tuple[int, bytes]]:
    """Return everything in the project folder with its time and content."""
    files = [path for path in settings.project.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def remove(path: Path) -> None:
    for side in path.parent.glob("ledger.db*"):
        side.unlink()


def empty(path: Path) -> None:
    remove(path)
    path.touch()


def folder(path: Path) -> None:
    remove(path)
    path.mkdir()


def pipe(path: Path) -> None:
    remove(path)
    os.mkfifo(path)


def way_to_nothing(path: Path) -> None:
    remove(path)
    path.symlink_to("away.db")


def only_side_files(path: Path) -> None:
    remove(path)
    path.with_name("ledger.db-wal").write_bytes(b"left behind" * 1000)


LOSSES = [remove, empty, folder, only_side_files]
LOSSES += [] if os.name == "nt" else [pipe, way_to_nothing]


@pytest.mark.parametrize("lose", LOSSES)
@pytest.mark.parametrize("backed_up", [True, False])
def test_a_ledger_that_was_there_is_missed_and_replaced(
    settings: Settings, ledger_file: Path, lose: Callable[[Path], None], backed_up: bool
) -> None:
    """Also on the first day, before there is a backup of it."""
    if backed_up:
        back_up(settings)
    lose(ledger_file)
    with pytest.raises(LedgerDamaged, match="empty or gone"):
        Ledger.from_settings(settings)
    told = recover(settings, _damage(settings))
    assert ", ERROR, ledger-damaged, " in told
    assert ("the backup ledger-2026-11-20.db" if backed_up else "an empty one") in told
    with Ledger.from_settings(settings) as ledger:
        assert [run.id for run in ledger.runs(9)] == (["r1"] if backed_up else [])
        ledger.start_run(replace(RUN, id="r2"))


def _damage(settings: Settings) -> LedgerDamaged:
    with pytest.raises(LedgerDamaged) as damage:
        Ledger.from_settings(settings)
    return damage.value


@pytest.mark.parametrize("lose", LOSSES)
def test_whoever_looks_at_a_lost_ledger_is_told_and_changes_nothing(
    settings: Settings, ledger_file: Path, lose: Callable[[Path], None]
) -> None:
    lose(ledger_file)
    before = sorted(settings.project.rglob("*"))
    with pytest.raises(LedgerDamaged, match="empty or gone"), look_at_ledger(settings):
        pass
    assert sorted(settings.project.rglob("*")) == before


def test_a_ledger_that_never_was_is_not_missed(settings: Settings) -> None:
    with pytest.raises(LedgerMissing, match="the first run makes it"), look_at_ledger(settings):
        pass
    assert not settings.ledger_file.parent.exists()
    Ledger.from_settings(settings).close()


@pytest.mark.parametrize("what", [folder, *([] if os.name == "nt" else [pipe])])
def test_what_stands_in_its_place_from_the_start_is_an_error(
    settings: Settings, what: Callable[[Path], None]
) -> None:
    settings.ledger_file.parent.mkdir()
    what(settings.ledger_file)
    with pytest.raises(LedgerError, match="a file is to be made there") as error:
        Ledger.from_settings(settings)
    assert not isinstance(error.value, LedgerDamaged)


def test_a_project_that_is_removed_whole_begins_anew(settings: Settings, ledger_file: Path) -> None:
    back_up(settings)
    shutil.rmtree(ledger_file.parent)
    with Ledger.from_settings(settings) as ledger:
        assert ledger.runs(9) == []


# A look


def test_a_look_at_a_ledger_at_rest_changes_nothing(settings: Settings, ledger_file: Path) -> None:
    before = listing(settings)
    with look_at_ledger(settings) as ledger:
        assert [run.id for run in ledger.runs(9)] == ["r1"]
        assert listing(settings) == before
    assert listing(settings) == before


def test_a_look_at_a_ledger_in_use_sees_what_was_written_last(
    settings: Settings, ledger_file: Path
) -> None:
    with Ledger.from_settings(settings) as ledger:
        ledger.start_run(replace(RUN, id="r2"))
        names = sorted(os.listdir(ledger_file.parent))
        with look_at_ledger(settings) as look:
            assert [run.id for run in look.runs(9)] == ["r2", "r1"]
        assert sorted(os.listdir(ledger_file.parent)) == names


@pytest.mark.parametrize("left", [["-wal", "-shm"], ["-wal"]])
def test_a_look_after_a_kill_sees_what_was_written_last(
    settings: Settings, ledger_file: Path, tmp_path: Path, left: list[str]
) -> None:
    """A killed program leaves both side files, a copy that was put back perhaps only one."""
    with Ledger.from_settings(settings) as ledger:
        ledger.start_run(replace(RUN, id="r2"))
        for side in ["", *left]:
            shutil.copy(f"{ledger_file}{side}", tmp_path / f"ledger.db{side}")
    remove(ledger_file)
    for side in ["", *left]:
        shutil.copy(tmp_path / f"ledger.db{side}", f"{ledger_file}{side}")
    names = sorted(os.listdir(ledger_file.parent))
    with look_at_ledger(settings) as look:
        assert [run.id for run in look.runs(9)] == ["r2", "r1"]
    assert sorted(os.listdir(ledger_file.parent)) == names


def test_what_is_wrong_with_a_ledger_is_told_of_it_and_not_of_the_copy_that_was_read(
    settings: Settings,
) -> None:
    ledger = settings.ledger_file
    ledger.parent.mkdir()
    make_old(ledger, 2)
    Path(f"{ledger}-wal").touch()  # as a kill leaves it
    with pytest.raises(LedgerOutdated) as caught, look_at_ledger(settings):
        pass
    assert str(caught.value).startswith(f"{ledger} is of an older version")


def test_a_ledger_that_cannot_be_copied_to_be_looked_at_is_told(settings: Settings) -> None:
    Ledger.from_settings(settings).close()
    Path(f"{settings.ledger_file}-wal").mkdir()
    why = "was not closed, and cannot be copied"
    with pytest.raises(LedgerError, match=why), look_at_ledger(settings):
        pass


def test_a_look_upgrades_nothing(settings: Settings) -> None:
    settings.ledger_file.parent.mkdir()
    make_old(settings.ledger_file, 2)
    before = listing(settings)
    with pytest.raises(LedgerOutdated, match="schema 2"), look_at_ledger(settings):
        pass
    assert listing(settings) == before


def test_a_look_cannot_write(settings: Settings, ledger_file: Path) -> None:
    with look_at_ledger(settings) as look, pytest.raises(LedgerError, match="readonly"):
        with look.database.transaction() as connection:
            connection.execute("DELETE FROM runs")


# In use


@pytest.fixture
def in_use(settings: Settings, ledger_file: Path) -> Iterator[Ledger]:
    back_up(settings)
    with Ledger.from_settings(settings) as ledger:
        ledger.touch_batch("r1", "G1", 0, ["1.png"])
        yield ledger


@POSIX
def test_a_ledger_that_is_removed_while_it_is_written_is_missed_at_once(in_use: Ledger) -> None:
    """Linux lets a program write on into a file that nobody will ever find again."""
    remove(in_use.path)
    image = ScoredImage(1, "1.png", "d", label="Bag", confidence=0.9)
    with pytest.raises(LedgerDamaged, match="removed or replaced"):
        in_use.commit_chunk("r1", "G1", "v1", [image], ChunkCost(), NOW)
    with pytest.raises(LedgerDamaged, match="removed or replaced"):
        in_use.open_reader()
    assert not in_use.path.exists(), "a look-up made a new one"


@POSIX
def test_a_ledger_that_is_replaced_while_it_is_written_is_taken_as_it_is(
    settings: Settings, in_use: Ledger
) -> None:
    shutil.copy(settings.backups_folder / "ledger-2026-11-20.db", in_use.path.with_name("new"))
    os.replace(in_use.path.with_name("new"), in_use.path)
    with pytest.raises(LedgerDamaged) as damage:
        in_use.start_run(replace(RUN, id="r2"))
    in_use.close()
    assert "goes on from there" in recover(settings, damage.value)
    with Ledger.from_settings(settings) as ledger:
        assert [run.id for run in ledger.runs(9)] == ["r1"]
    assert not list(in_use.path.parent.glob("*damaged*"))


# Rights


@POSIX
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_ledger_and_backups_are_this_users_alone(settings: Settings, umask: int) -> None:
    before = os.umask(umask)
    try:
        with Ledger.from_settings(settings) as ledger:
            ledger.start_run(RUN)
            ledger.copy_to(settings.backups_folder / "ledger-2026-11-20.db")
            data = settings.ledger_file.parent
            modes = {
                path.name: stat.S_IMODE(path.stat().st_mode)
                for path in [data, *data.glob("ledger*"), *settings.backups_folder.iterdir()]
            }
        settings.ledger_file.write_bytes(b"spoilt")
        recover(settings, LedgerDamaged("spoilt"))
        assert stat.S_IMODE(settings.ledger_file.stat().st_mode) == 0o600
    finally:
        os.umask(before)
    assert modes == {
        "data": 0o700,
        **dict.fromkeys(["ledger.db", "ledger.db-wal", "ledger.db-shm"], 0o600),
        "ledger-2026-11-20.db": 0o600,
    }


def test_rights_that_somebody_gave_stay(settings: Settings, ledger_file: Path) -> None:
    ledger_file.parent.chmod(0o750)
    ledger_file.chmod(0o640)
    Ledger.from_settings(settings).close()
    assert stat.S_IMODE(ledger_file.parent.stat().st_mode) == 0o750
    assert stat.S_IMODE(ledger_file.stat().st_mode) == 0o640


def test_an_old_ledger_is_marked_at_its_next_start(settings: Settings) -> None:
    settings.ledger_file.parent.mkdir()
    make_old(settings.ledger_file, 2)
    Ledger.from_settings(settings).close()
    with closing(sqlite3.connect(settings.ledger_file)) as ledger:
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for copy in settings.ledger_file.parent.glob("ledger*"):
        copy.unlink()
    with pytest.raises(LedgerDamaged, match="it was made here once"):
        Ledger.from_settings(settings)
