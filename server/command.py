"""The prediction API from its command line to its end: ``python -m server``."""

from __future__ import annotations

import argparse
import logging
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scoring.processes.listening import bind, url_of
from scoring.processes.parent_pipe import FLAG, ParentPipe
from scoring.processes.stop_signals import on_stop_signals
from scoring.protocol.browser_ports import blocked_warning
from scoring.protocol.errors import ExitCode, ScoringError, UsageError
from scoring.protocol.identity import SessionSecret
from scoring.protocol.loopback import is_loopback
from scoring.records.telling import telling_never_fails
from scoring.settings import Settings, load_settings
from server.access import require_key_beyond_loopback
from server.app import create_app
from server.console import log_to_console
from server.drain import Drain
from server.http_server import HttpServer
from server.models import load_served

logger = logging.getLogger("scoring.server")

# Waiting in short turns lets Ctrl-C through on Windows.
WAIT_TURN_SECONDS = 0.5


@telling_never_fails()
def main(argv: Sequence[str] | None = None) -> int:
    """Serve until told to stop; return the exit code."""
    arguments = _parser().parse_args(argv)
    log_to_console()
    stop = threading.Event()
    try:
        settings = load_settings(server=_flags(arguments))
        pipe = _open_pipe(settings, stop) if arguments.parent_pipe else None
        if arguments.check:
            return _check(settings)
        return _serve(settings, pipe.secret if pipe else None, stop)
    except ScoringError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code


def _open_pipe(settings: Settings, stop: threading.Event) -> ParentPipe:
    """Stop when the pipe from the parent closes, however the parent went."""
    return ParentPipe.open(stop.set, exit_seconds=settings.server.stop_seconds + 2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m server", description="Serve the model.")
    parser.add_argument(
        "--model", action="append", metavar="MODEL", type=Path,
        help="a model's name, or its bundle's folder; may be repeated",
    )  # fmt: skip
    parser.add_argument("--host", help="address to listen on (default: server.host)")
    parser.add_argument("--port", type=int, help="port to listen on (default: server.port)")
    parser.add_argument("--check", action="store_true", help="verify all it needs, and leave")
    parser.add_argument(FLAG, action="store_true", help=argparse.SUPPRESS)
    return parser


def _flags(arguments: argparse.Namespace) -> dict[str, Any]:
    flags = {"host": arguments.host, "port": arguments.port}
    if arguments.model:
        flags["models"] = tuple(map(_model, arguments.model))
    return {name: value for name, value in flags.items() if value is not None}


def _model(given: Path) -> Path:
    """Return a folder seen from here, or a model's name as it is."""
    if given.is_dir():
        return given.resolve()
    if given.parts != (given.name,):
        raise UsageError(f"--model {given}: there is no such folder")
    return given


def _check(settings: Settings) -> int:
    require_key_beyond_loopback(settings.server, is_loopback(settings.server.host))
    models = load_served(settings)
    for predictor in models.all():
        signature = predictor.signature
        sys.stdout.write(f"{signature.name} {signature.version}\n")
    models.close()
    return ExitCode.DONE


def _serve(settings: Settings, secret: SessionSecret | None, stop: threading.Event) -> int:
    host = settings.server.host
    loopback = is_loopback(host)
    require_key_beyond_loopback(settings.server, loopback)
    listener = bind(host, settings.server.port, "server.port")
    models = load_served(settings)
    drain = Drain()
    app = create_app(settings, models=models, drain=drain, secret=secret, loopback=loopback)
    server = HttpServer(app, listener, settings.server, drain)
    on_stop_signals(stop.set)
    server.start()
    names = ", ".join(predictor.signature.name for predictor in models.all())
    logger.info("serving %s at %s", names, url_of(host, server.port))
    if warning := blocked_warning(server.port):
        logger.warning(warning)
    while not stop.wait(WAIT_TURN_SECONDS) and server.is_alive():
        pass
    logger.info("stopping: finishing what is in flight")
    finished = server.stop(settings.server.stop_seconds)
    logger.info("stopped" if finished else "stopped before all was answered")
    return ExitCode.DONE if stop.is_set() and finished else ExitCode.FAILED
