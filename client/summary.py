"""What a person reads after a run."""

from __future__ import annotations

import sys
from pathlib import Path

from client.batch_scoring import RunOutcome
from scoring.protocol.percent import in_percent


def write_summary(outcome: RunOutcome, events_file: Path) -> None:
    """Write a short table to stdout: how the run ended, and where its files are."""
    mean = outcome.mean_confidence
    rate = outcome.images / outcome.seconds if outcome.seconds else 0.0
    lines = [
        ("run", f"{outcome.run_id} {outcome.state}"),
        ("images", f"{outcome.images}"),
        ("failed", f"{outcome.failed}"),
        ("to review", f"{outcome.flagged}"),
        ("mean confidence", "-" if mean is None else f"{in_percent(mean, 2)} %"),
        ("images/s", f"{rate:.1f}"),
        ("time", f"{outcome.seconds:.2f} s since the command began"),
        *(("by server", f"{url}: {count} images") for url, count in outcome.by_server.items()),
        ("results", str(outcome.results or _why_no_results(outcome))),
        *(("metrics log", str(path)) for path in outcome.metrics),
        ("event log", str(events_file)),
        *([("report", str(outcome.report))] if outcome.report else []),
        *(("mixed models", line) for line in outcome.mixed),
        *(("photographs?", line) for line in outcome.advice),
    ]
    sys.stdout.write("\n" + "".join(f"  {name:<16} {value}\n" for name, value in lines))
    if outcome.reason:
        sys.stdout.write(f"  {'note':<16} {outcome.reason}\n")
    sys.stdout.flush()


def _why_no_results(outcome: RunOutcome) -> str:
    return "not written" if outcome.state == "failed" else "left as they were: nothing new"
