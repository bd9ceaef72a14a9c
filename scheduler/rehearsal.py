"""The night in small: a server and a client, started as tonight, score a picture by each model.

Whatever would fail tonight fails here, in its own words: the key, the bundles, a model that is not
served, a preprocessing that this code has not. All that is written lies in a folder that goes.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from scheduler.finding import Finding
from scheduler.launcher import ClientJob, ProcessLauncher, ServerHandle
from scoring.processes.readiness import read_readiness
from scoring.protocol.commands import command
from scoring.protocol.errors import ExitCode, ScoringError
from scoring.protocol.metadata import ServedModel
from scoring.protocol.promoted import CannotRead, read_current
from scoring.settings import PathSettings, Settings

# The scheduler may have a server up on the port of the settings.
ANY_PORT = 0
CLIENT_SECONDS = 60.0
SIDE = 28
# What stands before an error in a program's log.
MARKS = ("error: ", "ERROR: ")
LIGHT, DARK = b"\xff" * 3, b"\x40" * 3


def rehearse(settings: Settings, models: Sequence[str]) -> Iterator[Finding]:
    """Yield a finding for each bundle that was served, or the one that says what went wrong.

    ``models`` are the names of those that are to score; "" is the server's first.
    """
    # What cannot be removed (a virus scanner reads it) is no trouble of tonight.
    with tempfile.TemporaryDirectory(prefix="scorer-check-", ignore_cleanup_errors=True) as folder:
        small = _in_folder(settings, Path(folder), models)
        launcher = ProcessLauncher(small, port=ANY_PORT)
        try:
            server = launcher.start_server(lambda: False)
        except ScoringError as error:
            yield Finding("FAIL", "server", _first_error(str(error)))
            return
        try:
            yield from _score(small, launcher, server, models)
        finally:
            server.stop()


def _score(
    settings: Settings, launcher: ProcessLauncher, server: ServerHandle, models: Sequence[str]
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
    for place, model in enumerate(peer.models if peer else ()):
        has_scored = model.name in models or (not place and "" in models)
        scored = "; scored a picture" if has_scored else ""
        yield Finding("OK", "bundle", f"{model.name} {model.version}{scored}")
    # One that somebody keeps up has what was promoted when it began.
    if settings.schedule.start_server:
        yield from _not_served(settings, peer.models if peer else ())


def _not_served(settings: Settings, models: Sequence[ServedModel]) -> Iterator[Finding]:
    """Yield a finding for each promoted version in whose place another one serves."""
    try:
        promoted = read_current(settings)
    except CannotRead as error:
        yield Finding("WARN", "bundle", f"no retrained model serves: {error}")
        return
    for name, version in ((one.name, one.version) for one in models):
        wanted = promoted.get(name, version)
        if wanted != version:
            why, back = command("server", "--check"), command("fashion_model.retrain", name)
            yield Finding(
                "WARN", "bundle", f"{name}: {version[:12]} serves, and not the promoted"
                f" {wanted[:12]}, which cannot be loaded: {why} says why,"
                f" {back} --rollback goes back to the one before",
            )  # fmt: skip


def _in_folder(settings: Settings, folder: Path, models: Sequence[str]) -> Settings:
    """Return the settings with every path in ``folder``, and a batch of one picture a model."""
    home = folder / "image_batches"
    batches = {f"check{number}": {"model": name} for number, name in enumerate(models)}
    for name in batches:
        (home / name).mkdir(parents=True)
        (home / name / "box.bmp").write_bytes(_picture())
    paths = PathSettings(
        batches=home,
        results=folder / "Results.csv",
        ledger=folder / "ledger.db",
        pictures=folder / "pictures.db",
        logs=folder / "logs",
        models=settings.paths.models,
    )
    return settings.replaced(
        paths=paths,
        batches=settings.batches.changed(**batches),
        schedule=settings.schedule.replaced(batches=(), settle_seconds=0.0),
        # Not whether the picture is any good is asked, but whether it comes through.
        client=settings.client.replaced(tries=1, max_failed_percent=100.0),
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
