"""Five ways to break it that the fault table does not list; docs/reliability.md tells of them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter

import cv2
import numpy as np
import pytest

from scoring.protocol.errors import ExitCode
from tests.client.dripping_server import DRIPS, dripping_server
from tests.client.lying_server import Answer, answering, is_predict, relay
from tests.faults.desk import HANGS_SECONDS, LONG_AGO, POSIX, Project
from tests.faults.oracle import assert_truth, read_whole_results

CLIENT = ("-m", "client.request")


@pytest.mark.parametrize("how", ["emptied", "deleted"])
def test_the_ledger_is_lost_in_silence(faulty: Project, server_url: str, how: str) -> None:
    """SQLite takes an empty file for a new database, and forgets every night without a word."""
    faulty.write("G1", 20)
    assert faulty.score("--nightly", "2026-11-20") == ExitCode.DONE
    for path in faulty.settings.ledger_file.parent.glob("ledger.db*"):
        path.unlink()
    if how == "emptied":
        faulty.settings.ledger_file.touch()
    faulty.write("G2", 3)
    assert faulty.score("--nightly", "2026-11-21") == ExitCode.DONE
    assert "though there are backups of it" in faulty.events()
    assert [row[1] for row in read_whole_results(faulty.results)] == ["G2"] * 3
    assert_truth(faulty.settings)


def test_six_clients_start_at_the_same_instant(faulty: Project, server_url: str) -> None:
    """The ledger does not exist yet, and all of them want to make it and to score the batch."""
    faulty.write("G1", 300)
    clients = [
        faulty.start(*CLIENT, "G1", *(["--wait"] if number % 2 else []), stdout=subprocess.DEVNULL)
        for number in range(6)
    ]
    for client in clients:
        client.communicate(timeout=HANGS_SECONDS)
    codes = Counter(client.returncode for client in clients)
    assert set(codes) <= {ExitCode.DONE, ExitCode.BUSY}
    assert codes[ExitCode.DONE] >= 3, "those that wait all come to their turn"
    assert_truth(faulty.settings)


@pytest.mark.parametrize("what", DRIPS)
def test_a_server_sends_a_little_now_and_then(
    faulty: Project, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Each byte starts a socket's time-out anew; the client has one for the whole answer."""
    monkeypatch.setenv("SCORING_CLIENT__READ_SECONDS", "0.4")
    monkeypatch.setenv("SCORING_CLIENT__CONNECT_SECONDS", "0.4")
    faulty.write("G1", 3)
    with dripping_server(what) as url:
        assert faulty.score("G1", "--server", url) == ExitCode.NO_SERVER
    assert faulty.events().count("no answer in time") == faulty.settings.client.tries


def test_the_folder_is_exchanged_during_the_run(
    faulty: Project, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other pictures under the same names: the next night takes those that were not seen."""
    folder = faulty.write("G1", 60)
    other = faulty.write("other", 60, seed=7)
    shutil.move(other, faulty.folder / "other")
    monkeypatch.setenv("SCORING_CLIENT__CHUNK_ROWS", "4")

    def exchange(path: str, _: bytes, number: int) -> Answer | None:
        if is_predict(path) and number == 2:
            folder.rename(faulty.folder / "old")
            (faulty.folder / "other").rename(folder)
        return None

    with answering(relay(server_url, exchange)) as url:
        assert faulty.score("--nightly", "2026-11-20", "--server", url) == ExitCode.DONE
    assert_truth(faulty.settings)
    assert faulty.score("--nightly", "2026-11-21") == ExitCode.DONE
    first = faulty.latest_run()
    assert first.reason == "", "the images that were read before the exchange are new now"
    assert_truth(faulty.settings)
    assert faulty.score("--nightly", "2026-11-22") == ExitCode.DONE
    assert faulty.latest_run().reason == "0 new images"


@POSIX
def test_names_that_are_made_to_confuse(faulty: Project, server_url: str) -> None:
    """Folders named like commands and lines, names that differ by case, a file that is a folder."""
    for name in ("=1+1", "a, ERROR, run-failed, b", "two\nlines", "..."):
        faulty.write(name, 2)
    folder = faulty.write("G1", 1)
    for name in ("IMG_1.png", "img_01.png", "img_1.PNG", "img_1.png.png", "é.png", "e\u0301.png"):
        cv2.imwrite(str(folder / "new.png"), np.full((28, 28), 60, np.uint8))
        os.replace(folder / "new.png", folder / name)
        os.utime(folder / name, (LONG_AGO, LONG_AGO))
    assert faulty.score("--nightly", "2026-11-20") == ExitCode.DONE
    rows = read_whole_results(faulty.results)
    assert Counter(row[1] for row in rows) == {
        "'=1+1": 2, "a, ERROR, run-failed, b": 2, "two\\nlines": 2, "G1": 7
    }  # fmt: skip
    assert_truth(faulty.settings)
    faulty.results.unlink()
    faulty.results.mkdir()
    assert faulty.score("G1") == ExitCode.FAILED
    assert "Results.csv could not be written" in faulty.events()
