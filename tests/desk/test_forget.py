"""A picture is deleted with every copy, and what was said of it stays."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from desk.__main__ import main
from desk.reports import make_report, report_file
from scoring.processes.locks import run_lock
from scoring.protocol.errors import ExitCode
from scoring.records.labels import Labels
from scoring.records.ledger import Ledger
from scoring.records.picture_store import PictureStore
from scoring.settings import Settings
from tests.desk.waiting_pictures import add_run, flagged, key_of

GONE, STAYS = flagged(1), flagged(2)


@pytest.fixture
def run_id(settings: Settings) -> str:
    """Return a run with two pictures, one of them reviewed."""
    run_id = add_run(settings, [GONE, STAYS])
    with Ledger.from_settings(settings) as ledger:
        Labels(ledger).add(key_of(GONE), "label", "Dress", reviewer="Ada", source="desk")
    return run_id


def kept(settings: Settings) -> list[bool]:
    with PictureStore.from_settings(settings) as store:
        return [store.has(key_of(one).content_hash) for one in (GONE, STAYS)]


def test_first_it_is_only_shown(
    settings: Settings, run_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["forget", "G1/flagged-1.png"]) == ExitCode.DONE
    told = capsys.readouterr().out
    assert "G1/flagged-1.png\n" in told
    assert "reviews           1, which stay" in told
    assert "--yes" in told
    assert kept(settings) == [True, True]


def test_then_it_is_gone_from_the_disk(
    settings: Settings, run_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with PictureStore.from_settings(settings) as store:
        found = store.thumbnail(key_of(GONE).content_hash)
    assert found
    file = settings.batches_folder / "G1" / GONE.path
    file.parent.mkdir(parents=True)
    file.write_bytes(found[0])
    assert main(["forget", key_of(GONE).content_hash, "--yes"]) == ExitCode.DONE
    assert kept(settings) == [False, True]
    beside = [path for path in settings.pictures_file.parent.iterdir() if path.is_file()]
    assert not [path for path in beside if found[0] in path.read_bytes()]
    told = capsys.readouterr().out
    assert f"  {file}\n" in told, "the operator's own copy is named"
    with Ledger.from_settings(settings) as ledger:
        review = Labels(ledger).current(key_of(GONE))
    assert review
    assert (review.reviewer, review.label) == ("Ada", "Dress")
    assert main(["forget", "G1/flagged-1.png", "--yes"]) == ExitCode.DONE, "again does no harm"


@pytest.mark.slow
def test_reports_are_written_without_it(settings: Settings, run_id: str) -> None:
    make_report(settings, run_id)
    before = report_file(settings, run_id).read_text(encoding="utf-8")
    assert before.count("data:image/") == 2
    assert main(["forget", "G1/flagged-1.png", "--yes"]) == ExitCode.DONE
    for path in (report_file(settings, run_id), settings.logs_folder / "report.html"):
        assert path.read_text(encoding="utf-8").count("data:image/") == 1


@pytest.mark.slow
def test_the_report_of_an_earlier_run_is_written_without_it_too(
    settings: Settings, run_id: str
) -> None:
    newer = add_run(settings, [flagged(3)], batch="G2", started=datetime.now(UTC))
    for run in (run_id, newer):
        make_report(settings, run)
    assert main(["forget", "G1/flagged-1.png", "--yes"]) == ExitCode.DONE
    report = report_file(settings, run_id).read_text(encoding="utf-8")
    assert report.count("data:image/") == 1


def test_what_nothing_is_known_of(
    settings: Settings, run_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for image in ("G1/none.png", "0" * 64, "flagged-1.png", "", "/", "../../etc/passwd"):
        assert main(["forget", image, "--yes"]) == ExitCode.USAGE
        assert "nothing is known" in capsys.readouterr().err
    assert kept(settings) == [True, True]


def test_while_a_run_is_in_progress_it_waits_for_another_time(
    settings: Settings, run_id: str
) -> None:
    with run_lock(settings, "a test"):
        assert main(["forget", "G1/flagged-1.png", "--yes"]) == ExitCode.BUSY
    assert kept(settings) == [True, True]
