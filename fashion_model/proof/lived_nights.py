"""Nights that a program lives through in seconds: scored, kept, judged at a desk by true labels.

Real ledger, store of pictures and model; only the pictures' files are none. For the proof of
retraining and for its tests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import cv2
import numpy as np
from numpy.typing import NDArray

from fashion_model.dataset.readers import LabelledImages
from scoring.inference.bundle import Bundle
from scoring.inference.predictor import Predictor
from scoring.preprocessing.thumbnail import near_bits
from scoring.records.audit import sample_of
from scoring.records.kept_picture import KeptPicture, SeenPixels
from scoring.records.labels import Labels, PictureKey
from scoring.records.ledger import ChunkCost, Ledger, Run, ScoredImage
from scoring.records.model_facts import signature_facts
from scoring.records.picture_store import PictureStore
from scoring.settings import Settings

AUDITED = 60


@dataclass(frozen=True)
class Night:
    """A night that was scored: which images it kept for a person, and what was right.

    ``judged`` are indexes of flagged and of audited images; ``right`` bool [N].
    """

    run_id: str
    keys: list[PictureKey]
    flagged: NDArray[np.bool_]
    judged: NDArray[np.int64]
    right: NDArray[np.bool_]


def score_night(
    settings: Settings, bundle: Bundle, images: LabelledImages, started: datetime
) -> Night:
    """Score the images of a night as a nightly run does, and keep what people will look at."""
    signature = bundle.signature
    predictor = Predictor(bundle)
    seen = predictor.predict(images.rows)
    predictor.close()
    batch = f"{started:%Y-%m-%d}"
    run_id = f"night-{batch}"
    keys = [_key(batch, place, row) for place, row in enumerate(images.rows)]
    scored = [
        ScoredImage(
            num=place + 1,
            path=key.path,
            content_hash=key.content_hash,
            label=signature.labels[int(seen.class_index[place])],
            confidence=float(seen.confidence[place]),
            review=seen.review[place],
        )
        for place, key in enumerate(keys)
    ]
    with Ledger.from_settings(settings) as ledger, PictureStore.from_settings(settings) as store:
        ledger.keep_model_facts(signature.version, signature.name, signature_facts(signature))
        ledger.start_run(
            Run(run_id, "nightly", started.date(), "new", (batch,), "running", "", signature.name,
                signature.version, started, None)
        )  # fmt: skip
        ledger.touch_batch(run_id, batch, 0, [key.path for key in keys])
        ledger.commit_chunk(run_id, batch, signature.version, scored, ChunkCost(), started)
        ledger.finish_run(run_id, "done", "", started + timedelta(minutes=1), AUDITED)
        drawn = {item.path for item in sample_of(ledger.database, run_id)}
        flagged = np.array([reason is not None for reason in seen.review], np.bool_)
        audited = np.array([key.path in drawn for key in keys], np.bool_)
        judged = np.flatnonzero(flagged | audited)
        store.keep((_kept(keys[place], images.images[place], bundle) for place in judged), started)
    return Night(run_id, keys, flagged, judged, seen.class_index == images.labels)


def judge_at_desk(
    settings: Settings, bundle: Bundle, night: Night, truth: Iterable[int], now: datetime
) -> None:
    """Have somebody say of each picture that waits what it truly is; -1: not a garment."""
    labels = list(truth)
    with Ledger.from_settings(settings) as ledger:
        reviews = Labels(ledger, lambda: now)
        for place in night.judged:
            true = labels[place]
            verdict = "label" if true >= 0 else "not a garment"
            reviews.add(
                night.keys[place],
                verdict,  # type: ignore[arg-type]
                bundle.signature.labels[true] if true >= 0 else None,
                reviewer="desk",
                source="desk",
            )


def _key(batch: str, place: int, row: NDArray[np.uint8]) -> PictureKey:
    return PictureKey(batch, f"{place:05}.png", hashlib.sha256(row.tobytes()).hexdigest())


def _kept(key: PictureKey, pixels: NDArray[np.uint8], bundle: Bundle) -> KeptPicture:
    signature = bundle.signature
    picture = cv2.imencode(".png", pixels)[1].tobytes()
    seen = SeenPixels.of(signature.preprocessing, signature.input.shape, pixels)
    return KeptPicture(
        key.batch, key.path, key.content_hash, picture, "image/png", near_bits(pixels), seen
    )
