"""What a contender is: a command that makes a CSV of a folder, and a server where it needs one."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FLOOR = "floor"
PROJECT = "this project"
ORIGINAL = "the original's method"
IN_PROCESS = "in-process"
SERVED = "server, this project's int8"
TUTORIAL = "server, as its tutorial"


class Unavailable(Exception):
    """A contender cannot take part; the message says why and what to do."""


@dataclass(frozen=True)
class Work:
    """A folder of images to score, by which bundle, and where a contender may write.

    ``folder`` lies alone in its parent, which is thus a folder of batches. ``scratch`` is empty
    and each run's own; ``kept`` is for what a contender makes once (a converted model).
    ``environments`` holds one virtual environment for each peer.
    """

    folder: Path
    bundle: Path
    scratch: Path
    kept: Path
    environments: Path

    @property
    def out(self) -> Path:
        """Where the CSV of path, label and confidence goes."""
        return self.scratch / "out.csv"

    def python(self, environment: str) -> str:
        """Return the interpreter of a peer's environment; raises Unavailable for none."""
        folder = self.environments / environment
        for place in ("bin/python", "Scripts/python.exe"):
            if (folder / place).exists():
                return str(folder / place)
        raise Unavailable(f"no environment {environment!r}: run make bench-peers")


@dataclass(frozen=True)
class Program:
    """A command, and what its environment has besides the benchmark's own."""

    command: list[str]
    variables: Mapping[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.variables}


@dataclass(frozen=True)
class Server:
    """How a contender's server is started on a port, and where it says that it is ready."""

    program: Callable[[Work, int], Program]
    ready: str


def read_plain(work: Work) -> dict[str, str]:
    """Return each file's label of a CSV of path, label, confidence without a header."""
    with work.out.open(newline="", encoding="utf-8") as file:
        return {Path(row[0]).name: row[1] for row in csv.reader(file)}


@dataclass(frozen=True)
class Contender:
    """One row of the table.

    ``client`` gives the command for some work, with the server's URL ("" without a server).
    ``prepare`` is done once before anything is measured. ``any_image`` is false where only the
    data set's own 28×28 PNGs can be read.
    """

    key: str
    title: str
    group: str
    client: Callable[[Work, str], Program]
    server: Server | None = None
    prepare: Callable[[Work], None] = lambda work: None
    labels: Callable[[Work], dict[str, str]] = read_plain
    any_image: bool = False
