"""Desk and server open what a run has made, and makes, upgrades and mends nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from scoring.protocol.errors import LedgerDamaged, LedgerError, LedgerMissing, LedgerOutdated
from scoring.records.ledger import Ledger
from scoring.records.ledger_beside import open_ledger
from scoring.settings import Settings


def test_there_is_none_yet(settings: Settings) -> None:
    with pytest.raises(LedgerMissing):
        open_ledger(settings)
    assert not settings.ledger_file.exists()


def test_an_older_one_is_left_to_the_next_run(settings: Settings) -> None:
    Ledger.from_settings(settings).close()
    with closing(sqlite3.connect(settings.ledger_file)) as database:
        database.execute("PRAGMA user_version = 4")
    with pytest.raises(LedgerOutdated, match="next run"):
        open_ledger(settings)
    with closing(sqlite3.connect(settings.ledger_file)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (4,)


def test_a_newer_and_a_damaged_one_are_told_apart(settings: Settings) -> None:
    Ledger.from_settings(settings).close()
    with closing(sqlite3.connect(settings.ledger_file)) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerError, match="newer"):
        open_ledger(settings)
    settings.ledger_file.write_bytes(b"no database at all" * 100)
    with pytest.raises(LedgerDamaged):
        open_ledger(settings)


def test_it_is_read_and_written_while_a_run_has_it_open(settings: Settings) -> None:
    with Ledger.from_settings(settings) as run, open_ledger(settings) as desk:
        with run.database.transaction():
            assert desk.fact("x") is None, "a reader does not wait for a writer"
        desk.set_fact("x", "1")
        assert run.fact("x") == "1"
