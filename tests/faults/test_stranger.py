"""Row 56: the server dies in the middle of a run, and a stranger has its port at once."""

from __future__ import annotations

import os
import signal

from scoring.settings import load_settings
from tests.client.stranger import FORGED, stranger_at
from tests.conftest import write_batch
from tests.deadlines import wait_for
from tests.end_to_end.scheduler_process import Desk
from tests.faults.desk import LINUX
from tests.faults.oracle import assert_truth
from tests.faults.test_server import SERVER, is_under_way, reason_of

KEY = "the-key-of-the-shop"


@LINUX
def test_row_56_a_stranger_takes_the_port_in_mid_run(night: Desk) -> None:
    """He answers all that a server of this software would, and gets nothing for it."""
    write_batch(night.project / "image_batches" / "G1", 2_000)
    night.set("CLIENT__CHUNK_ROWS", 5)
    # So that the client is still trying when the stranger is there.
    night.set("CLIENT__TRIES", 100)
    night.set("SERVER__API_KEY", KEY)
    night.make_a_run_due()
    with night.scheduler() as scheduler:
        server = night.pid_of(SERVER)
        wait_for(lambda: is_under_way(night), "the first predictions")
        # So that the scheduler does not have a server there again before him.
        os.kill(scheduler.pid, signal.SIGSTOP)
        port = int(os.environ["SCORING_SERVER__PORT"])
        os.kill(server, signal.SIGKILL)
        with stranger_at(port) as stranger:
            os.kill(scheduler.pid, signal.SIGCONT)
            wait_for(lambda: night.nightly_states() == ["failed"], "the run to be failed")
            wait_for(lambda: "server-start-failed" in night.events(), "his name")
    assert "is not the server of this session" in reason_of(night)
    assert f"port {port} is taken by" in event_text(night)
    assert f"(process {os.getpid()})" in event_text(night)
    assert {heard.path for heard in stranger.heard} == {"/health/ready"}
    assert not any(heard.body for heard in stranger.heard)
    assert not stranger.has_heard(KEY)
    with night.ledger() as ledger:
        shown, waiting = ledger.count_images(night.runs()[-1].id)
    assert 0 < waiting < shown
    assert f"{100 * FORGED:.2f}" not in (night.project / "Results.csv").read_text("utf-8")
    assert_truth(load_settings())


def event_text(night: Desk) -> str:
    return (night.project / "logs" / "Events-log.txt").read_text("utf-8")
