"""What would fail the night is told the evening before, and nothing is made by asking."""

from __future__ import annotations

import errno
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from scheduler.check import CHECKS, show_check
from scheduler.check_files import (
    check_batches,
    check_disk,
    check_folders,
    check_ledger,
    check_results,
)
from scheduler.check_serving import check_client, check_port, check_programs
from scheduler.check_times import check_next_run, check_scheduler, check_window
from scoring.batches.vanished import vanished_batches
from scoring.processes.locks import instance_lock, run_lock
from scoring.processes.port_owner import free_port
from scoring.protocol.commands import command
from scoring.protocol.errors import ScoringError
from scoring.protocol.signature import dump_signature, seal
from scoring.records.due_days import Policy
from scoring.records.events_log import EventsLog
from scoring.records.ledger import ChunkCost, Ledger, Model, Run, ScoredImage
from scoring.records.next_run import remember_schedule
from scoring.records.run_life import RunLife, RunPlan
from scoring.settings import CODE_ROOT, Settings, load_settings
from tests.conftest import BUNDLE, running_server, write_batch
from tests.faults.desk import HANGS_SECONDS, MOUNTS

Checked = Callable[[Settings], Iterator[object]]
AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def told(check: Checked, settings: Settings) -> list[str]:
    """Return the findings, blanks drawn together."""
    return [" ".join(str(finding).split()) for finding in check(settings)]


def tree(folder: Path) -> list[tuple[str, int]]:
    """Return all that is below a folder, files with their times of change."""
    paths = folder.rglob("*")
    return sorted((str(path), path.lstat().st_mtime_ns * path.is_file()) for path in paths)


@pytest.fixture
def batch(project: Path) -> Path:
    write_batch(project / "image_batches" / "G1", 3)
    return project / "image_batches" / "G1"


# Nothing is made


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="a file without a name is Linux's")
@pytest.mark.parametrize("exists", [True, False])
def test_a_check_makes_and_changes_nothing(
    project: Path, batch: Path, exists: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if exists:
        Ledger.from_settings(load_settings()).close()
    monkeypatch.setenv("SCORING_PATHS__RESULTS", "mistyped/Results.csv")
    before = tree(project)
    settings = load_settings(server={"port": free_port("127.0.0.1")})
    findings = [finding for check in CHECKS for finding in told(check, settings)]
    assert tree(project) == before
    meant = f"{project}/mistyped of Results.csv is made by the run, if that is meant"
    assert f"WARN folder {meant}" in findings


# Files


def test_results_may_not_be_a_folder_or_a_pipe(settings: Settings) -> None:
    settings.results_file.mkdir()
    assert told(check_folders, settings)[0] == (
        f"FAIL folder {settings.results_file} is a folder; paths.results names a file"
    )
    settings.results_file.rmdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(settings.results_file)
        assert "is a pipe or a device" in told(check_folders, settings)[0]


@pytest.mark.skipif(os.name == "nt", reason="not run here: every file system there has locks")
def test_a_drive_without_locks_fails_here_and_not_at_night(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def has_none(*_: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", has_none)
    advice = "No locks available; the ledger belongs on a local disk (paths.ledger)"
    folder = settings.ledger_file.parent
    assert told(check_folders, settings)[1] == f"FAIL folder {folder} cannot be locked: {advice}"
    said = re.escape(f"run.lock cannot be locked: [Errno {errno.ENOLCK}] {advice}")
    with pytest.raises(ScoringError, match=said):
        with run_lock(settings, "a night"):
            raise AssertionError("it was held")


def test_results_behind_a_link_are_looked_at_where_they_are(
    settings: Settings, tmp_path: Path
) -> None:
    share = tmp_path / "share"
    settings.results_file.symlink_to(share / "Results.csv")
    assert told(check_folders, settings)[0] == f"FAIL folder {share} of Results.csv is not there"
    share.mkdir()
    assert told(check_folders, settings)[0] == f"OK folder {share} can be written"


@pytest.mark.parametrize(("name", "verdict"), [("ledger", "FAIL"), ("logs", "WARN")])
def test_a_file_in_the_place_of_a_folder(
    project: Path, name: str, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "taken").write_text("a file")
    path = "taken/ledger.db" if name == "ledger" else "taken"
    monkeypatch.setenv(f"SCORING_PATHS__{name.upper()}", path)
    finding = told(check_folders, load_settings())[1 if name == "ledger" else 2]
    assert finding == f"{verdict} folder {project}/taken cannot be written: Not a directory"


@pytest.mark.skipif(os.name == "nt", reason="not run here: links need a right there")
def test_a_link_to_a_disk_that_is_off_ends_no_check(settings: Settings) -> None:
    data = settings.ledger_file.parent
    data.symlink_to(settings.project / "off")
    assert told(check_disk, settings)[0].startswith("FAIL disk [Errno 2] No such file")
    assert any(
        line.startswith(f"FAIL folder {data} cannot be written: ")
        for line in told(check_folders, settings)
    )
    with pytest.raises(ScoringError, match="is a file, or a link to what is not there"):
        with instance_lock(settings, "test"):
            raise AssertionError("locked")


# As another user's file, a read-only mount, which binds the administrator too, may not be written.
@MOUNTS
@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("data/run.lock", "FAIL"),
        ("data/scheduler.lock", "FAIL"),
        ("data/ledger.db", "FAIL"),
        ("data/ledger.db-wal", "FAIL"),
        ("data/pictures.db", "WARN"),
        ("logs/Events-log.txt", "WARN"),
    ],
)
def test_a_file_of_somebody_else_in_a_folder_that_can_be_written(
    settings: Settings, name: str, verdict: str
) -> None:
    path = settings.project / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    program = (
        "from scheduler.check_files import check_folders; from scoring.settings import *;"
        "print(*check_folders(load_settings()), sep=chr(10))"
    )
    mounted = 'mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"; exec "$2" -c "$3"'
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mounted, "sh", path, sys.executable, program],
        cwd=CODE_ROOT,
        capture_output=True,
        text=True,
        timeout=HANGS_SECONDS,
        check=False,
    )
    told_of_it = [line for line in done.stdout.splitlines() if name in line]
    assert told_of_it == [
        f"{verdict}  file         {path} cannot be read and written by the user of this program:"
        " give it to that user (chown)"
    ], done.stderr


def test_a_lock_may_be_no_folder(settings: Settings) -> None:
    lock = settings.ledger_file.parent / "run.lock"
    lock.mkdir(parents=True)
    assert f"FAIL file {lock} has to be a file: remove it" in told(check_folders, settings)


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("data/run.lock", "FAIL"),
        ("data/scheduler.lock.json", "WARN"),
        ("data/in-flight", "WARN"),
        ("data/desk.secret", "WARN"),
        ("data/pictures.db", "WARN"),
        ("logs/Events-log.txt", "WARN"),
        ("logs/Metrics-log.csv", "WARN"),
        ("logs/server.log", "WARN"),
        ("logs/client.log", "WARN"),
    ],
)
@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_in_the_place_of_one_is_told(
    settings: Settings, name: str, verdict: str, kind: str
) -> None:
    path = settings.project / name
    path.parent.mkdir(exist_ok=True)
    if kind == "folder":
        path.mkdir()
    elif hasattr(os, "mkfifo"):
        os.mkfifo(path)
    else:
        pytest.skip("pipes in folders are POSIX's")
    (line,) = [line for line in told(check_folders, settings) if f"{path} " in line]
    assert line.startswith(f"{verdict} file {path} ")
    assert line.endswith("has to be a file: remove it")


# The ledger


def test_a_ledger_is_looked_at_and_left_alone(settings: Settings) -> None:
    made = f"OK ledger {settings.ledger_file} is made by the first run"
    assert told(check_ledger, settings) == [made]
    Ledger.from_settings(settings).close()
    assert told(check_ledger, settings) == [f"OK ledger {settings.ledger_file}"]


def test_a_ledger_of_a_newer_version_fails(settings: Settings) -> None:
    Ledger.from_settings(settings).close()
    with closing(sqlite3.connect(settings.ledger_file)) as database:
        database.execute("PRAGMA user_version = 99")
    (finding,) = told(check_ledger, settings)
    assert finding.startswith("FAIL ledger ")
    assert "was written by a newer version of this software" in finding


def test_a_ledger_that_somebody_keeps_locked_fails(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.ledger_look.LOCKED_SECONDS", 0.05)
    Ledger.from_settings(settings).close()
    with closing(sqlite3.connect(settings.ledger_file, isolation_level=None)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        (finding,) = told(check_ledger, settings)
        assert finding == (
            f"FAIL ledger {settings.ledger_file} cannot be written: database is locked; "
            "close what has it open"
        )
        somebody.execute("ROLLBACK")
        assert told(check_ledger, settings) == [f"OK ledger {settings.ledger_file}"]


@pytest.mark.parametrize("content", [None, b"", b"this is no database" * 500])
def test_a_ledger_that_is_lost_or_damaged_is_left_to_the_run(
    settings: Settings, content: bytes | None
) -> None:
    Ledger.from_settings(settings).close()
    settings.ledger_file.unlink()
    if content is not None:
        settings.ledger_file.write_bytes(content)
    before = tree(settings.project)
    (finding,) = told(check_ledger, settings)
    assert finding.startswith(f"FAIL ledger {settings.ledger_file} is ")
    assert "takes the latest backup" in finding
    assert tree(settings.project) == before


def test_results_of_two_models_in_one_batch_are_named(settings: Settings) -> None:
    assert told(check_results, settings) == []
    with Ledger.from_settings(settings) as ledger:
        life = RunLife(settings, ledger, EventsLog.from_settings(settings))
        known: list[tuple[int, int]] = []
        for num, name in enumerate(("digits", "fashion"), start=1):
            run, _ = life.begin(RunPlan(("G", "H"), "new"), Model(name, f"v{num}"))
            ledger.touch_batch(run.id, "G", 0, ["1.png", "2.png"])
            ledger.show_known(run.id, "G", known)
            image = ScoredImage(num, f"{num}.png", f"d{num}", label="Bag", confidence=0.9)
            ledger.commit_chunk(run.id, "G", f"v{num}", [image], ChunkCost(), settings.now())
            found = ledger.find_prediction("G", "1.png", "d1", None)
            assert found
            known.append((1, found))
            life.close(run, "done", "")
    assert told(check_results, settings) == [
        "WARN results G has answers of digits (1) and fashion (1); the model of the settings scores"
        f" all of it anew with: {command('client.request')} G"
    ]
    settings.ledger_file.write_bytes(b"this is no database" * 500)
    assert told(check_results, settings) == []


# Batches


def test_batches_are_listed_as_the_night_will(batch: Path, settings: Settings) -> None:
    home = batch.parent
    assert told(check_batches, settings) == [f"OK batches 1 in {home}, 3 images"]
    os.symlink(batch, home / "linked")
    assert "linked" in told(check_batches, settings)[1]
    (home / "loose.png").touch()
    assert told(check_batches, settings)[2] == (
        "WARN batches pictures that lie beside the batches are in none, move them into a folder "
        "there: 1 .png"
    )


def test_no_folder_of_batches_fails_and_an_empty_one_is_a_warning(settings: Settings) -> None:
    home = settings.batches_folder
    assert told(check_batches, settings) == [f"WARN batches no folder of images in {home} yet"]
    home.rmdir()
    assert told(check_batches, settings) == [
        f"FAIL batches cannot read {home}: No such file or directory"
    ]


def test_a_named_batch_that_is_missing(batch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORING_SCHEDULE__BATCHES", '["G1", "G7"]')
    settings = load_settings()
    found, missing = told(check_batches, settings)
    assert found == f"OK batches 1 in {batch.parent}, 3 images"
    assert missing.startswith("WARN batches G7: its folder cannot be read: ")
    monkeypatch.setenv("SCORING_SCHEDULE__BATCHES", '["G7"]')
    assert told(check_batches, load_settings())[0].startswith("FAIL batches no batch G7: ")


def test_a_batch_of_the_last_night_that_is_gone(batch: Path, settings: Settings) -> None:
    with Ledger.from_settings(settings) as ledger:
        vanished_batches(ledger, batch.parent, {"G1": 3, "G2": 5})
    for _ in range(2):
        assert told(check_batches, settings)[1] == (
            "WARN batches the last night had images in G2: gone or empty. Is a share not mounted?"
        )


@pytest.mark.skipif(AS_ROOT, reason="not run here: root may read everything")
def test_a_batch_that_cannot_be_read_is_a_warning(batch: Path, settings: Settings) -> None:
    closed = batch.parent / "G2"
    closed.mkdir(mode=0)
    assert told(check_batches, settings)[1].startswith("WARN batches G2: its folder cannot be read")


def test_a_disk_that_is_nearly_full(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    real = shutil.disk_usage(settings.project)
    for free, verdict in ((5_000_000_000, "OK"), (500_000_000, "WARN"), (50_000_000, "FAIL")):
        monkeypatch.setattr("shutil.disk_usage", lambda _, free=free: real._replace(free=free))
        assert told(check_disk, settings) == [f"{verdict} disk {free / 1e9:.1f} GB free"]


# Server and client


def test_the_night_in_small_scores_a_picture(settings: Settings) -> None:
    (finding,) = told(check_programs, settings)
    assert finding.startswith("OK bundle fashion ")
    assert finding.endswith("; scored a picture")


def test_a_server_that_others_could_reach_wants_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(server={"host": "0.0.0.0"})
    (finding,) = told(check_programs, settings)
    assert finding.startswith("FAIL server a server that others can reach wants a key")


@pytest.mark.slow
def test_a_model_that_is_not_served(project: Path) -> None:
    (finding,) = told(check_programs, load_settings(client={"model": "shoes"}))
    assert finding.startswith("FAIL client ")
    assert "shoes is not served: no model is named 'shoes'; there are: " in finding


@pytest.mark.slow
def test_a_preprocessing_that_this_code_has_not(project: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    for name in ("model.tflite", "model.keras", "head.npz", "signature.json"):
        shutil.copyfile(BUNDLE / name, bundle / name)
    document = orjson.loads((bundle / "signature.json").read_bytes())
    document["preprocessing"]["version"] = 9
    (bundle / "signature.json").write_bytes(dump_signature(seal(document)))
    (finding,) = told(check_programs, load_settings(server={"models": [str(bundle)]}))
    assert finding.startswith("FAIL ")
    assert "no preprocessing 'garment' version 9" in finding


@pytest.mark.slow
def test_a_preprocessing_that_makes_other_images(project: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    for name in ("model.tflite", "model.keras", "head.npz", "signature.json"):
        shutil.copyfile(BUNDLE / name, bundle / name)
    document = orjson.loads((bundle / "signature.json").read_bytes())
    document["preprocessing"] = {"name": "photo", "version": 1}
    (bundle / "signature.json").write_bytes(dump_signature(seal(document)))
    (finding,) = told(check_programs, load_settings(server={"models": [str(bundle)]}))
    assert finding.startswith("FAIL server ")
    assert "preprocessing photo 1 does not fit this model" in finding


def test_an_address_that_this_machine_has_not(project: Path) -> None:
    settings = load_settings(server={"host": "192.0.2.1", "api_key": "key"})
    assert told(check_programs, settings)[0].startswith("FAIL server server.host 192.0.2.1: ")
    assert told(check_port, settings)[0].startswith("FAIL port 5000 of 192.0.2.1 is not to be had")


@contextmanager
def somebody_elses_server(key: str) -> Iterator[dict[str, dict[str, object]]]:
    """Serve with a key, outside the scheduler's hands; yield the settings that point there."""
    with running_server(load_settings(server={"api_key": key})) as url:
        yield {"client": {"server": url}, "schedule": {"start_server": False}}


@pytest.mark.slow
def test_a_server_that_somebody_keeps_up_is_tried_with_the_clients_key(project: Path) -> None:
    with somebody_elses_server("right") as flags:
        right = load_settings(**{**flags, "client": {**flags["client"], "api_key": "right"}})
        assert "scored a picture" in told(check_programs, right)[0]
        assert told(check_port, right) == [f"OK server {right.server_url} is ready"]
        away = {"server": [right.server_url, "http://127.0.0.1:1"], "api_key": "right"}
        two = load_settings(client=away, schedule=flags["schedule"])
        text = "does not answer; schedule.start_server is false"
        assert told(check_port, two)[1:] == [f"WARN server http://127.0.0.1:1 {text}"]
        assert "scored a picture" in told(check_programs, two)[0]
        wrong = load_settings(**{**flags, "client": {**flags["client"], "api_key": "wrong"}})
        (finding,) = told(check_programs, wrong)
        assert finding.startswith("FAIL client ")
        assert "wrong" not in finding


@pytest.mark.slow
def test_servers_that_serve_other_models_than_the_first_are_told(
    project: Path, server_url: str
) -> None:
    """Were the first away when the night begins, another model would score it."""
    digits = load_settings(server={"models": (CODE_ROOT / "models" / "digits",)})
    with running_server(digits) as other:
        client = {"server": [server_url, other, server_url + "/"]}
        night = load_settings(client=client, schedule={"start_server": False})
        fine, warned = told(check_port, night)
    assert fine == f"OK server {server_url} is ready"
    assert warned.startswith(f"WARN server {other} is ready, but serves digits ")
    assert ", and the first fashion " in warned


def test_a_server_that_is_expected_and_not_up(project: Path) -> None:
    url = f"http://127.0.0.1:{free_port('127.0.0.1')}"
    settings = load_settings(client={"server": url}, schedule={"start_server": False})
    assert told(check_programs, settings) == []
    text = f"FAIL server {url} does not answer; schedule.start_server is false"
    assert told(check_port, settings) == [text]


def test_a_port_that_the_system_hands_out(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port("127.0.0.1")
    range_file = tmp_path / "range"
    monkeypatch.setattr("scoring.processes.port_owner.PORT_RANGE_FILE", range_file)
    settings = load_settings(server={"port": port})
    assert told(check_port, settings) == [f"OK port {port} is free"]
    range_file.write_text(f"{port}\t{port + 9}\n")
    (finding,) = told(check_port, settings)
    assert finding.startswith(f"WARN port {port} is free, but among those this system hands out")


def test_settings_of_the_client_that_the_night_does_not_use(project: Path) -> None:
    away = load_settings(client={"server": "http://scores.example:5000"})
    assert told(check_client, away)[0].startswith(
        "WARN server client.server = http://scores.example:5000 is for runs by hand"
    )
    keys = load_settings(client={"api_key": "mine"}, server={"api_key": "yours"})
    (finding,) = told(check_client, keys)
    assert finding == (
        "WARN server client.api_key is not server.api_key: runs by hand will be refused"
    )


# Times


def test_a_window_that_is_too_short(settings: Settings) -> None:
    assert told(check_window, settings) == []
    short = load_settings(schedule={"client_after": 0.5, "stop_after": 1})
    assert told(check_window, short)[0].startswith("WARN window the client has 30 s ")
    with Ledger.from_settings(settings) as ledger:
        began = settings.now() - timedelta(days=1)
        ended = began + timedelta(minutes=40)
        ledger.start_run(
            Run("r", "nightly", began.date(), "new", (), "done", "", "", "", began, ended)
        )
    assert told(check_window, settings)[0].endswith("a run of these days took 2400 s")


def test_a_day_that_has_had_its_run_is_a_warning(settings: Settings) -> None:
    assert told(check_next_run, settings)[0].startswith("OK next run ")
    hour = (settings.now().hour + 12) % 24
    later = load_settings(schedule={"start_at": f"{hour:02}:00"})
    (finding,) = told(check_next_run, later)
    day = finding.split()[3]
    with Ledger.from_settings(settings) as ledger:
        now = settings.now()
        date = type(now.date()).fromisoformat(day)
        ledger.start_run(Run("r", "nightly", date, "new", (), "done", "", "", "", now, now))
    (finding,) = told(check_next_run, later)
    assert finding.startswith("WARN next run ")
    assert f"{day} is passed over, for it has had its run" in finding
    assert finding.endswith(f"To score now: {command('scheduler')} --once")


def test_a_scheduler_that_goes_by_another_schedule(settings: Settings) -> None:
    assert told(check_scheduler, settings)[0].startswith("WARN scheduler not running")
    with Ledger.from_settings(settings) as ledger, instance_lock(settings, "python -m scheduler"):
        remember_schedule(ledger, Policy.from_settings(settings))
        assert len(told(check_scheduler, settings)) == 1
        other = load_settings(schedule={"start_at": "05:00"})
        _, finding = told(check_scheduler, other)
        assert finding.startswith("WARN scheduler it goes by start_at 18:00:00 ")
        assert "here start_at 05:00:00 " in finding


@pytest.mark.slow
def test_one_that_fails_fails_the_whole(
    project: Path, batch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = load_settings(server={"port": free_port("127.0.0.1")})
    assert show_check(good) == 0
    capsys.readouterr()
    good.results_file.mkdir()
    assert show_check(good) == 1
    assert "FAIL  folder" in capsys.readouterr().out
