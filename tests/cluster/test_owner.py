"""One run at a time writes to ``--out``, from whichever machine."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from cluster.owner import OWNER_FILE, owned
from cluster.storage import FolderStorage
from scoring.protocol.errors import Busy
from scoring.settings import Settings, load_settings
from tests.deadlines import wait_for

PLACE = "/the/share/out"


@pytest.fixture
def out(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "out")


@pytest.fixture
def there(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings of another project folder."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("SCORING_PROJECT", str(folder))
        return load_settings()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.owner.BEAT_SECONDS", 0.01)
    monkeypatch.setattr("cluster.owner.LOOK_SECONDS", 0.01)


def name(out: FolderStorage) -> dict[str, object]:
    document: dict[str, object] = json.loads(out.read(OWNER_FILE))
    return document


def leave(out: FolderStorage, settings: Settings, **changes: object) -> None:
    """Leave the name of a run that was killed."""
    with owned(out, PLACE, settings, print):
        killed = {**name(out), "run": "killed", **changes}
    out.write(OWNER_FILE, json.dumps(killed).encode())


def test_the_name_is_there_while_the_run_is(out: FolderStorage, settings: Settings) -> None:
    with owned(out, PLACE, settings, print) as ours:
        ours.check()
        assert name(out)["project"] == str(settings.project)
    assert out.names() == set()


@pytest.mark.usefixtures("quick")
def test_a_run_of_elsewhere_that_is_at_work_is_not_disturbed(
    out: FolderStorage, settings: Settings, there: Settings
) -> None:
    told: list[str] = []
    with owned(out, PLACE, settings, told.append) as ours:
        with (
            pytest.raises(Busy, match=r"to the same --out is in progress: process \d+ on .*; wait"),
            owned(out, PLACE, there, told.append),
        ):
            pass
        ours.check()
    ((line,),) = [told]
    assert "looking for 60 s whether that is at work still" in line
    assert out.names() == set()


@pytest.mark.usefixtures("quick")
def test_what_a_run_of_elsewhere_left_that_is_dead_is_taken_over(
    out: FolderStorage, settings: Settings, there: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster.owner.DEAD_SECONDS", 0.05)
    for content in (None, b"", b"[]", b"{}", b'{"pid": 1}', b"\xff"):
        leave(out, there)
        if content is not None:
            out.write(OWNER_FILE, content)
        with owned(out, PLACE, settings, print):
            assert name(out)["project"] == str(settings.project)


@pytest.mark.usefixtures("quick")
def test_one_that_ends_meanwhile_leaves_the_place(
    out: FolderStorage, settings: Settings, there: Settings
) -> None:
    leave(out, there)
    with owned(out, PLACE, settings, lambda _: out.remove(OWNER_FILE)) as ours:
        ours.check()


def test_who_goes_on_with_its_own_waits_for_nothing(out: FolderStorage, settings: Settings) -> None:
    """It holds the lock that the one before held: that one is dead."""
    leave(out, settings)
    told: list[str] = []
    with owned(out, PLACE, settings, told.append):
        pass
    assert told == []


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("changes", [{"machine": "another"}, {"place": "/by/a/link"}])
def test_another_lock_says_nothing(
    out: FolderStorage,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, object],
) -> None:
    monkeypatch.setattr("cluster.owner.DEAD_SECONDS", 0.05)
    leave(out, settings, **changes)
    told: list[str] = []
    with owned(out, PLACE, settings, told.append):
        pass
    assert len(told) == 1


@pytest.mark.usefixtures("quick")
def test_who_was_taken_over_gives_up_and_leaves_the_others_name(
    out: FolderStorage, settings: Settings
) -> None:
    """Its machine stood still for a while, or both began within the same instant."""
    with owned(out, PLACE, settings, print) as ours:
        other = json.dumps({**name(out), "run": "another", "pid": 7}).encode()

        def is_lost() -> bool:
            out.write(OWNER_FILE, other)
            try:
                ours.check()
            except Busy as error:
                return "another run took --out over: process 7 on " in str(error)
            return False

        wait_for(is_lost, "the other to be seen")
    assert out.read(OWNER_FILE) == other


@pytest.mark.usefixtures("quick")
def test_storage_that_is_away_for_a_while_ends_nothing(
    out: FolderStorage, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with owned(out, PLACE, settings, print):
        asked = threading.Event()

        def away(_: str) -> bytes:
            asked.set()
            raise OSError("away")

        with monkeypatch.context() as gone:
            gone.setattr(out, "read", away)
            wait_for(asked.is_set, "it to be missed")
        before = name(out)["beat"]
        wait_for(lambda: name(out)["beat"] != before, "the next turn")
