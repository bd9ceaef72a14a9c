"""A project whose runs left pictures to review: flagged, failed and drawn for the audit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
from numpy.typing import NDArray

from scoring.protocol.signature import PreprocessingRef
from scoring.records.kept_picture import KeptPicture, SeenPixels
from scoring.records.labels import PictureKey
from scoring.records.ledger import ChunkCost, Ledger, Run, ScoredImage
from scoring.records.picture_store import PictureStore
from scoring.settings import Settings

NOW = datetime(2026, 11, 21, 18, 5, tzinfo=UTC)
GARMENTS = (
    *("T-shirt/Top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
SHAPE = (28, 28, 1)
PREPROCESSING = PreprocessingRef("garment", 2)
LOW = "low confidence"


@dataclass(frozen=True)
class Model:
    """A model as the ledger knows it."""

    name: str = "fashion"
    labels: Sequence[str] = GARMENTS
    nothing: str = "not a garment?"

    @property
    def version(self) -> str:
        return hashlib.sha256(self.name.encode()).hexdigest()

    @property
    def facts(self) -> dict[str, object]:
        return {
            "labels": list(self.labels),
            "review": {"low_confidence": LOW, "outlier": self.nothing},
            "preprocessing": {"name": PREPROCESSING.name, "version": PREPROCESSING.version},
            "input": {"shape": list(SHAPE)},
        }


FASHION = Model()
DIGITS = Model("digits", tuple("0123456789"), "not a digit?")
PETS = Model("cats_dogs", ("cats", "dogs"), "neither a cat nor a dog?")
FRUIT = Model("fruit", ("Apple", "Apricot", "Banana", "Cherry", "Fig", "Grape", "Kiwi", "Lemon",
                        "Mango", "Orange", "Peach", "Pear", "Plum"), "not fruit?")  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """One row of a run; ``audited`` where it stands in the run's audit sample."""

    path: str
    label: str | None = "Coat"
    confidence: float | None = 0.5
    review: str | None = LOW
    error: str | None = None
    audited: bool = False
    kept: bool = True
    seed: int | None = None


def flagged(number: int, confidence: float = 0.5, **more: object) -> Picture:
    return Picture(f"flagged-{number}.png", confidence=confidence, **more)  # type: ignore[arg-type]


def drawn(number: int, confidence: float = 0.99) -> Picture:
    """Return a picture of the audit sample; nothing was asked about it."""
    return Picture(f"drawn-{number}.png", confidence=confidence, review=None, audited=True)


def key_of(picture: Picture, batch: str = "G1") -> PictureKey:
    return PictureKey(batch, picture.path, _hash(picture, batch))


def add_run(
    settings: Settings,
    pictures: Iterable[Picture],
    batch: str = "G1",
    model: Model = FASHION,
    started: datetime = NOW,
    run_id: str = "",
    state: str = "done",
) -> str:
    """Let a run score pictures, and keep those that are to be seen; return its id."""
    pictures = list(pictures)
    run_id = run_id or f"run-{batch}-{started:%Y%m%d%H%M}"
    with Ledger.from_settings(settings) as ledger, PictureStore.from_settings(settings) as store:
        ledger.keep_model_facts(model.version, model.name, model.facts)
        ledger.start_run(Run(run_id, "manual", None, "all", (batch,), "running", "", model.name,
                             model.version, started, None))  # fmt: skip
        ledger.touch_batch(run_id, batch, 0, [one.path for one in pictures])
        images = [_scored(num, one, batch) for num, one in enumerate(pictures, start=1)]
        ledger.commit_chunk(run_id, batch, model.version, images, ChunkCost(), started)
        _draw(ledger, run_id, [key_of(one, batch) for one in pictures if one.audited], model)
        if state != "running":
            ledger.finish_run(run_id, "done", "", started + timedelta(minutes=1))
        store.keep([_kept(one, batch) for one in pictures if one.kept], started)
    return run_id


def _draw(ledger: Ledger, run_id: str, keys: Iterable[PictureKey], model: Model) -> None:
    with ledger.database.transaction() as connection:
        connection.executemany(
            "INSERT INTO audit_sample (run_id, batch, path, content_hash, model_version, inclusion)"
            " VALUES (?, ?, ?, ?, ?, 0.5)",
            [(run_id, key.batch, key.path, key.content_hash, model.version) for key in keys],
        )


def _scored(num: int, one: Picture, batch: str) -> ScoredImage:
    named = one.error is None
    return ScoredImage(
        num,
        one.path,
        _hash(one, batch),
        label=one.label if named else None,
        confidence=one.confidence if named else None,
        review=one.review if named else None,
        error=one.error,
    )


def _hash(one: Picture, batch: str) -> str:
    return hashlib.sha256(f"{batch}/{one.path}".encode("utf-8", "replace")).hexdigest()


def _kept(one: Picture, batch: str) -> KeptPicture:
    seed = one.seed if one.seed is not None else int(_hash(one, batch)[:8], 16)
    pixels = drawn_garment(seed)
    png = cv2.imencode(".png", cv2.resize(255 - pixels, (224, 224)))[1].tobytes()
    near = int.from_bytes(hashlib.sha256(str(seed).encode()).digest()[:8], "big")
    seen = SeenPixels.of(PREPROCESSING, SHAPE, pixels)
    return KeptPicture(batch, one.path, _hash(one, batch), png, "image/png", near, seen)


def drawn_garment(seed: int) -> NDArray[np.uint8]:
    """Return uint8 [28, 28]: something with a body and arms, each a little different."""
    random = np.random.default_rng(seed)
    image = np.zeros((28, 28), np.uint8)
    left, top, arms = (int(one) for one in random.integers(4, 9, size=3))
    shade = int(random.integers(90, 250))
    cv2.rectangle(image, (left, top), (27 - left, 26), shade, -1)
    cv2.rectangle(image, (1, top), (26, top + arms), shade, -1)
    return image
