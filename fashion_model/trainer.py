"""The training loop: warm-up and cosine, InfoBatch, averaged weights, resumable."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fashion_model.augment import augment
from fashion_model.checkpoint import TrainingState, load_state, save_state
from fashion_model.dataset.description import Augmentation, Crops, DataError, Recipe
from fashion_model.dataset.split import Split
from fashion_model.infobatch import SamplePruner
from fashion_model.job import Job
from fashion_model.network import build_network, copy_weights, read_network
from fashion_model.network_outputs import measure
from fashion_model.optimising import learning_rate, losses_of, make_optimizer
from fashion_model.photographs.crops import cut_out
from fashion_model.teacher import Teacher

logger = logging.getLogger("scoring.fashion_model")

# Makes the weights that a training begins with.
Start = Callable[[], list[NDArray[Any]]]

PROGRESS_SECONDS = 15.0
TRIAL_STEPS = 3


def train(
    job: Job, split: Split, start: Start | None = None
) -> tuple[keras.Model, list[dict[str, float]]]:
    """Return the trained network (float32, averaged weights) and the history of its epochs.

    Continues from ``job.state_file`` where that holds a state of the same job; begins with the
    weights that ``start`` makes, where there is none. Says first how long it will take.
    """
    session = TrainingSession(job, split, start)
    session.tell_duration()
    while session.state.step < job.recipe.steps:
        session.run_epoch()
    return session.averaged_network(), session.state.history


class TrainingSession:
    """One training under way: network, optimiser, averaged weights, sample losses."""

    def __init__(self, job: Job, split: Split, start: Start | None = None) -> None:
        self.job, self.split = job, split
        keras.utils.set_random_seed(job.seed)
        tf.config.experimental.enable_op_determinism()
        self.network = _under_policy(
            job.precision,
            lambda: build_network(job.spec, job.classes, job.architecture, training=True),
        )
        self.reference = build_network(job.spec, job.classes, job.architecture)
        self.state = load_state(job.state_file, job.fingerprint) or TrainingState()
        if job.start:
            copy_weights(read_network(job.start), self.network)
        elif start and not self.state.arrays:
            copy_weights(start(), self.network)
        self.optimizer = make_optimizer(job.recipe)
        self.optimizer.build(self.network.trainable_variables)
        self.averages = [tf.Variable(weight.value) for weight in self.network.weights]
        self.pruner = SamplePruner(len(split.train), job.recipe.prune)
        self.teacher = Teacher(job.teacher, _is_mirrored(job.recipe)) if job.teacher else None
        self.step_function = self._make_step()
        self._restore()

    def run_epoch(self) -> None:
        """Train one (pruned) pass, measure, and save the state."""
        started, recipe = time.monotonic(), self.job.recipe
        random = np.random.default_rng([self.job.seed, self.state.epoch])
        everything = self.state.step >= recipe.steps * (1.0 - recipe.unpruned_share)
        order, weights = self.pruner.plan(random, everything)
        batches = min(len(order) // recipe.batch, recipe.steps - self.state.step)
        if not batches:
            raise DataError(f"{len(order)} training images do not fill a batch of {recipe.batch}")
        loss, accuracy = self._run_batches(order, weights, batches, random)
        self.state.epoch += 1
        self.state.seconds += time.monotonic() - started
        self._note(loss, accuracy)
        self._save()

    def tell_duration(self) -> None:
        """Log how long what is left of the training will take, by some steps on trial."""
        left = self.job.recipe.steps - self.state.step
        if left > 0:
            epochs = math.ceil(left * self.job.recipe.batch / len(self.split.train))
            minutes = (left * self._seconds_a_step() + epochs * self._seconds_a_look()) / 60.0
            logger.info("%d steps to go, about %.0f minutes; a killed training goes on where its"
                        " last epoch ended", left, max(1.0, minutes))  # fmt: skip

    def _seconds_a_step(self) -> float:
        """Time steps on the first images, then put back all that they changed."""
        before, random = self._arrays(), np.random.default_rng(0)
        index = np.arange(self.job.recipe.batch) % len(self.split.train)
        images, taught = self._prepare(index, random)
        for _ in range(TRIAL_STEPS):  # the first one compiles
            started = time.monotonic()
            self._run_batch(images, taught, index, np.ones(len(index), np.float32))
            seconds = time.monotonic() - started
        self._put(before)
        return seconds

    def _seconds_a_look(self) -> float:
        """Time what ends an epoch, a look at held-out images."""
        started = time.monotonic()
        measure(self.averaged_network(), self.split.fit)
        return time.monotonic() - started

    def averaged_network(self) -> keras.Model:
        """Return the float32 network with the averaged weights."""
        copy_weights([average.numpy() for average in self.averages], self.reference)
        return self.reference

    def _run_batches(
        self,
        order: NDArray[np.int64],
        weights: NDArray[np.float32],
        batches: int,
        random: np.random.Generator,
    ) -> tuple[float, float]:
        size, sums, reported = self.job.recipe.batch, np.zeros(3), time.monotonic()
        parts = [slice(batch * size, (batch + 1) * size) for batch in range(batches)]
        prepared = _one_ahead(lambda part: self._prepare(order[part], random), parts)
        for batch, (part, (images, taught)) in enumerate(zip(parts, prepared, strict=True)):
            losses, right = self._run_batch(images, taught, order[part], weights[part])
            sums += (losses @ weights[part], right @ weights[part], weights[part].sum())
            self.state.step += 1
            if time.monotonic() - reported > PROGRESS_SECONDS:
                reported = time.monotonic()
                self._report(batch + 1, batches, sums)
        return sums[0] / sums[2], sums[1] / sums[2]

    def _prepare(
        self, index: NDArray[np.int64], random: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        images = _changed(self.split.train.images[index], self.job.recipe.augmentation, random)
        if self.teacher:
            return images, self.teacher.logits(images)
        return images, np.zeros((len(images), self.job.classes), np.float32)

    def _run_batch(
        self,
        images: NDArray[np.uint8],
        taught: NDArray[np.float32],
        index: NDArray[np.int64],
        weights: NDArray[np.float32],
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        recipe = self.job.recipe
        self.optimizer.learning_rate.assign(learning_rate(self.state.step, recipe))
        # Early averages forget quickly, or the random start would stay in them.
        decay = min(recipe.average_decay, (1.0 + self.state.step) / (10.0 + self.state.step))
        losses, right = self.step_function(
            tf.constant(images), tf.constant(self.split.train.labels[index]), tf.constant(taught),
            tf.constant(weights), tf.constant(decay, tf.float32),
        )  # fmt: skip
        losses = losses.numpy()
        self.pruner.record(index, losses)
        return losses, right.numpy()

    def _make_step(self) -> Callable[..., Any]:
        network, optimizer, averages = self.network, self.optimizer, self.averages
        teaching = self.job.teaching if self.teacher else None
        smoothing = self.job.recipe.smoothing

        @tf.function  # type: ignore[untyped-decorator]  # tensorflow has no types
        def step(images: Any, labels: Any, taught: Any, weights: Any, decay: Any) -> Any:
            with tf.GradientTape() as tape:
                logits = network(tf.cast(images, tf.float32), training=True)
                losses = losses_of(logits, labels, taught, teaching, smoothing)
                loss = tf.reduce_mean(losses * weights)
            gradients = tape.gradient(loss, network.trainable_variables)
            optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
            for average, weight in zip(averages, network.weights, strict=True):
                average.assign(decay * average + (1.0 - decay) * weight.value)
            return losses, tf.equal(tf.argmax(logits, 1), labels)

        return step  # type: ignore[no-any-return]

    def _report(self, batch: int, batches: int, sums: NDArray[np.float64]) -> None:
        steps = self.job.recipe.steps
        logger.info(
            "epoch %d: batch %d of %d, step %d of %d (%.1f %%), loss %.4f",
            self.state.epoch + 1, batch, batches, self.state.step, steps,
            100.0 * self.state.step / steps, sums[0] / sums[2],
        )  # fmt: skip

    def _note(self, loss: float, accuracy: float) -> None:
        held_out_loss, held_out_accuracy = measure(self.averaged_network(), self.split.fit)
        entry = {
            "step": float(self.state.step),
            "loss": float(loss),
            "accuracy": float(accuracy),
            "held_out_loss": held_out_loss,
            "held_out_accuracy": held_out_accuracy,
        }
        self.state.history.append(entry)
        logger.info(
            "epoch %d done at step %d of %d after %.0f s: loss %.4f, accuracy %.2f %%;"
            " held out: loss %.4f, accuracy %.2f %%",
            self.state.epoch, self.state.step, self.job.recipe.steps, self.state.seconds,
            loss, 100.0 * accuracy, held_out_loss, 100.0 * held_out_accuracy,
        )  # fmt: skip

    def _save(self) -> None:
        self.state.arrays = self._arrays()
        save_state(self.job.state_file, self.state, self.job.fingerprint)

    def _arrays(self) -> dict[str, list[NDArray[Any]]]:
        """Return copies of all that a step changes."""
        return {
            "weights": self.network.get_weights(),
            "optimizer": [np.array(variable) for variable in self.optimizer.variables],
            "averages": [average.numpy() for average in self.averages],
            "random": [np.array(variable) for variable in self._random_variables()],
            "losses": [self.pruner.losses.copy()],
        }

    def _random_variables(self) -> list[Any]:
        """Return what dropout draws from, so that a resumed training drops what it would have."""
        weights = {id(weight) for weight in self.network.weights}
        return [one for one in self.network.variables if id(one) not in weights]

    def _restore(self) -> None:
        if self.state.arrays:
            self._put(self.state.arrays)
            logger.info("resumed at step %d, epoch %d", self.state.step, self.state.epoch + 1)

    def _put(self, arrays: dict[str, list[NDArray[Any]]]) -> None:
        copy_weights(arrays["weights"], self.network)
        for variable, value in zip(self.optimizer.variables, arrays["optimizer"], strict=True):
            variable.assign(value)
        for average, value in zip(self.averages, arrays["averages"], strict=True):
            average.assign(value)
        for variable, value in zip(
            self._random_variables(), arrays.get("random", ()), strict=False
        ):
            variable.assign(value)
        self.pruner.losses[:] = arrays["losses"][0]


def _is_mirrored(recipe: Recipe) -> bool:
    plan = recipe.augmentation
    return isinstance(plan, Crops) or plan.flip


def _changed(
    images: NDArray[np.uint8], plan: Augmentation | Crops, random: np.random.Generator
) -> NDArray[np.uint8]:
    if isinstance(plan, Crops):
        return cut_out(images, plan, random)
    return augment(images, plan, random)


def _one_ahead(prepare: Callable[[Any], Any], parts: list[Any]) -> Iterator[Any]:
    """Yield ``prepare(part)`` of each part, in order, the next one made meanwhile."""
    with ThreadPoolExecutor(1, thread_name_prefix="augmentation") as pool:
        ahead = pool.submit(prepare, parts[0])
        for part in parts[1:]:
            current, ahead = ahead, pool.submit(prepare, part)
            yield current.result()
        yield ahead.result()


def _under_policy(precision: str, build: Callable[[], keras.Model]) -> keras.Model:
    previous = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(precision)
    try:
        return build()
    finally:
        keras.mixed_precision.set_dtype_policy(previous)
