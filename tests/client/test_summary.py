from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from client.batch_scoring import RunOutcome
from client.summary import write_summary

DONE = RunOutcome(
    run_id="r1",
    state="done",
    reason="",
    images=30,
    failed=1,
    flagged=2,
    mean_confidence=0.98765,
    seconds=1.5,
    results=Path("Results.csv"),
    metrics=(Path("Metrics-log.csv"), Path("Metrics-log-digits.csv")),
)


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (DONE, {"run": "r1 done", "images/s": "20.0", "mean confidence": "98.77 %"}),
        (
            DONE,
            {
                "time": "1.50 s since the command began",
                "results": "Results.csv",
                "event log": "Events-log.txt",
            },
        ),
        (replace(DONE, images=0, mean_confidence=None), {"mean confidence": "-"}),
        (replace(DONE, images=0, seconds=0.0), {"images/s": "0.0"}),
        (replace(DONE, results=None), {"results": "left as they were: nothing new"}),
        (replace(DONE, results=None, state="failed", reason="no"), {"results": "not written"}),
        (replace(DONE, state="partial", reason="stopped"), {"note": "stopped"}),
        (replace(DONE, by_server={"http://a:1": 20}), {"by server": "http://a:1: 20 images"}),
        (replace(DONE, mixed=("G has two",)), {"mixed models": "G has two"}),
    ],
)
def test_what_a_person_reads_after_a_run(
    outcome: RunOutcome, told: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    write_summary(outcome, Path("Events-log.txt"))
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line[19:] for line in lines if "metrics log" in line] == list(map(str, outcome.metrics))
    table = {line[2:18].strip(): line[19:] for line in lines}
    assert table.items() >= told.items()
    assert ("note" in table) == bool(outcome.reason)
