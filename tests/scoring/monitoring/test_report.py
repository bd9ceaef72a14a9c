"""Reports of real runs: a real server, a real client, a real ledger."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scoring.monitoring import report
from scoring.monitoring.collecting import Collector
from scoring.monitoring.facts import ReportFacts, load_facts
from scoring.monitoring.report import MorningReport
from scoring.monitoring.thresholds import Limit, Thresholds
from scoring.protocol.errors import ExitCode
from scoring.records import run_monitoring, run_reports
from scoring.records.events_log import EventsLog
from scoring.records.ledger import Ledger, Run
from scoring.records.picture_store import PictureStore
from scoring.records.run_life import RunEnded, RunLife
from scoring.settings import Settings
from tests.conftest import write_batch
from tests.deadlines import work_of_at_most
from tests.scoring.monitoring.nights import Nights, nights_in

NOW = datetime(2026, 11, 25, 18, 5, tzinfo=UTC)


@pytest.fixture
def nights(project: Path) -> Iterator[Nights]:
    with nights_in(project) as nights:
        yield nights


def add(nights: Nights, batch: str, count: int, seed: int = 0) -> None:
    write_batch(nights.settings.batches_folder / batch, count, seed)


def logs(nights: Nights) -> Path:
    return nights.settings.logs_folder


def pages(nights: Nights, run: Run) -> tuple[bytes, bytes]:
    folder = logs(nights) / "runs" / run.id
    return (folder / "report.html").read_bytes(), (folder / "report.txt").read_bytes()


def facts_of(nights: Nights, run: Run) -> ReportFacts:
    with Ledger.from_settings(nights.settings) as ledger:
        kept = run_reports.find(ledger.database, run.id)
    assert kept
    return load_facts(kept)


def events(nights: Nights) -> str:
    return (logs(nights) / "Events-log.txt").read_text(encoding="utf-8")


def test_a_night_ends_with_its_report(nights: Nights) -> None:
    add(nights, "G1", 12)
    (nights.settings.batches_folder / "G1" / "broken.png").write_bytes(b"no image")
    run = nights.night([])
    page, text = pages(nights, run)
    assert (logs(nights) / "report.html").read_bytes() == page
    assert (logs(nights) / "report.txt").read_bytes() == text
    assert b"The first run: 13 pictures came in" in page
    facts = facts_of(nights, run)
    assert (facts.totals.images, facts.totals.failed) == (13, 1)
    assert sum(facts.models[0].histogram) == 12
    assert sum(one.count for one in facts.models[0].classes) == 12
    assert [one.path for one in facts.failed_files] == ["broken.png"]
    assert list(logs(nights).glob("**/.*part")) == []


def test_each_class_has_the_threshold_that_its_night_was_judged_by(nights: Nights) -> None:
    add(nights, "G1", 12)
    run = nights.night([])
    with Ledger.from_settings(nights.settings) as ledger:
        labels = [one.label for one in facts_of(nights, run).models[0].classes]
        (version,) = set(ledger.batch_versions(run.id).values())
        found = Thresholds((Limit(labels[3], 40, 0.95, 0.875),))
        run_monitoring.keep(ledger.database, run.id, version, {"thresholds": found.as_json()})
        facts = Collector(ledger, run).facts()
    thresholds = {one.label: one.threshold for one in facts.models[0].classes}
    assert thresholds == {**dict.fromkeys(labels), labels[3]: 0.875}


def test_the_command_ends_by_naming_the_report(
    nights: Nights, capsys: pytest.CaptureFixture[str]
) -> None:
    add(nights, "G1", 3)
    run = nights.by_hand("G1")
    assert f"report           {logs(nights) / 'runs' / run.id / 'report.html'}" in (
        capsys.readouterr().out
    )


def test_a_report_is_the_same_later_whatever_came_since(nights: Nights) -> None:
    add(nights, "G1", 8)
    run = nights.night([])
    first = pages(nights, run)
    nights.by_hand("G1")  # replaces the predictions
    add(nights, "G2", 4, seed=3)
    nights.night([])
    shutil.rmtree(logs(nights))
    assert report.main([run.id]) == ExitCode.DONE
    assert pages(nights, run) == first
    assert not (logs(nights) / "report.html").exists()  # it is not the newest


def test_without_a_name_the_latest_report_is_made_anew(
    nights: Nights, capsys: pytest.CaptureFixture[str]
) -> None:
    add(nights, "G1", 3)
    run = nights.night([])
    first = pages(nights, run)
    shutil.rmtree(logs(nights))
    capsys.readouterr()
    assert report.main([]) == ExitCode.DONE
    assert capsys.readouterr().out == f"{logs(nights) / 'runs' / run.id / 'report.html'}\n"
    assert pages(nights, run) == first
    assert (logs(nights) / "report.html").read_bytes() == first[0]


def test_a_report_goes_where_it_is_sent(nights: Nights, tmp_path: Path) -> None:
    add(nights, "G1", 3)
    run = nights.night([])
    page, text = pages(nights, run)
    assert report.main([run.id, "--out", str(tmp_path / "a.html")]) == ExitCode.DONE
    assert report.main([run.id, "--out", str(tmp_path / "a.txt")]) == ExitCode.DONE
    assert (tmp_path / "a.html").read_bytes() == page
    assert (tmp_path / "a.txt").read_bytes() == text
    assert report.main(["--out", str(tmp_path)]) == ExitCode.USAGE


def test_runs_that_have_no_report_are_named(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report.main([]) == ExitCode.FAILED
    assert "there is no ledger" in capsys.readouterr().err
    with Ledger.from_settings(Settings(project=project)) as ledger:
        ledger.start_run(
            Run("r1", "manual", None, "all", ("G1",), "running", "", "m", "v", NOW, None)
        )
    assert report.main([]) == ExitCode.USAGE
    assert report.main(["r1"]) == ExitCode.USAGE
    assert report.main(["other"]) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert "no run has ended yet" in said
    assert "has not ended yet" in said
    assert "there is no run 'other'; the latest are: r1" in said


def test_a_run_that_kept_no_facts_has_a_report_of_what_is_known(nights: Nights) -> None:
    add(nights, "G1", 3)
    run = nights.night([])
    with (
        Ledger.from_settings(nights.settings) as ledger,
        ledger.database.transaction() as connection,
    ):
        connection.execute("DELETE FROM run_reports")
    assert report.main([run.id]) == ExitCode.DONE
    assert b"Made afterwards" in pages(nights, run)[0]


def test_missed_nights_and_runs_that_never_began_have_reports(settings: Settings) -> None:
    events_log = EventsLog.from_settings(settings)
    with Ledger.from_settings(settings) as ledger:
        listener = MorningReport(settings, ledger, events_log)
        life = RunLife(settings, ledger, events_log, lambda: NOW, [listener])
        days = {NOW.date() - timedelta(days=ago): NOW - timedelta(days=ago) for ago in (2, 1)}
        life.miss(days, "the machine was off")
        missed = (settings.logs_folder / "report.txt").read_text(encoding="utf-8")
        life.fail_before_it_began(NOW.date(), "no server answers")
    failed = (settings.logs_folder / "report.txt").read_text(encoding="utf-8")
    assert "2 nights were missed, 23 Nov to Tuesday 24 November 2026" in missed
    assert "The machine was off" in missed
    assert "The run failed and nothing was scored" in failed
    assert "No server answers" in failed


def test_a_report_that_cannot_be_written_costs_no_run(nights: Nights) -> None:
    add(nights, "G1", 3)
    (logs(nights) / "report.html").mkdir(parents=True)
    run = nights.night([])
    assert run.state == "done"
    assert (nights.settings.results_file).exists()
    assert "report-failed" in events(nights)


def test_an_end_that_is_told_twice_has_one_report(nights: Nights) -> None:
    add(nights, "G1", 3)
    run = nights.night([])
    first = pages(nights, run)
    with Ledger.from_settings(nights.settings) as ledger:
        log = EventsLog.from_settings(nights.settings)
        listener = MorningReport(nights.settings, ledger, log)
        life = RunLife(nights.settings, ledger, log, nights.settings.now, [listener])
        life.miss({nights.day: nights.settings.now()}, "off")  # another end in between
        listener(_ended(ledger, run))
    assert pages(nights, run) == first


def _ended(ledger: Ledger, run: Run) -> RunEnded:
    return RunEnded(run, ledger.run_summary(run.id), None, (run.due_date or NOW.date(),))


def test_pictures_of_a_report_stay_when_the_store_is_pruned_and_go_when_forgotten(
    nights: Nights,
) -> None:
    add(nights, "G1", 6)
    run = nights.night([])
    one = facts_of(nights, run).look_at[0]  # the drawn shapes puzzle the model
    first = pages(nights, run)
    shown = first[0].count(b"data:image/")
    assert shown >= 1
    with PictureStore.from_settings(nights.settings) as store:
        store.prune(most_bytes=0, before=NOW, known=_no, reviewed=_no)
        assert store.thumbnail(one.content_hash) is None
        report.main([run.id])
        assert pages(nights, run) == first
        assert one.content_hash in store.reported(run.id)
        store.forget(one.content_hash)
        report.main([run.id])
    assert pages(nights, run)[0].count(b"data:image/") == shown - 1


def _no(*_: str) -> bool:
    return False


def test_five_hundred_batches_cost_little(settings: Settings) -> None:
    """A run of many batches after many such: what is read does not grow with the images."""
    batches = tuple(f"B{number}" for number in range(500))
    with Ledger.from_settings(settings) as ledger:
        run = Run("r1", "nightly", NOW.date(), "new", batches, "running", "", "m", "v", NOW, None)
        ledger.start_run(run)
        for place, batch in enumerate(batches):
            ledger.touch_batch("r1", batch, place, ["1.png"])
        ledger.finish_run("r1", "done", "", NOW)
        with work_of_at_most(30):
            MorningReport(settings, ledger, EventsLog.from_settings(settings))(
                RunEnded(ledger.run("r1") or run, ledger.run_summary("r1"), None, ())
            )
    page = settings.logs_folder / "report.html"
    assert page.stat().st_size < 300_000
    assert b"and 460 more" in page.read_bytes()
