"""Whenever it is killed, the old version serves or the new one, and the ledger says which."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from fashion_model.calibrate import write_signature
from fashion_model.retraining.serving import (
    Facts,
    current_version,
    find_candidate,
    serving_bundle,
    write_facts,
)
from fashion_model.retraining.switching import JOURNAL_FILE, Switching
from scoring.inference.bundle import load_bundle
from scoring.protocol.commands import command
from scoring.protocol.errors import Busy, UsageError
from scoring.protocol.promoted import CURRENT_FILE, retrained_folder
from scoring.records.ledger import Ledger
from scoring.records.model_switches import ModelSwitch, switches
from scoring.settings import Settings
from server.models import load_served
from tests.conftest import BUNDLE

SHIPPED = load_bundle(BUNDLE).signature.version


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    with closing(Ledger.from_settings(settings)) as opened:
        yield opened


def candidate(settings: Settings, note: str) -> str:
    """Make a retrained bundle that differs in a word; return its version."""
    home = retrained_folder(settings)
    part = home / f"part-{note}"
    part.mkdir(parents=True)
    for name in ("model.tflite", "head.npz", "signature.json"):
        shutil.copy(BUNDLE / name, part / name)
    signature = load_bundle(part).signature.renewed(note=note)
    write_signature(part, signature)
    write_facts(part, Facts("fashion", SHIPPED, f"2026-11-0{len(note)}T00:00:00", [], 1.0))
    part.rename(home / signature.version)
    return signature.version


def served(settings: Settings) -> str:
    """Return what a server loads that starts now."""
    with closing(load_served(settings)) as models:
        return models.signatures()[0].version


def promote(settings: Settings, ledger: Ledger, version: str) -> ModelSwitch:
    switching = Switching(settings, ledger.database)
    with switching.alone("test"):
        return switching.promote("fashion", version, {"gate": {"accuracy": 0.9}})


def roll_back(settings: Settings, ledger: Ledger) -> ModelSwitch:
    switching = Switching(settings, ledger.database)
    with switching.alone("test"):
        return switching.roll_back("fashion")


def told(ledger: Ledger) -> list[tuple[str, str, str]]:
    return [(one.action, one.from_version, one.to_version) for one in switches(ledger.database)]


def test_a_promotion_serves_and_is_written_down(settings: Settings, ledger: Ledger) -> None:
    version = candidate(settings, "a")
    switch = promote(settings, ledger, version)
    assert served(settings) == version
    assert switches(ledger.database, "fashion") == [switch]
    assert (switch.from_version, switch.to_version) == (SHIPPED, version)
    assert switch.facts == {"gate": {"accuracy": 0.9}}
    assert switch.who
    assert switch.at.endswith("+00:00")
    assert switches(ledger.database, "digits") == []


def test_back_and_back_to_the_shipped_one(settings: Settings, ledger: Ledger) -> None:
    versions = [candidate(settings, note) for note in ("a", "bb", "ccc")]
    for version in versions:
        promote(settings, ledger, version)
    seen = []
    for _ in range(3):
        roll_back(settings, ledger)
        seen.append(served(settings))
    assert seen == [versions[1], versions[0], SHIPPED]
    with pytest.raises(UsageError, match="none before it"):
        roll_back(settings, ledger)


def test_back_forth_and_back(settings: Settings, ledger: Ledger) -> None:
    first, second, third = (candidate(settings, note) for note in ("a", "bb", "ccc"))
    promote(settings, ledger, first)
    promote(settings, ledger, second)
    roll_back(settings, ledger)
    promote(settings, ledger, third)
    roll_back(settings, ledger)
    assert served(settings) == first
    roll_back(settings, ledger)
    assert served(settings) == SHIPPED


def test_a_version_that_is_gone_is_passed_over(settings: Settings, ledger: Ledger) -> None:
    first, second = (candidate(settings, note) for note in ("a", "bb"))
    promote(settings, ledger, first)
    promote(settings, ledger, second)
    shutil.rmtree(retrained_folder(settings, first))
    assert roll_back(settings, ledger).facts == {"passed_over": [first]}
    assert served(settings) == SHIPPED


def test_without_the_ledgers_memory_it_goes_back_to_the_shipped_one(
    settings: Settings, ledger: Ledger
) -> None:
    promote(settings, ledger, candidate(settings, "a"))
    with ledger.database.transaction() as connection:
        connection.execute("DELETE FROM model_switches")
    roll_back(settings, ledger)
    assert served(settings) == SHIPPED


@pytest.mark.parametrize("action", ["promote", "rollback"])
@pytest.mark.parametrize("step", ["journal", "current", "ledger", "done"])
def test_killed_at_a_step_one_of_the_two_serves_and_the_ledger_says_it(
    settings: Settings, ledger: Ledger, step: str, action: str
) -> None:
    old, new = candidate(settings, "a"), candidate(settings, "bb")
    promote(settings, ledger, old)
    if action == "rollback":
        promote(settings, ledger, new)
        old, new = new, old
    before = told(ledger)

    def kill(reached: str) -> None:
        if reached == step:
            raise Killed

    dying = Switching(settings, ledger.database, kill)
    switch = (
        dying.roll_back if action == "rollback" else partial(dying.promote, version=new, facts={})
    )
    with dying.alone("test"), pytest.raises(Killed):
        switch("fashion")
    is_done = step in ("ledger", "done")
    assert served(settings) == (new if is_done else old)
    with Switching(settings, ledger.database).alone("the next one"):
        pass
    assert told(ledger) == [*before, *([(action, old, new)] if is_done else [])]
    assert served(settings) == (new if is_done else old)
    assert not (retrained_folder(settings) / JOURNAL_FILE).exists()


def test_one_at_a_time(settings: Settings, ledger: Ledger) -> None:
    version = candidate(settings, "a")
    with (
        Switching(settings, ledger.database).alone("the first"),
        pytest.raises(Busy, match="the first"),
    ):
        promote(settings, ledger, version)
    assert served(settings) == SHIPPED
    promote(settings, ledger, version)
    assert served(settings) == version


def test_other_models_keep_theirs(settings: Settings, ledger: Ledger) -> None:
    home = retrained_folder(settings)
    version = candidate(settings, "a")
    (home / CURRENT_FILE).write_text('{"digits": "%s"}' % ("0" * 64))
    promote(settings, ledger, version)
    assert current_version(settings, "digits") == "0" * 64
    roll_back(settings, ledger)
    assert current_version(settings, "digits") == "0" * 64


def test_a_torn_table_is_not_written_over(settings: Settings, ledger: Ledger) -> None:
    version = candidate(settings, "a")
    path = retrained_folder(settings) / CURRENT_FILE
    path.write_text("{")
    with pytest.raises(UsageError, match=r"cannot be told.*current.json"):
        promote(settings, ledger, version)
    assert path.read_text() == "{"


def test_what_serves_where_the_promoted_one_is_damaged(settings: Settings, ledger: Ledger) -> None:
    version = candidate(settings, "a")
    promote(settings, ledger, version)
    assert serving_bundle(settings, "fashion").signature.version == version
    (retrained_folder(settings, version) / "head.npz").unlink()
    assert serving_bundle(settings, "fashion").signature.version == SHIPPED == served(settings)


def test_candidates_are_found_by_their_beginning(settings: Settings, project: Path) -> None:
    with pytest.raises(UsageError, match="no candidate of fashion") as refused:
        find_candidate(settings, "fashion", "")
    assert str(refused.value).endswith(command("fashion_model.retrain", "fashion"))
    first, second = candidate(settings, "a"), candidate(settings, "bb")
    assert find_candidate(settings, "fashion", "") == second
    assert find_candidate(settings, "fashion", first[:12]) == first
    with pytest.raises(UsageError, match="no version 0123"):
        find_candidate(settings, "fashion", "0123")
    with pytest.raises(UsageError, match="no candidate of digits"):
        find_candidate(settings, "digits", "")
