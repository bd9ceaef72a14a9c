"""Tune the last blocks of the network itself on the pictures of a lesson. TensorFlow is loaded.

By the recipe, the code and the starting weights that photographs of clothes are trained with.
"""

from __future__ import annotations

import dataclasses
import glob
import hashlib
import os
from contextlib import suppress
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from fashion_model.bundle_writer import quantise
from fashion_model.calibrate import fit_temperature
from fashion_model.dataset.description import CLOTHING, Crops, DatasetDescription
from fashion_model.dataset.readers import LabelledImages
from fashion_model.dataset.split import Split
from fashion_model.dataset.spread import spread_images
from fashion_model.job import STATE_FOLDER, Job
from fashion_model.layer_names import FEATURES, LOGITS
from fashion_model.linear_head import LinearHead
from fashion_model.network import read_network
from fashion_model.photographs.efficientnet import imagenet_tensors
from fashion_model.photographs.start import starting_weights
from fashion_model.teaching.backbones import Backbone, bundles_beside
from fashion_model.teaching.cross_validation import Fold, make_folds
from fashion_model.teaching.lesson import Lesson, Tuning
from fashion_model.teaching.photographs import features_of, pixels_of
from fashion_model.teaching.sources import CannotTeach
from fashion_model.teaching.strangeness import whole_head
from fashion_model.teaching.sureness import choose_review
from fashion_model.trainer import train
from scoring.inference.bundle import SERVED_FILE, BundleError, load_bundle
from scoring.inference.head import FloatHead, softmax

PLAN = CLOTHING
# Each picture is seen about so often, as the recipe for clothes does; few pictures more often.
PASSES, LEAST_STEPS = 8, 160
# One part in so many is not learnt from: to calibrate by, and to hold against the frozen way.
PARTS = 5
QUANTISE_BY = 500
IMAGENET = "ImageNet's weights"


def require_weights() -> None:
    """Raise MissingPackages or DataError where a tuning has nothing to begin with."""
    imagenet_tensors()


def tuned_lesson(lesson: Lesson, name: str, out: Path, steps: int | None = None) -> Lesson:
    """Return what the tuned network says of the pictures that it did not learn from.

    ``lesson`` is the frozen way's, of the same pictures. A training that was killed goes on;
    ``steps`` is its length in batches, instead of what the recipe takes.

    Raises:
        CannotTeach: too few groups of pictures, or the pictures changed in the meantime.
        DataError: the state of a training cannot be read.
    """
    fold = _cut(lesson)
    description = _description(lesson, len(fold.learn), steps)
    known = _known_network(lesson.backbone, out)
    job = _job(lesson, name, description, known)
    split, learnt = _images(lesson, fold, description)
    begun = read_network(known) if known else None
    network, _ = train(job, split, lambda: starting_weights(description, learnt, begun))
    pictures = spread_images(learnt, QUANTISE_BY)
    backbone = _quantised(network, pictures, job.state_file.with_suffix(".tflite"))
    tuning = Tuning(
        start=str(known or IMAGENET),
        steps=job.recipe.steps,
        learnt=len(fold.learn),
        frozen_right=lesson.right[fold.measure],
    )
    return dataclasses.replace(
        _judged(lesson, backbone, network, fold, (learnt, split.fit)), tuning=tuning
    )


def forget_trainings(name: str) -> None:
    """Remove what trainings left behind to be gone on from: the bundle stands."""
    for file in STATE_FOLDER.glob(f"{glob.escape(name)}-deep-*"):
        file.unlink(missing_ok=True)


def _cut(lesson: Lesson) -> Fold:
    """Return which pictures are learnt from and which are not; no group is in both."""
    classes = lesson.photographs.classes
    fold = make_folds(classes, lesson.groups, PARTS)[0]
    absent = np.setdiff1d(classes, classes[fold.learn])
    if len(absent):
        names = ", ".join(repr(lesson.photographs.labels[k]) for k in absent)
        raise CannotTeach(
            f"--deep needs pictures of more people or things of {names}: one part in {PARTS} is"
            " not learnt from"
        )
    return fold


def _description(lesson: Lesson, count: int, steps: int | None) -> DatasetDescription:
    batch = min(PLAN.recipe.batch, max(1, count // 2))
    usual = max(LEAST_STEPS, PASSES * count // batch)
    recipe = dataclasses.replace(PLAN.recipe, batch=batch, steps=steps or usual)
    return dataclasses.replace(PLAN, labels=lesson.photographs.labels, recipe=recipe)


def _known_network(backbone: Backbone, out: Path) -> Path | None:
    """Return the float network that the backbone was made from, where a bundle has it."""
    for folder in bundles_beside(out):
        with suppress(BundleError):
            bundle = load_bundle(folder)
            if bundle.reference and bundle.signature.files[SERVED_FILE] == backbone.digest:
                return bundle.reference
    return None


def _job(lesson: Lesson, name: str, description: DatasetDescription, known: Path | None) -> Job:
    photographs = lesson.photographs
    told = hashlib.sha256(known.read_bytes() if known else IMAGENET.encode())
    for digest, label, group in zip(
        photographs.digests, photographs.classes.tolist(), lesson.groups.tolist(), strict=True
    ):
        told.update(f"{digest} {label} {group}\n".encode())
    told.update("\n".join(photographs.labels).encode())
    return Job(
        spec=description.input,
        classes=len(description.labels),
        architecture=description.architecture,
        recipe=description.recipe,
        seed=0,
        precision="float32",
        state_file=STATE_FOLDER / f"{name}-deep-{told.hexdigest()[:12]}.npz",
        held_out=told.hexdigest(),
    )


def _images(
    lesson: Lesson, fold: Fold, description: DatasetDescription
) -> tuple[Split, LabelledImages]:
    """Return what is trained and measured with, and what is trained with at the served size."""
    plan = description.recipe.augmentation
    assert isinstance(plan, Crops)
    large = (plan.source_side, plan.source_side, description.input.shape[2])

    def images(places: np.ndarray, shape: tuple[int, int, int]) -> LabelledImages:
        photographs = lesson.photographs.take(places)
        return LabelledImages(
            pixels_of(photographs, shape), photographs.classes, lesson.groups[places]
        )

    held_out = images(fold.measure, description.input.shape)
    learnt = images(fold.learn, description.input.shape)
    return Split(images(fold.learn, large), held_out, held_out), learnt


def _quantised(network: keras.Model, pictures: np.ndarray, file: Path) -> Backbone:
    backbone = keras.Model(network.inputs, network.get_layer(FEATURES).output)
    file.write_bytes(quantise(backbone, pictures))
    return Backbone(file)


def _judged(
    lesson: Lesson,
    backbone: Backbone,
    network: keras.Model,
    fold: Fold,
    images: tuple[LabelledImages, LabelledImages],
) -> Lesson:
    """Return the lesson of the trained head, judged by what its integer network makes of images.

    The head stays as it was trained: by now the features fit the pictures too well that it could
    be fitted to. ``images`` are those that were learnt from, and those that were not.
    """
    learnt, held_out = images
    kernel, bias = network.get_layer(LOGITS).get_weights()
    seen = features_of(backbone, learnt.images)
    head = whole_head(LinearHead(kernel, bias), seen, learnt.labels, len(lesson.photographs.labels))
    logits, scores = FloatHead(head).apply(features_of(backbone, held_out.images))
    temperature = fit_temperature(logits, held_out.labels)
    groups = lesson.groups[fold.measure]
    thresholds, expected = choose_review(logits, scores, held_out.labels, groups, temperature)
    return dataclasses.replace(
        lesson,
        wishes=[],  # they are of the frozen way
        backbone=backbone,
        head=head,
        measured=fold.measure,
        temperature=temperature,
        probabilities=softmax(logits / temperature),
        scores=scores,
        thresholds=thresholds,
        expected=expected,
    )
