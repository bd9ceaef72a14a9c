"""Print every figure of a bundle: ``python -m fashion_model.evaluate --data DIR``.

Measured on the ``measure`` part of the training images, which nothing was fitted to or chosen
with: of photographs, pictures of people that are in no other part. With ``--split test`` on the
data set's own test split. Where TensorFlow is not installed, the
lines that compare with the float32 reference are left out.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from numpy.typing import NDArray

from fashion_model.calibrate import measured_fold
from fashion_model.commands import (
    MissingPackages,
    add_data_options,
    add_fold_option,
    decoder,
    is_installed,
    load_data,
    named_bundle,
    require_fit,
    require_folder_to_write,
    require_packages,
    require_shape_of,
    run_command,
    wanted_fold,
)
from fashion_model.dataset.description import KNOWN, DataError
from fashion_model.dataset.people import Fold
from fashion_model.dataset.readers import LabelledImages
from fashion_model.dataset.split import FIRST_FOLD, split_data
from fashion_model.metrics import (
    auroc,
    confidence_threshold,
    confusion_matrix,
    expected_calibration_error,
    independent_count,
    wilson_interval,
)
from fashion_model.strangers import Strangers, idx_strangers, made_strangers, photo_strangers
from scoring.inference.bundle import REFERENCE_FILE, Bundle
from scoring.inference.predictions import Predictions
from scoring.inference.predictor import Predictor
from scoring.records.telling import telling_never_fails

DECIDABLE_ACCURACY = 0.99
SPEED_IMAGES = 10_000
# Of large images fewer are enough: 400 photographs.
SPEED_BYTES = 60_000_000
SPEED_ROUNDS = 3
PLAIN_BATCH = 32
TENSORFLOW = "tensorflow"


@dataclass(frozen=True)
class Figure:
    """One line of the report."""

    name: str
    value: str


def accuracy_figures(
    bundle: Bundle, data: LabelledImages, seen: Predictions, logits: NDArray[np.float64] | None
) -> Iterator[Figure]:
    """Yield how right the served model is, and how like the reference's ``logits`` [N, K]."""
    right = seen.class_index == data.labels
    yield Figure("images", str(len(data)))
    yield Figure("accuracy int8 (served)", percent(right.mean()))
    if data.people is not None:
        yield from people_figures(right, data.people)
    if logits is not None:
        reference = logits.argmax(axis=1)
        yield Figure("accuracy fp32 (reference)", percent((reference == data.labels).mean()))
        yield Figure("agreement int8/fp32", percent((reference == seen.class_index).mean()))
    yield Figure("served file, bytes", str(len(bundle.model)))


def people_figures(right: NDArray[np.bool_], people: NDArray[np.int64]) -> Iterator[Figure]:
    """Yield whose images they are, and how sure the accuracy is: those of a person go together."""
    count = independent_count(right, people)
    low, high = wilson_interval(float(right.mean()) * count, count)
    yield Figure("of people", str(len(np.unique(people))))
    yield Figure("95 % interval", f"{percent(low)} to {percent(high)}")
    yield Figure("worth so many independent images", f"{count:.0f}")
    with_many = np.bincount(people).argmax()
    rest = people != with_many
    if rest.any():
        yield Figure(
            "without the person with most", f"{percent(right[rest].mean())} ({rest.sum()})"
        )


def honesty_figures(bundle: Bundle, data: LabelledImages, seen: Predictions) -> Iterator[Figure]:
    """Yield calibration and what the review flags leave."""
    right = seen.class_index == data.labels
    kept = np.array([reason is None for reason in seen.review], bool)
    needed = confidence_threshold(seen.confidence, right, DECIDABLE_ACCURACY)
    strange = seen.outlier_score > bundle.signature.thresholds.outlier_score
    error = expected_calibration_error(seen.confidence, right)
    yield Figure("temperature", f"{bundle.signature.temperature:.4f}")
    yield Figure("calibration error, 15 bins", percent(error))
    yield Figure("mean confidence", percent(seen.confidence.mean()))
    yield Figure("distinct confidences", f"{np.unique(seen.confidence).size} of {len(data)}")
    yield Figure("decidable at 99 %", percent((seen.confidence >= needed).mean()))
    yield Figure("not flagged", percent(kept.mean()))
    yield Figure("right among those", percent(right[kept].mean()) if kept.any() else "-")
    yield Figure("called strange", percent(strange.mean()))


def stranger_figures(
    predictor: Predictor,
    usual: NDArray[np.float64],
    strangers: Iterator[tuple[str, NDArray[np.uint8]]],
) -> Iterator[Figure]:
    """Yield the AUROC of the not-a-garment score, and how many are flagged for any reason."""
    for name, rows in strangers:
        seen = predictor.predict(rows)
        flagged = np.mean([reason is not None for reason in seen.review])
        area = auroc(usual, seen.outlier_score)
        yield Figure(f"AUROC {name}", f"{area:.4f} ({percent(flagged)} flagged, {len(rows)})")


def speed_figures(bundle: Bundle, plain: bool) -> Iterator[Figure]:
    """Yield images/s of the served model and, with ``plain``, of a 2-convolution Keras CNN."""
    shape = bundle.signature.input.shape
    random = np.random.default_rng(0)
    count = max(1, min(SPEED_IMAGES, SPEED_BYTES // math.prod(shape)))
    images = random.integers(0, 256, (count, *shape), np.uint8)
    predictor = Predictor(bundle)
    served = _rate(lambda: predictor.predict(images.reshape(count, -1)), count)
    predictor.close()
    yield Figure("images/s int8 (served)", f"{served:.0f}")
    if plain:
        network = plain_network(shape, len(bundle.signature.labels))
        rate = _rate(lambda: network.predict(images, batch_size=PLAIN_BATCH, verbose=0), count)
        yield Figure("images/s plain 2-conv CNN, keras predict", f"{rate:.0f}")
        yield Figure("ratio", f"{served / rate:.1f}")


def plain_network(shape: tuple[int, int, int], classes: int) -> Any:
    """Return the kind of network the original system used, untrained: 4.3 MMAC at 28x28."""
    from keras import Input, Sequential, layers

    return Sequential([
        Input(shape),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dense(classes),
    ])  # fmt: skip


def percent(share: float | np.floating) -> str:
    """Return a share of 0-1 as a percentage with two decimals."""
    return f"{100 * float(share):.2f} %"


def _rate(run: Callable[[], object], count: int) -> float:
    run()
    best = 0.0
    for _ in range(SPEED_ROUNDS):
        started = time.perf_counter()
        run()
        best = max(best, count / (time.perf_counter() - started))
    return best


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's values."""
    parser = argparse.ArgumentParser(prog="python -m fashion_model.evaluate", description=__doc__)
    add_data_options(parser)
    add_fold_option(parser)
    parser.add_argument(
        "--bundle", type=Path, default=Path("fashion_model"), help="(default: %(default)s)"
    )
    parser.add_argument("--split", choices=("measure", "fit", "test"), default="measure",
                        help="which images; fit: those that temperature and thresholds were fitted"
                        " on (default: %(default)s)")  # fmt: skip
    parser.add_argument("--digits", type=Path, help="IDX folder of digits, as strangers")
    parser.add_argument("--garments", type=Path, help="IDX folder of garments, as strangers to"
                        " photographs")  # fmt: skip
    parser.add_argument("--photos", type=Path, help="folder of photographs, as strangers")
    parser.add_argument("--pictures", type=Path, help="folder for confusion matrix and reliability")
    parser.add_argument("--no-speed", action="store_true", help="do not measure images/s")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    """Measure a bundle and print its figures."""
    if options.pictures:
        require_packages("matplotlib")
        require_folder_to_write(options.pictures, "--pictures")
    bundle = named_bundle(options.bundle)
    require_shape_of(bundle, KNOWN[options.dataset])
    strangers = _named_strangers(options, bundle.signature.input.shape)
    data = _chosen_images(options, bundle)
    predictor = Predictor(bundle)
    seen = predictor.predict(data.rows)
    print_figures(accuracy_figures(bundle, data, seen, _reference_logits(bundle, data)))
    print_figures(honesty_figures(bundle, data, seen))
    strange = chain(made_strangers(data.rows, data.images.shape[1:]), strangers)
    print_figures(stranger_figures(predictor, seen.outlier_score, strange))
    predictor.close()
    if not options.no_speed:
        print_figures(speed_figures(bundle, plain=is_installed(TENSORFLOW)))
    if options.pictures:
        _draw(bundle, data, seen, options.pictures)


def _chosen_images(options: argparse.Namespace, bundle: Bundle) -> LabelledImages:
    description, data = load_data(options)
    require_fit(bundle, description)
    chosen = data.test if options.split == "test" else None
    if data.train is not None and options.split != "test":
        split = split_data(data.train, _fold(wanted_fold(options, data.train), bundle))
        chosen = split.fit if options.split == "fit" else split.measure
    if chosen is None:
        raise DataError(f"{options.data}: has no images for --split {options.split}")
    return chosen


def _fold(wanted: Fold | None, bundle: Bundle) -> Fold:
    own = measured_fold(bundle.signature)
    if own and wanted and wanted != own:
        sys.stderr.write(f"warning: {bundle.folder} was trained with most people of fold"
                         f" {wanted}; its own is {own}\n")  # fmt: skip
    return wanted or own or FIRST_FOLD


def _reference_logits(bundle: Bundle, data: LabelledImages) -> NDArray[np.float64] | None:
    """Return what the float32 reference says of ``data``, None where it cannot be asked."""
    if bundle.reference is None:
        sys.stderr.write(f"{bundle.folder} has no {REFERENCE_FILE} to compare with\n")
        return None
    if not is_installed(TENSORFLOW):
        sys.stderr.write(
            f"nothing is compared with {REFERENCE_FILE}: {MissingPackages([TENSORFLOW])}\n"
        )
        return None
    # TensorFlow takes seconds to load; a wrong flag or a missing file is told before that.
    from fashion_model.network import read_network
    from fashion_model.network_outputs import predict_logits

    return predict_logits(read_network(bundle.reference), data.images)


def _named_strangers(options: argparse.Namespace, shape: tuple[int, ...]) -> list[Strangers]:
    """Read what the flags name: before the measuring, which takes minutes."""
    idx = {"digits": options.digits, "data-set garments": options.garments}
    found = [(name, idx_strangers(folder, shape)) for name, folder in idx.items() if folder]
    if options.photos:
        colour = decoder(KNOWN[options.dataset]) if shape[2] > 1 else None
        found.append(("photographs", photo_strangers(options.photos, shape, colour)))
    return found


def _draw(bundle: Bundle, data: LabelledImages, seen: Predictions, folder: Path) -> None:
    from fashion_model.pictures import draw_confusion_matrix, draw_reliability_diagram

    labels = bundle.signature.labels
    counts = confusion_matrix(data.labels, seen.class_index, len(labels))
    draw_confusion_matrix(counts, labels, folder / "confusion.png")
    right = seen.class_index == data.labels
    draw_reliability_diagram(seen.confidence, right, folder / "reliability.png")


def print_figures(figures: Iterable[Figure]) -> None:
    """Print a line for each figure as soon as it is known."""
    for figure in figures:
        sys.stdout.write(f"{figure.name:42} {figure.value}\n")
        sys.stdout.flush()


@telling_never_fails()
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run_command(run, parse_arguments(arguments))


if __name__ == "__main__":
    sys.exit(main())
