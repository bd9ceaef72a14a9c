"""The command line of ``python -m client.request``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from scoring.processes.parent_pipe import FLAG

SERVER_HELP = (
    "server to use (default: client.server); several share the work: give it once for each, "
    "or with commas between"
)
NIGHTLY_HELP = (
    "the nightly run of that day, like 2026-11-21: what is new in schedule.batches or in all; "
    "the scheduler gives it by itself"
)


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; a wrong one ends the program with exit code 2."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.start_server and arguments.server:
        parser.error("--start-server starts one of its own; leave out --server")
    if arguments.every_batch and arguments.batches:
        parser.error("--every-batch takes all of them; name none")
    if arguments.all and not (arguments.every_batch or arguments.nightly):
        parser.error("--all goes with --every-batch; a batch that is named is always scored whole")
    return arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m client.request",
        description="Score batches of images with a running server.",
        epilog="Exit codes: 0 done, 1 failed, 2 usage or settings, 3 partial, 4 batch missing, "
        "5 no server, 6 another run is at work.",
    )
    add = parser.add_argument
    add("batches", nargs="*", metavar="BATCH", help="folder of image_batches, or a path")
    add("--server", metavar="URL", action="append", help=SERVER_HELP)
    add("--out", metavar="FILE", type=Path, help="where the results go (default: paths.results)")
    add("--model", metavar="NAME", help="model to score with (default: the server's first)")
    add("--start-server", action="store_true", help="start a server for this run, then stop it")
    add("--fresh", action="store_true", help="score all anew even if a run was interrupted")
    add("--wait", action="store_true", help="wait for another run to end instead of leaving")
    add("--every-batch", action="store_true", help="what is new in all batches of image_batches")
    add("--new", action="store_true", help="only images that no model has scored yet")
    add("--all", action="store_true", help="with --every-batch: score what is known again, too")
    add("--nightly", metavar="DATE", type=date.fromisoformat, help=NIGHTLY_HELP)
    add(FLAG, action="store_true", help=argparse.SUPPRESS)
    return parser


def settings_flags(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what the command line sets over the settings."""
    server = None if arguments.server is None else ",".join(arguments.server)
    client = {"server": server, "model": arguments.model}
    return {"client": {name: value for name, value in client.items() if value is not None}}
