"""Tune the network itself on its data set and on what people reviewed. TensorFlow is loaded.

It begins with the network and the head that serve and goes through both together, by the data set's
own recipe with small steps: the labels at hand hold what it knew, the reviewed pictures are new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fashion_model.bundle_writer import export_bundle
from fashion_model.dataset.description import Recipe
from fashion_model.dataset.readers import LabelledImages
from fashion_model.job import Job, precision_for
from fashion_model.keep_features import LEARNT
from fashion_model.kept_features import features_of_split
from fashion_model.layer_names import LOGITS
from fashion_model.network import network_of_weights, read_network, require_shape
from fashion_model.retraining.candidate import (
    Material,
    facts_of,
    part_of,
    put_in_place,
    seal_candidate,
    to_learn,
)
from fashion_model.retraining.data_set import DataSet
from fashion_model.retraining.features import features_by_content
from fashion_model.retraining.reviewed import evenly_drawn
from fashion_model.trainer import train
from scoring.inference.bundle import Bundle, Head, load_bundle

# How often each picture is gone through, and with which share of the recipe's rate: what a network
# of random weights needs would make one forget that has learnt.
PASSES, RATE_SHARE = 2, 0.1
# The share of reviewed pictures among those gone through, which are shown more than once for it,
# but none much more often than so many times.
REVIEWED_SHARE, MOST_TIMES = 0.25, 10


@dataclass(frozen=True)
class Tuning:
    """What a tuning goes by, beside the reviews.

    ``network`` is the float network to go on from; ``states``: where a training that is killed
    leaves what it is resumed from; ``cache``: where features are kept; ``steps``: how long, in
    batches, None for the usual length.
    """

    data: DataSet
    network: Path
    states: Path
    cache: Path
    steps: int | None = None


def make_deep_candidate(
    material: Material,
    tuning: Tuning,
    pixels_of: Callable[[str], NDArray[np.uint8]],
    home: Path,
    now: datetime,
) -> Bundle:
    """Write a candidate with a network of its own below ``home`` and return it.

    A training that was killed goes on. ``pixels_of`` returns the pixels uint8 [H, W, C] of a
    reviewed picture by its content.

    Raises:
        DataError: there is nothing to learn from, the network is another one's, or a training's
            state cannot be read.
        BundleError: it could not be served; nothing is left of it.
        OSError: it cannot be written.
    """
    data, reviewed = tuning.data, material.reviewed
    learnt = to_learn(material)
    pictures = _pictures(material, learnt, pixels_of)
    shown = pictures.take(_shown(reviewed.weights[learnt], len(data.split.train)))
    train_with = _together(data.larger.train, _as_large(shown, data.larger.train))
    recipe = _recipe(data.description.recipe, len(train_with), tuning.steps)
    job = _job(material, tuning, recipe, train_with)
    weights = _weights(tuning, material.base.head)
    network, _ = train(job, replace(data.larger, train=train_with), lambda: weights)
    with part_of(home) as part:
        whole = replace(data.split, train=_together(data.split.train, pictures))
        export_bundle(network, data.description, whole, part)
        made = load_bundle(part)
        seen = replace(
            material,
            base=made,
            kept=features_of_split(made, data.split, LEARNT),
            features=features_by_content(made, reviewed.hashes, pixels_of, tuning.cache),
        )
        seal_candidate(part, seen, made.head, made.signature.files)
        facts = facts_of(material, learnt, now, steps=recipe.steps)
        bundle = put_in_place(part, home, facts)
    job.state_file.unlink(missing_ok=True)
    return bundle


def _pictures(
    material: Material,
    learnt: NDArray[np.bool_],
    pixels_of: Callable[[str], NDArray[np.uint8]],
) -> LabelledImages:
    """Return the reviewed pictures that are learnt from, once each; near-copies are one's."""
    reviewed = material.reviewed
    places = np.flatnonzero(learnt)
    images = [pixels_of(reviewed.hashes[place]) for place in places]
    shape = material.base.signature.input.shape
    return LabelledImages(
        np.stack(images).reshape(-1, *shape), reviewed.labels[places], reviewed.groups[places]
    )


def _shown(weights: NDArray[np.float64], others: int) -> NDArray[np.int64]:
    """Return places of reviewed pictures, as often as they are shown among so many others."""
    wanted = round(others * REVIEWED_SHARE / (1.0 - REVIEWED_SHARE))
    count = max(len(weights), min(wanted, MOST_TIMES * len(weights)))
    return evenly_drawn(weights, count)


def _as_large(pictures: LabelledImages, others: LabelledImages) -> LabelledImages:
    """Return pictures as large as the others; they are kept as the model sees them."""
    height, width, channels = others.images.shape[1:]
    if pictures.images.shape[1:] == others.images.shape[1:]:
        return pictures
    large = [cv2.resize(one, (width, height)) for one in pictures.images]
    return replace(pictures, images=np.stack(large).reshape(-1, height, width, channels))


def _together(own: LabelledImages, reviewed: LabelledImages) -> LabelledImages:
    people = None
    if own.people is not None and reviewed.people is not None:
        people = np.concatenate([own.people, own.people.max() + 1 + reviewed.people])
    return LabelledImages(
        np.concatenate([own.images, reviewed.images]),
        np.concatenate([own.labels, reviewed.labels]),
        people,
    )


def _recipe(recipe: Recipe, count: int, steps: int | None) -> Recipe:
    batch = min(recipe.batch, count)
    return replace(
        recipe,
        batch=batch,
        steps=steps or max(1, PASSES * count // batch),
        peak_rate=recipe.peak_rate * RATE_SHARE,
        prune=0.0,  # in so few passes there is nothing to tell the easy ones by
    )


def _job(material: Material, tuning: Tuning, recipe: Recipe, learnt: LabelledImages) -> Job:
    description, version = tuning.data.description, material.base.signature.version
    told = hashlib.sha256(version.encode())
    told.update(learnt.images.tobytes())
    told.update(learnt.labels.tobytes())
    name = f"{description.name}-retrain-{told.hexdigest()[:12]}.npz"
    return Job(
        spec=description.input,
        classes=len(description.labels),
        architecture=description.architecture,
        recipe=recipe,
        seed=0,
        precision=precision_for(description.architecture),
        state_file=tuning.states / name,
        held_out=told.hexdigest(),
    )


def _weights(tuning: Tuning, head: Head) -> list[NDArray[Any]]:
    """Return the float network's weights, with the head that serves; raises DataError."""
    network = read_network(tuning.network)
    require_shape(network, tuning.data.description)
    network.get_layer(LOGITS).set_weights([head.kernel, head.bias])
    weights = network.get_weights()
    return list(network_of_weights(weights, tuning.data.description).get_weights())
