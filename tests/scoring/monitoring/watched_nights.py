"""A ledger with nights whose images are drawn from a model's own held-out ones, and people."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
from msgspec.structs import replace

from scoring.inference.bundle import load_bundle
from scoring.monitoring.watch import Watch
from scoring.protocol.reference import Reference
from scoring.records import model_references, run_monitoring
from scoring.records.events_log import EventsLog
from scoring.records.labels import Labels, PictureKey
from scoring.records.ledger import ChunkCost, Ledger, Model, ScoredImage
from scoring.records.model_facts import signature_facts
from scoring.records.run_life import NOTHING, RunEnded
from scoring.settings import Settings
from tests.conftest import BUNDLE
from tests.scoring.records.scored import NIGHT

SIGNATURE = load_bundle(BUNDLE).signature
LABELS = SIGNATURE.labels
MODEL = Model(SIGNATURE.name, SIGNATURE.version)
Change = Callable[[Reference], Reference]


def held_out() -> Reference:
    content = load_bundle(BUNDLE).held_out
    assert content
    return Reference.from_bytes(content, len(LABELS))


class Nights:
    """One night after another; each is watched as a run's end is."""

    def __init__(self, settings: Settings, ledger: Ledger, *, reference: bool = True) -> None:
        self.settings, self.ledger = settings, ledger
        self.events = EventsLog.from_settings(settings)
        self._held_out = held_out()
        self._truths: dict[str, np.ndarray] = {}
        self._scored_in: dict[str, list[ScoredImage]] = {}
        self._random = np.random.default_rng(0)
        self.count = 0
        ledger.keep_model_facts(MODEL.version, MODEL.name, signature_facts(SIGNATURE))
        if reference:
            model_references.keep(ledger.database, MODEL.version, self._held_out.to_bytes())

    def add(
        self, images: int, change: Change = lambda night: night, *, by_hand: bool = False
    ) -> str:
        """Score a night of images drawn from the held-out ones; return its run."""
        self.count += 1
        night = change(self._held_out.take(self._random.choice(len(self._held_out), images)))
        scored = [self._scored(night, place) for place in range(images)]
        run_id = self._run(f"G{self.count}", scored, by_hand)
        self._truths[run_id] = night.truth
        self._scored_in[run_id] = scored
        self._watch(run_id)
        return run_id

    def add_again(self, run_id: str) -> str:
        """Score a night's images once more, by hand; return the run."""
        batch, scored = f"G{run_id[1:]}", self._scored_in[run_id]
        self.count += 1
        again = self._run(batch, scored, True)
        self._watch(again)
        return again

    def _run(self, batch: str, scored: list[ScoredImage], by_hand: bool) -> str:
        run_id = f"n{self.count}"
        started = NIGHT.started_at + timedelta(days=self.count)
        run = replace(
            NIGHT,
            id=run_id,
            kind="manual" if by_hand else "nightly",
            due_date=None if by_hand else started.date(),
            batches=(batch,),
            model_version=MODEL.version,
            started_at=started,
        )
        self.ledger.start_run(run)
        self.ledger.touch_batch(run_id, batch, 0, [one.path for one in scored], MODEL)
        self.ledger.commit_chunk(run_id, batch, MODEL.version, scored, ChunkCost(), started)
        self.ledger.close_batch(run_id, batch, 1.0)
        self.ledger.finish_run(run_id, "done", "", started, self.settings.records.audit)
        return run_id

    def _watch(self, run_id: str) -> None:
        ended = self.ledger.run(run_id)
        assert ended
        Watch(self.settings, self.ledger, self.events)(RunEnded(ended, NOTHING, None, ()))

    def judge(self, run_id: str, *, marked: bool = True) -> int:
        """Let people tell the truth of a run's audit sample, and of what is marked; how many."""
        wanted = (
            "SELECT a.batch, a.path, a.content_hash FROM audit_sample a WHERE a.run_id = ?1"
            + " UNION SELECT batch, path, content_hash FROM predictions"
            " WHERE run_id = ?1 AND review IS NOT NULL" * marked
        )
        labels = Labels(self.ledger, now=lambda: NIGHT.started_at)
        rows = self.ledger.database.query(wanted, (run_id,))
        for batch, path, digest in rows:
            truth = LABELS[self._truths[run_id][int(path.split(".")[0])]]
            labels.add(
                PictureKey(batch, path, digest),
                "label",
                truth,
                reviewer="anna",
                source="desk",
                expected=None,
            )
        return len(rows)

    def facts(self, run_id: str) -> dict[str, object]:
        """Return what was found in a run."""
        return run_monitoring.find(self.ledger.database, run_id)[MODEL.version]

    def _scored(self, night: Reference, place: int) -> ScoredImage:
        return ScoredImage(
            num=place + 1,
            path=f"{place}.png",
            content_hash=f"{self.count}-{place}",
            label=LABELS[night.predicted[place]],
            confidence=float(night.confidence[place]),
            review="low confidence" if night.flagged[place] else None,
            second_label=LABELS[night.second[place]],
            second_confidence=float(night.second_confidence[place]),
            outlier_score=float(night.outlier_score[place]),
            brightness=float(night.brightness[place]),
            contrast=float(night.contrast[place]),
            foreground=float(night.foreground[place]),
        )
