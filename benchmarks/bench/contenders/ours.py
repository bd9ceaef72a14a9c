"""This project: by hand with the server up, the whole cold cycle, and the cycle with its report.

Each run has an empty project folder of its own, so that nothing is known from the run before.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

from benchmarks.bench.contract import PROJECT, Contender, Program, Server, Work
from scoring.processes.port_owner import free_port

HOST = "127.0.0.1"


def _variables(work: Work, project: Path) -> dict[str, str]:
    project.mkdir(exist_ok=True)
    return {
        "SCORING_PROJECT": str(project),
        "SCORING_SERVER__MODELS": json.dumps([str(work.bundle)]),
        "SCORING_PATHS__BATCHES": str(work.folder.parent),
    }


def project_of(work: Work) -> Path:
    """Return the project folder of a run."""
    return work.scratch / "project"


def _by_hand(work: Work, url: str) -> Program:
    project = project_of(work)
    command = [sys.executable, "-m", "client.request", str(work.folder), "--server", url]
    return Program(command, _variables(work, project))


def _server(work: Work, port: int) -> Program:
    command = [sys.executable, "-m", "server", "--port", str(port)]
    return Program(command, _variables(work, work.scratch / "server-project"))


def _cycle(work: Work, url: str) -> Program:
    variables = _variables(work, project_of(work))
    variables["SCORING_SERVER__PORT"] = str(free_port(HOST))
    return Program([sys.executable, "-m", "scheduler", "--once"], variables)


def read_results(work: Work) -> dict[str, str]:
    """Return each file's label of the Results.csv that a run left in its project folder."""
    with (project_of(work) / "Results.csv").open(newline="", encoding="utf-8-sig") as file:
        return {Path(row["Image"]).name: row["Item"] for row in csv.DictReader(file)}


BY_HAND = Contender(
    "ours",
    "client.request, server up, to Results.csv and ledger",
    PROJECT,
    _by_hand,
    Server(_server, "/health/ready"),
    labels=read_results,
    any_image=True,
)
CYCLE = Contender(
    "cycle",
    "scheduler --once, cold: server, client, report",
    PROJECT,
    _cycle,
    labels=read_results,
    any_image=True,
)
OURS = (BY_HAND, CYCLE)
