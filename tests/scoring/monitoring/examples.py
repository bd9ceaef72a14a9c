"""Facts of a night that never was, to be changed by whoever needs another."""

from __future__ import annotations

from datetime import UTC, date, datetime

from scoring.monitoring.facts import (
    BatchFacts,
    ClassFacts,
    FailedFile,
    LookAt,
    Measure,
    ModelFacts,
    ReportFacts,
    RunFacts,
    Told,
    Totals,
)

NIGHT = date(2026, 11, 25)
RUN = RunFacts(
    id="20261125-180500-3f9c",
    kind="nightly",
    state="done",
    reason="",
    nights=(NIGHT,),
    started_at=datetime(2026, 11, 25, 18, 5, tzinfo=UTC),
    finished_at=datetime(2026, 11, 25, 18, 6, tzinfo=UTC),
    batches=("G1",),
    earlier=40,
)
TOTALS = Totals(
    images=100, failed=2, flagged=14, waiting=0, mean_confidence=0.931, seconds=2.5
)  # fmt: skip
LABELS = ("Trouser", "Coat", "Bag")
MODEL = ModelFacts(
    name="fashion",
    version="e722fb707496",
    totals=TOTALS,
    nights=20,
    limit=0.9,
    note="one garment on one plain background",
    stranger="not a garment?",
    strangers=3,
    measures=(
        Measure("flagged", 0.14, 0.1, 0.2),
        Measure("confidence", 0.931, 0.92, 0.95),
        Measure("brightness", 0.37, 0.35, 0.38),
    ),
    classes=tuple(
        ClassFacts(label, count, 0.93, Measure(label, count / 98, 0.2, 0.5), (0.92, None, 0.93))
        for label, count in zip(LABELS, (40, 30, 28), strict=True)
    ),
    histogram=(*[0] * 12, 1, 2, 3, 2, 4, 6, 20, 60),
    flagged_histogram=(*[0] * 12, 1, 2, 3, 2, 3, 3, 0, 0),
    trend_nights=("23 Nov", "24 Nov", "25 Nov"),
)
FACTS = ReportFacts(
    run=RUN,
    totals=TOTALS,
    nights=20,
    measures=(
        Measure("images", 100, 90, 120),
        Measure("failed", 0.02, 0.0, 0.03),
        Measure("speed", 40, 30, 60),
    ),
    batches=(BatchFacts("G1", "fashion", TOTALS),),
    models=(MODEL,),
    reasons=(("low confidence", 11), ("not a garment?", 3)),
    look_at=(
        LookAt("G1", "item-003.png", "d3", "Coat", 0.41, "low confidence"),
        LookAt("G1", "item-011.jpg", "d11", "Bag", 0.77, "not a garment?"),
    ),
    errors=(("the file breaks off", 2),),
    failed_files=(
        FailedFile("G1", "item-020.jpg", "the file breaks off"),
        FailedFile("G1", "item-021.jpg", "the file breaks off"),
    ),
    events=(Told("WARNING", "retry", "G1", "no answer within 120 s; trying again"),),
    speed_nights=("23 Nov", "24 Nov", "25 Nov"),
    speed=(38.0, 41.0, 40.0),
)
