"""Whole cycles: the night, and the one by hand."""

from __future__ import annotations

import csv
import re
import subprocess
import sys

import pytest

from scoring.processes.locks import run_lock
from scoring.processes.managed_server import ManagedServer
from scoring.protocol.signature import dump_signature, parse_signature
from scoring.settings import load_settings
from tests.conftest import BUNDLE, running_server, write_batch
from tests.deadlines import DEADLINE, wait_for
from tests.end_to_end.scheduler_process import Desk
from tests.photographs import clothing_stand_in, write_photographs
from tests.receivers import http_receiver


def test_a_night_starts_scores_and_stops(desk: Desk) -> None:
    desk.make_a_run_due()
    with desk.scheduler():
        wait_for(lambda: desk.nightly_states() == ["done"], "the run to be done")
        with desk.scheduler() as second:
            assert second.wait(DEADLINE) == 6
        status = desk.run("status")
    assert desk.result_rows() == 12
    assert "another scheduler is in progress: python -m scheduler (process" in _output(desk)
    assert "nightly" in status.stdout
    assert "Scheduler: python -m scheduler (process" in status.stdout
    assert desk.events()[:4] == ["scheduler-started", "run-late", "server-ready", "run-started"]
    desk.assert_nothing_left()


def test_a_server_that_runs_already_is_used_and_left_up(desk: Desk) -> None:
    desk.set("SCHEDULE__START_SERVER", "false")
    desk.make_a_run_due()
    with running_server(load_settings()) as url:
        desk.set("CLIENT__SERVER", url)
        with desk.scheduler():
            wait_for(lambda: desk.nightly_states() == ["done"], "the run to be done")
        assert "server-stopped" not in desk.events()
    assert desk.result_rows() == 12


def test_a_model_that_is_missing_fails_the_night_with_the_reason(desk: Desk) -> None:
    desk.set("SERVER__MODELS", '["no_such_folder"]')
    desk.make_a_run_due()
    with desk.scheduler():
        wait_for(lambda: desk.nightly_states() == ["failed"], "the run to be failed")
    assert "no model is named 'no_such_folder'" in desk.runs()[0].reason
    assert not (desk.project / "Results.csv").exists()


def test_one_night_scores_several_kinds_and_a_model_that_is_missing_costs_its_own_batch(
    desk: Desk,
) -> None:
    for name in ("D", "E"):
        write_batch(desk.project / "image_batches" / name, 3)
    desk.set("BATCHES", '{"D": {"model": "digits"}, "E": {"model": "hats"}}')
    desk.make_a_run_due()
    logs = [desk.project / "logs" / f"Metrics-log{name}.csv" for name in ("", "-digits")]
    with desk.scheduler():
        wait_for(lambda: desk.nightly_states() == ["partial"], "the run to be partial")
        wait_for(lambda: all(log.exists() for log in logs), "a metrics log of each model")
    reason = desk.runs()[0].reason
    assert reason.startswith("E: hats is not served: no model is named 'hats'; there are: ")
    assert "python -m server" not in reason
    with (desk.project / "Results.csv").open(encoding="utf-8-sig", newline="") as file:
        items = [(row["Batch"], row["Item"]) for row in csv.DictReader(file)]
    assert [batch for batch, _ in items] == ["D"] * 3 + ["G1"] * 12
    assert all((batch == "D") == item.isdecimal() for batch, item in items)
    desk.assert_nothing_left()


def test_photographs_are_told_of_at_night_and_scored_by_their_own_model_the_next(
    desk: Desk,
) -> None:
    write_photographs(desk.project / "image_batches" / "P", 3)
    clothing = clothing_stand_in(desk.project / "models")
    desk.make_a_run_due()
    with desk.scheduler():
        wait_for(lambda: desk.nightly_states() == ["done"], "the run to be done")
    arguments = "P --model clothing --start-server"
    told = f'client.request {arguments}, or model = "clothing" below [batches.P] in'
    status = desk.run("status").stdout.splitlines()
    (line,) = [line for line in status if line.startswith("    P: 3 of 3 are no pictures that ")]
    assert told in line
    log = (desk.project / "logs" / "Events-log.txt").read_text(encoding="utf-8")
    assert log.count(f"WARNING, photographs, {desk.runs()[0].id}, P, {line.strip()}\n") == 1
    desk.set("BATCHES", '{"P": {"model": "clothing"}}')
    assert re.search(r"^OK +model +clothing scores P$", desk.run("check").stdout, re.MULTILINE)
    done = desk.run("--once", "--all")
    assert done.returncode == 0, done.stderr
    with (desk.project / "Results.csv").open(encoding="utf-8-sig", newline="") as file:
        items = {row["Item"] for row in csv.DictReader(file) if row["Batch"] == "P"}
    assert items <= {"dress", "shirt"}
    name = f"Metrics-log-{clothing.name}.csv"
    with (desk.project / "logs" / name).open(encoding="utf-8-sig", newline="") as file:
        assert [(row["Batch"], row["Images"]) for row in csv.DictReader(file)] == [("P", "3")]


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_broken_model_of_one_batch_costs_no_other(desk: Desk, by_hand: bool) -> None:
    """The server that has it does not come up; the one that is tried next goes without."""
    write_batch(desk.project / "image_batches" / "D", 3)
    write_batch(desk.project / "image_batches" / "E", 3)
    broken = desk.project / "models" / "shoes"
    broken.mkdir(parents=True)
    signature = parse_signature((BUNDLE / "signature.json").read_bytes()).renewed(name="shoes")
    (broken / "signature.json").write_bytes(dump_signature(signature))
    desk.set("BATCHES", '{"D": {"model": "shoes"}, "E": {"model": "digits"}}')
    if by_hand:
        assert desk.run("--once").returncode == 3
    else:
        desk.make_a_run_due()
        with desk.scheduler():
            wait_for(lambda: desk.nightly_states() == ["partial"], "the run to be partial")
    reason = desk.runs()[0].reason
    assert reason.startswith("D: shoes is not served: with it, the server ended with exit code ")
    assert str(broken) in reason
    log = (desk.project / "logs" / "Events-log.txt").read_text(encoding="utf-8")
    assert f"unknown-model, {desk.runs()[0].id}, D, {reason.removeprefix('D: ')}\n" in log
    (failed,) = [line for line in log.splitlines() if "server-start-failed" in line]
    assert str(broken) in failed
    assert "E: " not in reason
    assert desk.result_rows() == 15


def test_a_cycle_by_hand_scores_and_leaves_the_night_due(desk: Desk) -> None:
    done = desk.run("--once", "--all")
    assert done.returncode == 0, done.stderr
    assert "images           12" in done.stdout
    assert desk.result_rows() == 12
    assert [(run.kind, run.due_date, run.state) for run in desk.runs()] == [
        ("manual", None, "done")
    ]
    desk.assert_nothing_left()


def test_a_cycle_by_hand_without_all_scores_only_what_is_new(desk: Desk) -> None:
    assert desk.run("--once").returncode == 0
    again = desk.run("--once")
    assert again.returncode == 0
    assert "images           0" in again.stdout
    assert desk.result_rows() == 12


def test_a_cycle_by_hand_beside_another_server_has_one_of_its_own(desk: Desk) -> None:
    with ManagedServer(load_settings()) as standing:
        standing.start()
        standing.wait_until_ready()
        done = desk.run("--once")
        assert done.returncode == 0, done.stderr
        assert f"port {standing.port} has a server already" in done.stderr
        assert standing.is_running()
    assert desk.result_rows() == 12


STRANGER = """
import http.server, sys
http.server.test(http.server.SimpleHTTPRequestHandler, bind="127.0.0.1", port=int(sys.argv[1]))
"""


def test_a_stranger_on_the_port_is_named_and_never_scored_through(desk: Desk) -> None:
    port = load_settings().server.port
    with subprocess.Popen(
        [sys.executable, "-c", STRANGER, str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PYTHONUNBUFFERED": "1"},
    ) as stranger:
        assert stranger.stdout
        stranger.stdout.readline()
        done = desk.run("--once")
        check = desk.run("check")
        stranger.kill()
    assert done.returncode == 5
    assert f"error: port {port} is taken by" in done.stderr
    assert desk.runs() == []
    assert check.returncode == 1
    assert f"FAIL  port         {port} is taken by" in check.stdout


def test_a_cycle_by_hand_during_a_run_is_refused_and_names_it(desk: Desk) -> None:
    with run_lock(load_settings(), "python -m client.request G7"):
        done = desk.run("--once")
    assert done.returncode == 6
    assert "another run is in progress: python -m client.request G7 (process" in done.stderr
    assert desk.events() == []


def _output(desk: Desk) -> str:
    return desk.output.read_text(encoding="utf-8", errors="replace")


def test_a_cycle_by_hand_tells_somebody_where_that_is_wanted(desk: Desk) -> None:
    (desk.project / "image_batches" / "G1" / "broken.png").write_bytes(b"no image")
    with http_receiver() as inbox:
        desk.set("ALERTS__URLS__CHAT", inbox.webhook)
        desk.set("ALERTS__HEARTBEAT", inbox.heartbeat)
        assert desk.run("--once", "--all").returncode == 0
        desk.set("ALERTS__BY_HAND", "true")
        assert desk.run("--once", "--all").returncode == 0
        wait_for(lambda: bool(inbox.came), "the message")
    assert inbox.titles() == ["1 of 13 images (8 %) could not be read"], "of the second alone"
    desk.assert_nothing_left()


@pytest.mark.parametrize("arguments", [["--all"], ["status", "--once"], ["sing"]])
def test_flags_that_do_not_fit_are_usage_errors(desk: Desk, arguments: list[str]) -> None:
    done = desk.run(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_is_one_line_that_names_it(desk: Desk) -> None:
    (desk.project / "settings.local.toml").write_text('[schedule]\nstart = "18:00"\n')
    done = desk.run("check")
    assert done.returncode == 2
    assert done.stderr == (
        "error: unknown setting schedule.start (see settings.toml for all there are)\n"
    )


def test_a_machine_without_a_time_zone_is_told_what_to_set(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Nowhere/Land")
    done = desk.run("status")
    assert done.returncode == 2
    assert done.stderr.endswith("set schedule.zone\n")
    assert "Traceback" not in done.stderr


def test_check_says_what_tonight_needs(desk: Desk) -> None:
    desk.set("SCHEDULE__ZONE", "Europe/Berlin")
    desk.set("SCHEDULE__START_AT", "02:30")
    done = desk.run("check")
    assert done.returncode == 0, done.stdout
    verdicts = [(line[:5].strip(), line[6:18].strip()) for line in done.stdout.splitlines()]
    subjects = ["settings", "folder", "folder", "folder", "ledger", "batches", "bundle", "port"]
    assert [subject for _, subject in verdicts][:8] == subjects
    assert ("WARN", "zone") in verdicts
    assert "02:30 is skipped; it will be 03:30" in done.stdout
    assert "02:30 comes twice; the first counts" in done.stdout
    assert "server 02:30, client 02:35, stop 03:00" in done.stdout


def test_check_fails_for_a_bundle_that_will_not_load(desk: Desk) -> None:
    desk.set("SERVER__MODELS", '["no_such_folder"]')
    done = desk.run("check")
    assert done.returncode == 1
    assert "no model is named 'no_such_folder'" in done.stdout


def test_status_before_the_first_run(desk: Desk) -> None:
    done = desk.run("status")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "No run yet."
    assert lines[1:4] == [
        "Scheduler: not running",
        "Server:    down",
        "Run:       none in progress",
    ]
