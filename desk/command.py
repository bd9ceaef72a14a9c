"""What the desk's command line asks for: ``python -m desk``."""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
import threading
from collections.abc import Sequence

from scoring.processes.one_heap import share_one_heap
from scoring.processes.parent_pipe import FLAG, ParentPipe
from scoring.processes.stop_signals import on_stop_signals
from scoring.protocol.errors import ScoringError
from scoring.records.telling import telling_never_fails
from scoring.settings import load_settings

DESCRIPTION = "The desk: see what was scored, look at what needs a person, correct it."
EPILOG = "Without a command: serve the pages until stopped."
# Each is a module with SUMMARY, add_arguments(parser) and run(settings, arguments).
COMMANDS: dict[str, str] = {
    "export": "desk.exporting",
    "import": "desk.importing",
    "forget": "desk.forget",
}
# How long a desk that is to stop may take before it is ended hard.
EXIT_SECONDS = 7.0


@telling_never_fails()
def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; return the exit code."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(message)s")
    # That somebody hung up, or that requests queue, is no news.
    logging.getLogger("waitress").setLevel(logging.ERROR)
    try:
        if arguments.command:
            return int(arguments.run(load_settings(), arguments))
        return _serve(arguments)
    except ScoringError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m desk", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("--host", help="address to listen on (default: desk.host)")
    parser.add_argument("--port", type=int, help="port to listen on (default: desk.port)")
    parser.add_argument(FLAG, action="store_true", help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", metavar="[COMMAND]")
    for name, module in COMMANDS.items():
        command = importlib.import_module(module)
        one = commands.add_parser(name, help=command.SUMMARY, description=command.__doc__)
        command.add_arguments(one)
        one.set_defaults(run=command.run)
    return parser


def _serve(arguments: argparse.Namespace) -> int:
    flags = {"host": arguments.host, "port": arguments.port}
    settings = load_settings(
        desk={name: value for name, value in flags.items() if value is not None}
    )
    stop = threading.Event()
    on_stop_signals(stop.set)
    if arguments.parent_pipe:
        ParentPipe.open(stop.set, exit_seconds=EXIT_SECONDS)
    share_one_heap()
    from desk.serving import serve

    return serve(settings, stop)
