"""``make conformance``: other people's clients, unmodified, against real servers.

Each client is installed in an environment of its own (``requirements-conformance-….txt``) and
sends the same hundred pictures; each must be told the same labels and float32 confidences, bit by
bit. The try-outs of ``deploy/`` are run, too.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from scoring.settings import CODE_ROOT
from tests.conformance.report import Result, merged, table, tally, write_into
from tests.conformance.serving import GUNICORN, OURS, expected, server

ENVIRONMENTS = CODE_ROOT / ".venv" / "conformance"
# Of the whole run, so that whoever waits for it knows when to look.
BUDGET_SECONDS = 600.0
# Of one client or try-out, so that one that hangs leaves time to those after it.
ONE_SECONDS = 180.0
DOCUMENT = CODE_ROOT / "docs" / "api.md"


@dataclass(frozen=True)
class Client:
    """A client, the module with its checks, and the environment that it is installed in."""

    name: str
    module: str
    environment: str = ""
    program: str = ""

    @property
    def python(self) -> Path:
        if not self.environment:
            return Path(sys.executable)
        return ENVIRONMENTS / self.environment / "bin" / "python"

    def missing(self) -> str:
        """Return why the checks cannot be made here, "" where they can."""
        if self.program and not shutil.which(self.program):
            return f"there is no {self.program} here"
        if not self.python.exists():
            return "its environment is not installed; make conformance does that"
        return ""


CLIENTS = (
    Client("client.request", "own_client"),
    Client("the first version's script", "original"),
    Client("curl", "curl", program="curl"),
    Client("tritonclient[http]", "tritonclient_http", "tritonclient"),
    Client("kserve.InferenceRESTClient", "kserve_rest", "kserve"),
    Client("mlflow (skinny)", "mlflow_scoring", "mlflow"),
)
TRY_OUTS = ("gunicorn", "apache", "nginx")


def main(argv: Sequence[str] | None = None) -> int:
    """Run all checks and print the table; 1 where one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into docs/api.md")
    arguments = parser.parse_args(argv)
    deadline = time.monotonic() + BUDGET_SECONDS
    tried = (try_out(name, deadline) for name in TRY_OUTS)
    results = [*merged(ask_all(deadline)), *tried]
    sys.stdout.write(f"\n{table(results)}\n\n{tally(results)}\n")
    if arguments.write:
        write_into(DOCUMENT, f"{table(results)}\n\n{tally(results)}")
    return int(any(one.error for one in results))


def ask_all(deadline: float) -> Iterator[Result]:
    """Have every client ask, under waitress and under gunicorn, with and without a key."""
    key = secrets.token_hex()
    for module in (OURS, GUNICORN):
        with (
            TemporaryDirectory() as scratch,
            server(Path(scratch), module) as url,
            server(Path(scratch), module, key) as locked_url,
        ):
            expected(url, locked_url, key).save(Path(scratch))
            for client in CLIENTS:
                for one in ask(client, scratch, deadline):
                    yield replace(one, error=one.error and f"{module[0]}: {one.error}")


def ask(client: Client, folder: str, deadline: float) -> Iterator[Result]:
    """Have one client ask, over the images that lie in a folder."""
    if client.missing():
        yield Result(client.name, "", "all checks", skipped=client.missing())
        return
    module = f"tests.conformance.clients.{client.module}"
    done = _run([str(client.python), "-m", module, folder], deadline)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    for line in lines:
        yield Result(client.name, **line)
    if done.returncode and not any(line["error"] for line in lines):
        yield Result(client.name, "", "all checks", error=_last_line(done.stderr))


def try_out(name: str, deadline: float) -> Result:
    """Run one of the scripts that serve as ``deploy/`` says."""
    script = f"deploy/try/{name}.sh"
    done = _run(["bash", script], deadline)
    verdict, _, text = done.stdout.strip().partition(f" {name}: ")
    if done.returncode == 0 and verdict == "ok":
        return Result(script, "", text)
    if done.returncode == 0 and verdict == "SKIPPED":
        return Result(script, "", "", skipped=text)
    sys.stderr.write(done.stdout + done.stderr)
    return Result(script, "", "", error=_last_line(done.stderr))


def _run(command: list[str], deadline: float) -> subprocess.CompletedProcess[str]:
    """Run a command for as long as the budget has time left."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("SCORING_")}
    try:
        return subprocess.run(
            command,
            cwd=CODE_ROOT,
            env=kept,
            capture_output=True,
            text=True,
            check=False,
            timeout=max(0.0, min(ONE_SECONDS, deadline - time.monotonic())),
        )
    except subprocess.TimeoutExpired as error:
        return subprocess.CompletedProcess(command, 1, "", f"not over within {error.timeout:.0f} s")


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "no reason given")


if __name__ == "__main__":
    sys.exit(main())
