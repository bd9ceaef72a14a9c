"""Rows 1 to 7 and 38: the server dies, hangs, lies about itself, or is not the one."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
import requests

from scoring.processes.managed_server import ManagedServer
from scoring.protocol.errors import ExitCode
from scoring.protocol.identity import SessionSecret
from scoring.protocol.signature import dump_signature, seal
from scoring.settings import load_settings
from tests.client.lying_server import Answer, answering, is_predict
from tests.conftest import BUNDLE, running_server, write_batch
from tests.deadlines import DEADLINE, wait_for
from tests.end_to_end.scheduler_process import HANGS_SECONDS, Desk
from tests.faults.desk import LINUX, Project
from tests.faults.oracle import assert_truth, read_whole_results
from tests.scoring.processes.process_list import project_processes

SERVER, CLIENT = "-m server", "-m client.request"


def send(night: Desk, words: str, number: signal.Signals) -> int:
    """Send a signal to every process of the project whose command has these words."""
    found = [pid for pid, command in project_processes(night.project).items() if words in command]
    for pid in found:
        os.kill(pid, number)
    return len(found)


@contextmanager
def meanwhile(action: Callable[[], object], every: float = 0.01) -> Iterator[None]:
    """Do something again and again beside the test."""
    end = threading.Event()

    def loop() -> None:
        while not end.wait(every):
            action()

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def reason_of(night: Desk) -> str:
    return night.runs()[-1].reason


def is_under_way(night: Desk) -> bool:
    """Tell whether a run has some of its predictions, and not all."""
    runs = night.runs()
    if not runs or runs[-1].state != "running":
        return False
    with night.ledger() as ledger:
        shown, waiting = ledger.count_images(runs[-1].id)
    return 0 < waiting < shown


@LINUX
def test_row_01_server_dies_mid_request(night: Desk) -> None:
    """It is stopped with a request in its hands, then killed."""
    write_batch(night.project / "image_batches" / "G1", 2_000)
    night.set("CLIENT__CHUNK_ROWS", 5)
    night.set("CLIENT__TRIES", 100)
    night.make_a_run_due()
    with night.scheduler():
        server = night.pid_of(SERVER)
        wait_for(lambda: is_under_way(night), "the first predictions")
        os.kill(server, signal.SIGSTOP)
        assert is_under_way(night)
        os.kill(server, signal.SIGKILL)
        wait_for(lambda: night.nightly_states() == ["done"], "the run to be done")
    assert night.events().count("server-ready") == 2
    assert "server-died" in night.events()
    assert "retry" in night.events()
    assert night.result_rows() == 2_000
    assert_truth(load_settings())


@LINUX
def test_row_02_server_dies_at_every_request(night: Desk) -> None:
    write_batch(night.project / "image_batches" / "G1", 2_000)
    night.set("CLIENT__CHUNK_ROWS", 5)
    night.make_a_run_due()

    def kill() -> None:
        if night.has_run():
            send(night, SERVER, signal.SIGKILL)

    with night.scheduler(), meanwhile(kill):
        wait_for(lambda: night.nightly_states() == ["failed"], "the run to be failed")
    assert "no predictions after all tries" in reason_of(night)
    assert "run-failed" in night.events()
    assert_truth(load_settings())


def test_row_02_by_hand_it_is_three_tries_and_a_non_zero_exit(
    faulty: Project, server_url: str
) -> None:
    faulty.write("G1", 4)
    requests_seen: list[str] = []

    def die(method: str, path: str, body: bytes) -> Answer:
        if is_predict(path):
            requests_seen.append(path)
            # The connection ends without an answer, as when the process behind it is killed.
            raise ConnectionAbortedError
        response = requests.request(method, server_url + path, timeout=DEADLINE)
        return response.status_code, response.content, {}

    with answering(die) as url:
        assert faulty.score("G1", "--server", url) == ExitCode.FAILED
    assert len(requests_seen) == 3
    assert faulty.events().count(", retry, ") == 2
    assert_truth(faulty.settings)


STOPS_ITSELF = """
import os, signal, sys
if 'server' in sys.orig_argv:
    sys.stderr.write('reading a model that does not end\\n')
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGSTOP)
"""


def stop_servers_at_the_start(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every server's process be stopped before it does anything of its own."""
    site.mkdir()
    (site / "sitecustomize.py").write_text(STOPS_ITSELF)
    monkeypatch.setenv("PYTHONPATH", str(site))


@LINUX
def test_row_03_server_never_becomes_ready(
    night: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every server is stopped as soon as it has said its first words."""
    stop_servers_at_the_start(tmp_path / "site", monkeypatch)
    write_batch(night.project / "image_batches" / "G1", 3)
    night.set("SERVER__READY_SECONDS", 5)
    night.set("SERVER__STOP_SECONDS", 0.2)
    night.make_a_run_due()
    with night.scheduler():
        wait_for(lambda: night.nightly_states() == ["failed"], "the run to be failed")
        wait_for(lambda: not night.has_process(SERVER), "the end of the server")
    assert "the server was not ready after 5 s and was stopped" in reason_of(night)
    assert "reading a model that does not end" in reason_of(night)
    assert_truth(load_settings())


@LINUX
def test_row_04_server_dies_while_loading_the_model(
    night: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its death is noticed, not the end of the time it is given: no test may take that long."""
    stop_servers_at_the_start(tmp_path / "site", monkeypatch)
    write_batch(night.project / "image_batches" / "G1", 3)
    night.set("SERVER__READY_SECONDS", 3600)
    night.make_a_run_due()
    with night.scheduler():
        wait_for(lambda: night.has_process(SERVER), "the server to start")
        # The next one is let alone.
        (tmp_path / "site" / "sitecustomize.py").unlink()
        send(night, SERVER, signal.SIGKILL)
        wait_for(lambda: "server-start-failed" in night.events(), "the notice")
        wait_for(lambda: night.nightly_states() == ["done"], "the run to be done")
    assert night.result_rows() == 3
    assert_truth(load_settings())


@LINUX
def test_row_05_the_port_is_taken(night: Desk) -> None:
    """By the worst of strangers: one of our own servers, ready, with the same model."""
    write_batch(night.project / "image_batches" / "G1", 3)
    with running_server(load_settings(), secret=SessionSecret("another")) as url:
        port = int(url.rsplit(":", 1)[1])
        night.set("SERVER__PORT", port)
        night.make_a_run_due()
        with night.scheduler():
            wait_for(lambda: night.nightly_states() == ["failed"], "the run to be failed")
    assert f"port {port} is taken by" in reason_of(night)
    assert f"(process {os.getpid()})" in reason_of(night)
    assert not (night.project / "Results.csv").exists()
    assert_truth(load_settings())


def other_version(folder: Path) -> Path:
    """Return a bundle that is whole and differs by its date alone."""
    shutil.copytree(BUNDLE, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    document = orjson.loads((folder / "signature.json").read_bytes())
    document.pop("version")
    (folder / "signature.json").write_bytes(
        dump_signature(seal({**document, "created": "2020-01-01"}))
    )
    return folder


def test_row_06_stale_server_with_an_older_model(
    faulty: Project, server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of a run an older server answers on the port."""
    faulty.write("G1", 12)
    monkeypatch.setenv("SCORING_CLIENT__CHUNK_ROWS", "4")
    # One after the other, so that the second answer is the second chunk's.
    monkeypatch.setenv("SCORING_CLIENT__CHUNKS_IN_FLIGHT", "1")
    older = load_settings(server={"models": (other_version(tmp_path / "older"),)})
    asked = 0
    with running_server(older) as older_url:

        def answer(method: str, path: str, body: bytes) -> Answer:
            nonlocal asked
            asked += is_predict(path)
            real = older_url if asked > 1 else server_url
            response = requests.request(method, real + path, data=body or None, timeout=DEADLINE)
            return response.status_code, response.content, {}

        with answering(answer) as url:
            assert faulty.score("G1", "--server", url) == ExitCode.FAILED
    assert "the answer comes from model version" in faulty.events()
    errors = [row[6] for row in read_whole_results(faulty.results)]
    assert errors == [""] * 4 + ["not scored yet; the next run will"] * 8
    assert_truth(faulty.settings)


@LINUX
def test_row_06_a_stale_server_on_the_port_is_refused_at_night(night: Desk, tmp_path: Path) -> None:
    write_batch(night.project / "image_batches" / "G1", 3)
    older = load_settings(server={"models": (other_version(tmp_path / "older"),)})
    with ManagedServer(older) as stale:
        stale.start(["--model", str(tmp_path / "older")])
        stale.wait_until_ready()
        night.make_a_run_due()
        with night.scheduler():
            wait_for(lambda: night.nightly_states() == ["failed"], "the run to be failed")
    assert f"port {stale.port} is taken by" in reason_of(night)
    assert not (night.project / "Results.csv").exists()
    assert_truth(load_settings())


@LINUX
def test_row_07_server_ignores_sigterm(night: Desk) -> None:
    """A process that is stopped heeds neither its pipe nor SIGTERM."""
    write_batch(night.project / "image_batches" / "G1", 3)
    night.set("SERVER__STOP_SECONDS", 0.5)
    night.make_a_run_due()
    with night.scheduler() as scheduler:
        wait_for(lambda: night.nightly_states() == ["done"], "the run to be done")
        assert send(night, SERVER, signal.SIGSTOP) == 1
        scheduler.send_signal(signal.SIGTERM)
        assert scheduler.wait(HANGS_SECONDS) == 0
        night.assert_nothing_left()
    assert_truth(load_settings())


@pytest.mark.parametrize("harm", ["one byte", "another file", "signature", "missing"])
def test_row_38_the_model_file_is_not_the_one(faulty: Project, tmp_path: Path, harm: str) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(BUNDLE, bundle, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    model, signature = bundle / "model.tflite", bundle / "signature.json"
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    if harm == "one byte":
        model.write_bytes(data)
    elif harm == "another file":
        model.write_bytes(model.read_bytes() + b"\0")
    elif harm == "signature":
        signature.write_text(signature.read_text().replace('"T-shirt/Top"', '"Trousers/Top"'))
    else:
        model.unlink()
    done = faulty.run("-m", "server", "--model", str(bundle), "--port", "0")
    assert done.returncode == ExitCode.FAILED
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert "serving" not in done.stdout
