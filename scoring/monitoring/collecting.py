"""What the ledger knows of a run when it ends → the facts of its report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Any

from msgspec import Struct

from scoring.monitoring.facts import (
    CONFIDENCE_BINS,
    BatchFacts,
    ClassFacts,
    FailedFile,
    LookAt,
    Measure,
    ModelFacts,
    ReportFacts,
    RunFacts,
    Told,
)
from scoring.monitoring.history import Figures, by_model, version_before
from scoring.monitoring.thresholds import Thresholds
from scoring.monitoring.trust import trust_of
from scoring.monitoring.usual import (
    FEWEST_NIGHTS,
    MOST_NIGHTS,
    chance_of_mean,
    judge,
    judge_by_test,
    judge_ratio,
    judge_share,
)
from scoring.monitoring.words import cut
from scoring.protocol.prediction import split_reasons
from scoring.records import run_monitoring, run_statistics
from scoring.records.audit import sample_of
from scoring.records.database import Database
from scoring.records.events_log import Event
from scoring.records.ledger_reader import LedgerReader
from scoring.records.mixed_models import tell_mixed
from scoring.records.model_switches import how_switched
from scoring.records.rows import Run
from scoring.records.text import on_a_page, on_one_line

# Of each list what a page shows; the rest is a number.
BATCHES_SHOWN = 40
CLASSES_SHOWN = 24
MODELS_SHOWN = 4
PICTURES_SHOWN = 20
ERRORS_SHOWN = 12
FILES_SHOWN = 40
REASONS_SHOWN = 12
EVENTS_SHOWN = 20
RUNS_SHOWN = 90
NAME, TEXT = 80, 160

# Nobody cares about less than this: shares and means of 0 to 1.
LEAST_SHARE, LEAST_CLASS, LEAST_FAILED = 0.05, 0.10, 0.02
LEAST_OF = {"brightness": 0.05, "contrast": 0.05, "foreground": 0.08}
LEAST_OTHERS = {"confidence": 0.03, "strangeness": 0.3}
# Of a speed only a third of the usual, or three times as much: a busy machine is no news.
LEAST_SPEED = 3.0
# And only of a run of some length: a few seconds more or less are nobody's news.
LEAST_SECONDS = 60.0
# Fewer pictures than this have no class mix, no brightness of their own.
FEWEST_PICTURES = 10

# What each picture's own event says is told as a figure already.
TOLD_OTHERWISE = {
    *("image-failed", "images-failed", "image-left", "images-left", "photographs", "batch-empty"),
    *("run-failed", "run-partial", "run-missed", "mixed-models"),
}


class Collector(Struct, frozen=True, dict=True):
    """Reads the facts of one run; build it, then call ``facts``.

    ``nights`` are the due days that came to this end, ``events`` what the log has of the run.
    """

    ledger: LedgerReader
    run: Run
    nights: tuple[date, ...] = ()
    events: Sequence[Event] = ()

    def facts(self) -> ReportFacts:
        """Return all that the report shows."""
        told = self._told()
        errors = run_statistics.errors(self._database, self.run.id)
        return ReportFacts(
            run=self._run_facts(),
            totals=self._tonight.totals(sum(waiting for _, waiting in self._shown.values())),
            nights=min(len(self._before), MOST_NIGHTS),
            measures=tuple(self._run_measures()),
            batches=tuple(self._batches()[:BATCHES_SHOWN]),
            more_batches=max(len(self._tonight.rows) - BATCHES_SHOWN, 0),
            models=tuple(self._model(name) for name in self._model_names[:MODELS_SHOWN]),
            reasons=tuple(self._all_reasons()),
            look_at=tuple(self._look_at()),
            errors=tuple(
                (cut(on_one_line(error), TEXT), count) for error, count in errors[:ERRORS_SHOWN]
            ),
            more_errors=sum(count for _, count in errors[ERRORS_SHOWN:]),
            failed_files=tuple(self._failed_files()),
            events=tuple(told[:EVENTS_SHOWN]),
            more_events=max(len(told) - EVENTS_SHOWN, 0),
            speed_nights=tuple(one.night for one in self._with_tonight),
            speed=tuple(_shorter(one.speed) for one in self._with_tonight),
            drawn=len(sample_of(self._database, self.run.id)),
        )

    @property
    def _database(self) -> Database:
        return self.ledger.database

    @cached_property
    def _tonight(self) -> Figures:
        return Figures(self.run, tuple(self.ledger.figures_of(self.run)))

    @cached_property
    def _before(self) -> list[Figures]:
        """Earlier runs like this one that had images, the oldest first."""
        nights = self.ledger.figures_before(self.run, RUNS_SHOWN - 1)
        return [Figures(rows[0].run, tuple(rows)) for rows in nights][::-1]

    @property
    def _with_tonight(self) -> list[Figures]:
        return [*self._before, self._tonight] if self._tonight.images else []

    @cached_property
    def _shown(self) -> dict[str, tuple[int, int]]:
        return run_statistics.shown_images(self._database, self.run.id)

    @cached_property
    def _model_names(self) -> list[str]:
        """The models that scored something, the one with most images first."""
        images: dict[str, int] = {}
        for row in self._tonight.rows:
            images[row.model.name] = images.get(row.model.name, 0) + row.images
        return sorted((name for name in images if images[name]), key=lambda name: -images[name])

    def _run_facts(self) -> RunFacts:
        run = self.run
        return RunFacts(
            id=run.id,
            kind=run.kind,
            state=run.state,
            reason=cut(on_one_line(run.reason), 1000),
            nights=self.nights or ((run.due_date,) if run.due_date else ()),
            started_at=run.started_at,
            finished_at=run.finished_at,
            batches=tuple(cut(name, NAME) for name in run.batches[:BATCHES_SHOWN]),
            earlier=self.ledger.count_before(run),
        )

    # The run as a whole

    def _run_measures(self) -> list[Measure]:
        tonight, before = self._tonight, self._before
        if not tonight.images:
            return []
        images = [one.images for one in before]
        failed = [one.failed / one.images for one in before]
        share = tonight.failed / tonight.images
        measures = [
            judge_ratio("images", tonight.images, images),
            judge_share("failed", share, failed, tonight.images, least=LEAST_FAILED),
        ]
        if tonight.speed is not None:
            speeds = [one.speed for one in before]
            speed = judge_ratio("speed", tonight.speed, speeds, least=LEAST_SPEED)
            measures.append(speed if (tonight.seconds or 0) >= LEAST_SECONDS else speed.as_usual())
        return measures

    def _batches(self) -> list[BatchFacts]:
        return [
            BatchFacts(
                cut(row.batch, NAME),
                row.model.name,
                Figures(self.run, (row,)).totals(self._shown.get(row.batch, (0, 0))[1]),
                cut(on_one_line(row.advice), 1000),
            )
            for row in self._tonight.rows
        ]

    def _told(self) -> list[Told]:
        """Return what else happened: the run's events, and what is told of mixed batches later."""
        told = [
            Told(one.level, one.code, cut(one.batch, NAME), cut(one.message, 2 * TEXT))
            for one in self.events
            if one.code not in TOLD_OTHERWISE
        ]
        mixed = self.ledger.mixed_batches(self.run.id) if self._tonight.images else {}
        return told + [
            Told("WARNING", "mixed-models", cut(batch, NAME), cut(tell_mixed(batch, images), 1000))
            for batch, images in mixed.items()
        ]

    # One model

    def _model(self, name: str) -> ModelFacts:
        tonight = self._tonight.of_model(name)
        before = by_model(self._before, name)
        version = next(row.model.version for row in tonight.rows if row.images)
        signature = self.ledger.model_facts(version) or {}
        same = [one for one in before if one.versions == tonight.versions]
        labels = self._labels(tonight, signature.get("labels", ()))
        limits = Thresholds.from_json(self._found.get(version, {}).get("thresholds") or {})
        histogram, marked = self._histogram(tonight.versions)
        nights = [*before, tonight]
        stranger = on_one_line(signature.get("review", {}).get("outlier", ""))
        instead_of = version_before(before, version)
        return ModelFacts(
            name=name,
            version=version,
            instead_of=instead_of,
            how_switched=on_one_line(how_switched(self._database, name, instead_of, version)),
            totals=tonight.totals(),
            nights=min(len(same), MOST_NIGHTS),
            limit=signature.get("thresholds", {}).get("confidence"),
            note=on_one_line(signature.get("note", "")),
            stranger=stranger,
            strangers=self._count_strangers(tonight.versions, stranger),
            measures=tuple(_model_measures(tonight, same, signature)),
            classes=tuple(
                _class(label, tonight, before, nights, limits.limit_of(label)) for label in labels
            ),
            more_classes=len(set(tonight.class_counts) - set(labels)),
            histogram=histogram,
            flagged_histogram=marked,
            trend_nights=tuple(one.night for one in nights),
            trust=trust_of(self._found.get(version, {}), nights, self._found_before, self._day_of),
        )

    def _day_of(self, run_id: str) -> str:
        """Return the day of a run; "" where the ledger has forgotten it."""
        run = self.ledger.run(run_id)
        return Figures(run, ()).night if run else ""

    @cached_property
    def _found_before(self) -> dict[str, dict[str, dict[str, Any]]]:
        """What monitoring found in the runs that are shown, by run and version."""
        runs = [one.run.id for one in self._with_tonight]
        return run_monitoring.of_runs(self._database, runs)

    @cached_property
    def _found(self) -> dict[str, dict[str, Any]]:
        """What monitoring found, by model version."""
        return self._found_before.get(self.run.id, {})

    @staticmethod
    def _labels(tonight: Figures, known: Sequence[str]) -> list[str]:
        """Return the classes to show: all in the model's order, or the most frequent of many."""
        counts = tonight.class_counts
        every = list(dict.fromkeys([*known, *sorted(counts)]))
        if len(every) <= CLASSES_SHOWN:
            return every
        return sorted(counts, key=lambda label: (-counts[label], label))[:CLASSES_SHOWN]

    @cached_property
    def _bins(self) -> list[run_statistics.Bin]:
        return run_statistics.confidence_bins(self._database, self.run.id, CONFIDENCE_BINS)

    def _histogram(self, versions: set[str]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        images, marked = [0] * CONFIDENCE_BINS, [0] * CONFIDENCE_BINS
        for one in self._bins:
            if one.model_version in versions:
                images[one.place] += one.images
                marked[one.place] += one.flagged
        return tuple(images), tuple(marked)

    def _count_strangers(self, versions: set[str], word: str) -> int:
        return sum(
            number
            for version, reason, number in self._reasons
            if version in versions and word in split_reasons(reason)
        )

    # Single images

    @cached_property
    def _reasons(self) -> list[tuple[str, str, int]]:
        return run_statistics.reasons(self._database, self.run.id)

    def _all_reasons(self) -> list[tuple[str, int]]:
        """Return what stands in Review and how often, whichever model said it."""
        counts: Counter[str] = Counter()
        for _, reason, number in self._reasons:
            counts[cut(on_one_line(reason), TEXT)] += number
        return counts.most_common(REASONS_SHOWN)

    def _look_at(self) -> list[LookAt]:
        """The flagged, then what failed and has a content: a picture of it may be kept."""
        flagged = run_statistics.flagged(self._database, self.run.id, PICTURES_SHOWN)
        room = PICTURES_SHOWN - len(flagged)
        failed = [one for one in self._failed if one.content_hash][:room]
        return [
            LookAt(
                cut(one.batch, NAME), cut(on_a_page(one.path), NAME), one.content_hash,
                on_one_line(one.label) if one.label else None, one.confidence,
                cut(on_one_line(one.reason), TEXT),
            )
            for one in (*flagged, *failed)
        ]  # fmt: skip

    @cached_property
    def _failed(self) -> list[run_statistics.Flagged]:
        return run_statistics.failed(self._database, self.run.id, FILES_SHOWN)

    def _failed_files(self) -> list[FailedFile]:
        return [
            FailedFile(
                cut(one.batch, NAME),
                cut(on_a_page(one.path), NAME),
                cut(on_one_line(one.reason), TEXT),
            )
            for one in sorted(self._failed, key=lambda one: (one.batch, one.path))
        ]


def _model_measures(
    tonight: Figures, before: Sequence[Figures], signature: Mapping[str, Any]
) -> list[Measure]:
    """Return what one model's images were like, beside the nights of the same version."""
    if not tonight.scored:
        return []
    flagged = [one.flagged / one.images for one in before]
    share = tonight.flagged / tonight.images
    measures = [judge_share("flagged", share, flagged, tonight.images, least=LEAST_SHARE)]
    if tonight.mean_confidence is not None:
        past = [one.mean_confidence for one in before]
        measures.append(_mean("confidence", tonight, tonight.mean_confidence, past))
    for name in LEAST_OF:
        measures += _image_measure(name, tonight, before, signature.get("reference", {}))
    return [*measures, *_strangeness(tonight, before, signature)]


def _image_measure(
    name: str, tonight: Figures, before: Sequence[Figures], reference: Mapping[str, Any]
) -> Iterator[Measure]:
    value = tonight.image_mean(name)
    if value is None:
        return
    deciles = reference.get(f"{name}_deciles", ())
    if len(before) < FEWEST_NIGHTS and tonight.scored >= FEWEST_PICTURES and len(deciles) == 11:
        yield judge_by_test(name, value, deciles)
    else:
        yield _mean(name, tonight, value, [one.image_mean(name) for one in before])


def _strangeness(
    tonight: Figures, before: Sequence[Figures], signature: Mapping[str, Any]
) -> Iterator[Measure]:
    """Yield how strange the images are to the model, as a share of what it calls a stranger."""
    value = tonight.image_mean("outlier_score")
    limit = signature.get("thresholds", {}).get("outlier_score") or 0.0
    if value is None or limit <= 0:
        return
    past = [one.image_mean("outlier_score") for one in before]
    shares = [None if one is None else one / limit for one in past]
    yield _mean("strangeness", tonight, value / limit, shares)


def _mean(name: str, tonight: Figures, value: float, past: Sequence[float | None]) -> Measure:
    if tonight.scored < FEWEST_PICTURES:
        past = ()
    least = LEAST_OF.get(name) or LEAST_OTHERS[name]
    return judge(name, value, past, chance=chance_of_mean(tonight.scored), least=least)


def _class(
    label: str,
    tonight: Figures,
    before: Sequence[Figures],
    nights: Sequence[Figures],
    threshold: float | None,
) -> ClassFacts:
    count = tonight.class_counts[label]
    share = count / tonight.scored if tonight.scored else 0.0
    past = [one.class_share(label) for one in before if one.scored >= FEWEST_PICTURES]
    if tonight.scored < FEWEST_PICTURES:
        past = []
    return ClassFacts(
        label=on_one_line(label),
        count=count,
        mean_confidence=_shorter(tonight.class_confidence(label)),
        share=judge_share(label, share, past, tonight.scored, least=LEAST_CLASS),
        trend=tuple(_shorter(one.class_confidence(label)) for one in nights),
        threshold=_shorter(threshold),
    )


def _shorter(value: float | None) -> float | None:
    """Return a number with the digits that a chart can show."""
    return None if value is None else float(f"{value:.4g}")
