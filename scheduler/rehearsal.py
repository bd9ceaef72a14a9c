"""The night in small: a server and a client, started as tonight, score one picture.

Whatever would fail tonight fails here, in its own words: the key, the bundles, a model that is not
served, a preprocessing that this code has not. All that is written lies in a folder that goes.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

from scheduler.finding import Finding
from scheduler.launcher import ClientJob, ProcessLauncher, ServerHandle
from scoring.processes.readiness import read_readiness
from scoring.protocol.errors import ExitCode, ScoringError
from scoring.settings import PathSettings, Settings

# The scheduler may have a server up on the port of the settings.
ANY_PORT = 0
CLIENT_SECONDS = 60.0
SIDE = 28
# What stands before an error in a program's log.
MARKS = ("error: ", "ERROR: ")
LIGHT, DARK = b"\xff" * 3, b"\x40" * 3


def rehearse(settings: Settings) -> Iterator[Finding]:
    """Yield a finding for each bundle that was served, or the one that says what went wrong."""
    with tempfile.TemporaryDirectory(prefix="scorer-check-") as folder:
        small = _in_folder(settings, Path(folder))
        launcher = ProcessLauncher(small, port=ANY_PORT)
        try:
            server = launcher.start_server(lambda: False)
        except OSError as error:  # no such address on this machine
            host = settings.server.host
            yield Finding("FAIL", "server", f"server.host {host}: {error.strerror or error}")
            return
        except ScoringError as error:
            yield Finding("FAIL", "server", _first_error(str(error)))
            return
        try:
            yield from _score_one(small, launcher, server)
        finally:
            server.stop()


def _score_one(
    settings: Settings, launcher: ProcessLauncher, server: ServerHandle
) -> Iterator[Finding]:
    today = settings.now().date()
    client = launcher.start_client(server, ClientJob(today, window_seconds=CLIENT_SECONDS))
    code = client.wait(CLIENT_SECONDS)
    client.stop(0.0)
    if code != ExitCode.DONE:
        ended = "was not done" if code is None else f"ended with exit code {code}"
        why = _first_error(client.log_tail()) or "no message"
        yield Finding("FAIL", "client", f"{why} (a client that was to score one picture {ended})")
        return
    peer = read_readiness(server.url, secret=server.secret)
    wanted = settings.client.model
    for model in peer.models if peer else ():
        scored = "; scored a picture" if model.name == wanted or not wanted else ""
        wanted = wanted or model.name
        yield Finding("OK", "bundle", f"{model.name} {model.version}{scored}")


def _in_folder(settings: Settings, folder: Path) -> Settings:
    """Return the settings with every path in ``folder``, and a batch of one picture there."""
    batch = folder / "image_batches" / "check"
    batch.mkdir(parents=True)
    (batch / "box.bmp").write_bytes(_picture())
    paths = PathSettings(
        batches=batch.parent,
        results=folder / "Results.csv",
        ledger=folder / "ledger.db",
        logs=folder / "logs",
    )
    schedule = {"batches": (), "settle_seconds": 0.0}
    # Not whether the picture is any good is asked, but whether it comes through.
    client = {"tries": 1, "max_failed_percent": 100.0}
    return settings.model_copy(
        update={
            "paths": paths,
            "schedule": settings.schedule.model_copy(update=schedule),
            "client": settings.client.model_copy(update=client),
        }
    )


def _picture() -> bytes:
    """Return a dark box on light ground, as an uncompressed bitmap of 24 bits a pixel."""
    edge, middle = SIDE // 4, SIDE // 2
    blank = LIGHT * SIDE
    boxed = LIGHT * edge + DARK * middle + LIGHT * edge
    pixels = blank * edge + boxed * middle + blank * edge
    offset = 14 + 40
    head = struct.pack("<2sIHHI", b"BM", offset + len(pixels), 0, 0, offset)
    info = struct.pack("<IiiHHIIiiII", 40, SIDE, SIDE, 1, 24, 0, len(pixels), 0, 0, 0, 0)
    return head + info + pixels


def _first_error(log_tail: str) -> str:
    """Return what the last lines of a program's log say went wrong, or all of them."""
    lines = log_tail.split(" | ")
    errors = [line.partition(mark)[2] for line in lines for mark in MARKS if mark in line]
    return errors[0] if errors else log_tail
