"""One model in one run, beside its held-out images and the nights before.

What is found is JSON (``run_monitoring``). Of a model's facts in a run
    estimate     value, low, high, second (shares of 0-1), images, valid, why, unlike; null of none
    nights       the same over the last 7 and 28 nights, by their number
    audited      as ``Audited``, over the last 28 nights as people had judged them by then; or null
    combined     mean confidence, corrected by what people judged of valid nights; or null
    drift        by detector: evidence, since, clean, alarm; p, shift and tolerated of this night
    mix          how the classes' mix differs from the held-out images'
    counted      nights whose judged sample has been added to the evidence
    thresholds   as ``Thresholds``
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
from msgspec.structs import asdict

from scoring.monitoring import drift, e_process
from scoring.monitoring.accuracy import Estimate, Estimator, beyond_trust, pooled, why_not
from scoring.monitoring.audited import FEWEST, audited
from scoring.monitoring.drift import Look
from scoring.monitoring.e_process import Process
from scoring.monitoring.night import Night
from scoring.monitoring.thresholds import Thresholds, after_night, judge_model
from scoring.protocol.reference import BadReference, Reference
from scoring.records import model_references, run_monitoring
from scoring.records.audited_rows import AuditedRun, audited_run, runs_sharing_images
from scoring.records.ledger import Ledger
from scoring.records.night_rows import ScoredRows, scored_rows
from scoring.records.rows import Run
from scoring.records.run_monitoring import Found
from scoring.settings import Settings

# Nights that figures are also made over; this one is the last of them.
SPANS = (7, 28)
AUDIT = "audit"
# One detector for each test of drift, and one for what people judge.
DETECTORS = (*drift.TESTS, AUDIT)
NOT_TESTED = "the model brings no figures of held-out images"

Facts = dict[str, Any]


class WatchedModel:
    """One model in one run, beside its held-out images and the nights before."""

    def __init__(
        self, settings: Settings, ledger: Ledger, run: Run, version: str, signature: Facts
    ) -> None:
        self._settings, self._database, self._run = settings, ledger.database, run
        self._version, self._signature = version, signature
        self._labels = signature["labels"]
        self._reference = self._find_reference()
        self._rows = scored_rows(self._database, run.id, version, self._labels)
        # What a model of another kind answered is no part of it.
        self._known = (self._rows.label >= 0) & (self._rows.second >= 0)
        self._estimator: Estimator | None = None
        if self._reference:
            self._above = float(signature["thresholds"]["outlier_score"])
            self._estimator = Estimator(self._reference, len(self._labels), self._above)
        self._before = run_monitoring.nights_before(self._database, version, run.id, max(SPANS) - 1)
        self._look = self._look_at(_night(self._rows, self._known))
        nights = (run.id, *(found.run_id for found in self._before))
        self._audits = {one: audited_run(self._database, one, version) for one in nights}
        self._counted = list(self._before[0].facts.get("counted", ())) if self._before else []
        self._processes = self._advance()

    @property
    def _is_night(self) -> bool:
        """Whether this run is one of the nights that evidence is added up over."""
        return self._run.kind == "nightly" and len(self._rows) > 0

    def facts(self) -> Facts:
        """Return what was found, as JSON values."""
        estimate = self._told(self._estimate(self._known))
        judged = audited(self._last_audits(max(SPANS)))
        return {
            "model": self._signature["name"],
            "estimate": estimate,
            "nights": {str(nights): self._over(nights, estimate) for nights in SPANS},
            "audited": None if judged is None else asdict(judged),
            "combined": self._combined(),
            "drift": self._drift(),
            "counted": [night for night in self._counted if night in self._audits],
            "mix": asdict(self._look.mix) if self._look else None,
            "thresholds": self._thresholds().as_json(),
        }

    def batches(self) -> dict[str, Facts]:
        """Return each batch's own estimate, as JSON values."""
        found = {}
        for place, name in enumerate(self._rows.batches):
            mine = self._known & (self._rows.batch == place)
            found[name] = self._told(self._estimate(mine))
        return {name: one for name, one in found.items() if one}

    def audits(self) -> dict[str, float | None]:
        """Return how right the model was, night by night, by what people have judged by now."""
        found = {night: audited([run]) for night, run in self._audits.items()}
        return {night: one.value if one else None for night, one in found.items()}

    # How right

    def _find_reference(self) -> Reference | None:
        try:
            return model_references.find(self._database, self._version, len(self._labels))
        except BadReference:
            return None

    def _estimate(self, which: np.ndarray[Any, np.dtype[np.bool_]]) -> Estimate | None:
        confidence = self._rows.numbers["confidence"][which]
        if self._estimator:
            outlier = self._rows.numbers["outlier_score"][which]
            return self._estimator.estimate(self._rows.label[which], confidence, outlier)
        if not len(confidence):
            return None
        mean = float(confidence.mean())
        return Estimate(len(confidence), mean, 0.0, 1.0, mean)

    def _told(self, estimate: Estimate | None) -> Facts | None:
        if estimate is None:
            return None
        why = self._why_not(estimate.images)
        unlike = bool(self._alarms)
        return {**asdict(estimate), "valid": not why, "why": why, "unlike": unlike}

    def _why_not(self, images: int) -> str:
        if self._reference is None:
            return NOT_TESTED
        rules = self._settings.monitoring
        return why_not(
            images,
            rules.min_images,
            _day(self._signature.get("created")),
            self._run.started_at.date(),
            rules.calibration_days,
            self._alarms,
        )

    @cached_property
    def _alarms(self) -> list[str]:
        """Return whose alarm stands, and in what this night alone is too far away, in words."""
        standing = [WORDS[name] for name in DETECTORS if self._processes[name].alarm]
        return list(dict.fromkeys((*standing, *self._beyond_trust())))

    def _beyond_trust(self) -> list[str]:
        if self._look is None or self._estimator is None:
            return []
        shifts = {name: test.shift for name, test in self._look.tests.items()}
        outlier = self._rows.numbers["outlier_score"][self._known]
        share = float((outlier > self._above).mean())
        return beyond_trust(
            shifts.get("confidence", 0.0),
            shifts.get("outlier_score", 0.0),
            share - self._estimator.usual_strangers(len(outlier)),
            self._look.apart,
        )

    def _over(self, nights: int, tonight: Facts | None) -> Facts | None:
        """Return the estimate over the last nights: of those that were valid."""
        told = [tonight, *(found.facts.get("estimate") for found in self._before[: nights - 1])]
        valid = [one for one in told if one and one["valid"]]
        found = pooled([_estimate_of(one) for one in valid])
        judged = audited(self._last_audits(nights))
        return {
            "nights": len([one for one in told if one]),
            "valid_nights": len(valid),
            "estimate": asdict(found) if found else None,
            "audited": asdict(judged) if judged else None,
        }

    def _last_audits(self, nights: int) -> list[AuditedRun]:
        last = list(self._audits.items())[:nights]
        return [audit for run, audit in last if run != self._run.id or not self._is_repeated]

    @cached_property
    def _is_repeated(self) -> bool:
        """Whether a night before has the images of this run by hand, and people's word on them.

        It stands there, and is one word only.
        """
        if self._run.kind == "nightly":
            return False
        sharing = runs_sharing_images(self._database, self._run.id)
        return any(
            one.run_id in sharing and self._audits[one.run_id].judged for one in self._before
        )

    def _combined(self) -> float | None:
        """Correct mean confidence by what people judged of nights like this one.

        Nights that were unlike the model's test pictures say nothing of one that is not.
        """
        judged = audited([self._audits[one.run_id] for one in self._before if _is_valid(one)])
        confidence = self._rows.numbers["confidence"][self._known]
        if judged is None or not len(confidence):
            return None
        return float(np.clip(confidence.mean() + judged.correction, 0.0, 1.0))

    # Drift

    def _look_at(self, night: Night) -> Look | None:
        if self._reference is None or not len(night):
            return None
        return drift.look(self._reference, night, self._above)

    def _advance(self) -> dict[str, Process]:
        """Return each detector's evidence with this night, if it is one."""
        before = _processes(self._before)
        if not self._is_night or self._look is None:
            return before
        most = e_process.limit(len(DETECTORS))
        after = dict(before)
        for name, test in self._look.tests.items():
            after[name] = e_process.advance(
                before[name],
                e_process.evidence_of(test.p),
                self._run.id,
                most,
                clean=test.p >= e_process.CLEAN_P,
            )
        after[AUDIT] = self._advance_audit(before[AUDIT], most)
        return after

    def _advance_audit(self, before: Process, most: float) -> Process:
        """Add what people judged of the first night that is judged and was not counted yet.

        People judge in their own time; each night counts once, and one a night.
        """
        nights = [night for night in reversed(self._audits) if night not in self._counted]
        judged = (night for night in nights if len(self._audits[night].judged) >= FEWEST)
        night = next(judged, None)
        if night is None or self._reference is None:
            return before
        self._counted.append(night)
        expected = drift.most_wrong(self._reference)
        sample = self._audits[night].judged
        wrong = sum(not one.right for one in sample)
        evidence = e_process.evidence_of_audit(wrong, len(sample), expected)
        clean = wrong <= 2 * expected * len(sample) + 1
        return e_process.advance(before, evidence, self._run.id, most, clean=clean)

    def _drift(self) -> Facts:
        tests = self._look.tests if self._look else {}
        found: Facts = {}
        for name, process in self._processes.items():
            found[name] = {**asdict(process), "alarm": process.alarm, "words": WORDS[name]}
            if name in tests:
                found[name] |= asdict(tests[name])
        return found if self._reference else {}

    # Thresholds

    def _thresholds(self) -> Thresholds:
        before = self._before[0].facts.get("thresholds") if self._before else None
        limits = judge_model(
            self._reference,
            self._labels,
            self._rows.label,
            self._rows.numbers["confidence"],
            self._settings.monitoring.thresholds.get(self._signature["name"], {}),
        )
        kept = Thresholds.from_json(before) if before else None
        return after_night(limits, kept, counts=self._is_night)


# What a detector watches, in words for people.
WORDS: Mapping[str, str] = {
    "confidence": "how sure the model is",
    "second_confidence": "how sure the model is of the second class",
    "outlier_score": "how strange the images are to the model",
    "brightness": "brightness",
    "contrast": "contrast",
    "foreground": "how much of the picture is filled",
    drift.STRANGE: "the share of strange images",
    drift.STRANGEST: "how many images are among the strangest",
    AUDIT: "what people judged",
}


def _night(rows: ScoredRows, known: np.ndarray[Any, np.dtype[np.bool_]]) -> Night:
    """Return the images that are looked at; of the others no copy is made."""
    looked_at = drift.evenly(np.flatnonzero(known))
    numbers = {name: of[looked_at] for name, of in rows.numbers.items()}
    predicted, second = (of[looked_at].astype(np.int64) for of in (rows.label, rows.second))
    return Night(predicted=predicted, second=second, **numbers)


def _processes(before: Sequence[Found]) -> dict[str, Process]:
    kept = before[0].facts.get("drift", {}) if before else {}
    fields = Process.__struct_fields__
    return {
        name: Process(**{field: kept[name][field] for field in fields})
        if name in kept
        else Process()
        for name in DETECTORS
    }


def _is_valid(night: Found) -> bool:
    return bool((night.facts.get("estimate") or {}).get("valid"))


def _estimate_of(told: Mapping[str, Any]) -> Estimate:
    return Estimate(**{field: told[field] for field in Estimate.__struct_fields__})


def _day(text: object) -> date | None:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        return None
