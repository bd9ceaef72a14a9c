"""The write-ahead log stays while somebody presses keys, and no longer."""

from __future__ import annotations

from pathlib import Path

import pytest

from desk.kept_open import KeptOpen
from scoring.records.ledger import Ledger
from scoring.settings import Settings
from tests.deadlines import wait_for
from tests.desk.waiting_pictures import add_run, flagged


@pytest.fixture
def log(settings: Settings) -> Path:
    add_run(settings, [flagged(1)])
    return settings.ledger_file.with_name("ledger.db-wal")


def write(settings: Settings) -> None:
    with Ledger.from_settings(settings) as ledger:
        ledger.set_fact("a", "b")


def test_it_stays_open_until_it_is_closed_and_is_opened_again(
    settings: Settings, log: Path
) -> None:
    write(settings)
    assert not log.exists(), "the last one to leave clears it away"
    # Longer than any test may take: it is not closed by itself.
    kept = KeptOpen(settings.ledger_file, idle_seconds=3_600)
    for _ in range(2):
        kept.touch()
        write(settings)
        kept.touch()
        assert log.exists()
        kept.close()
        assert not log.exists()


def test_it_is_closed_by_itself_when_nobody_touches_it(settings: Settings, log: Path) -> None:
    kept = KeptOpen(settings.ledger_file, idle_seconds=0.3)
    kept.touch()
    kept.touch()
    write(settings)
    wait_for(lambda: not log.exists(), "it is closed by itself")


def test_a_ledger_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    kept = KeptOpen(tmp_path / "ledger.db")
    kept.touch()
    kept.close()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_ledger_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_text("no database" * 100)
    kept = KeptOpen(path)
    kept.touch()
    kept.touch()
    kept.close()
    assert path.read_text() == "no database" * 100
