"""Train a network and make its bundle: ``python -m fashion_model.train --data DIR``."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from fashion_model.commands import (
    add_data_options,
    add_fold_option,
    larger_split,
    load_split,
    named_bundle,
    require_bundle_folder,
    require_enough_held_out,
    require_file,
    require_fit,
    require_packages,
    run_command,
)
from fashion_model.dataset.description import (
    KNOWN,
    DataError,
    DatasetDescription,
    Pretrained,
)
from fashion_model.dataset.readers import LabelledImages
from fashion_model.dataset.split import Split
from fashion_model.flags import model_name, positive_number, whole_number
from fashion_model.job import STATE_FOLDER, Job, precision_for
from scoring.inference.bundle import SIGNATURE_FILE
from scoring.protocol.errors import UsageError
from scoring.records.telling import telling_never_fails

if TYPE_CHECKING:
    from fashion_model.trainer import Start

logger = logging.getLogger("scoring.fashion_model")


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's values."""
    parser = argparse.ArgumentParser(prog="python -m fashion_model.train", description=__doc__)
    add_data_options(parser)
    add_fold_option(parser)
    parser.add_argument("--out", type=Path, help="bundle folder (default: fashion_model for"
                        " fashion, else models/NAME)")  # fmt: skip
    parser.add_argument(
        "--name", type=model_name, help="what the bundle is called (default: the data set's name)"
    )
    parser.add_argument(
        "--steps",
        type=whole_number(1),
        help="length of the training in batches (a teacher's own stays as it is)",
    )
    parser.add_argument("--rate", type=positive_number, help="largest learning rate")
    parser.add_argument("--start", type=Path, help="model.keras to go on from, instead of from"
                        " random weights")  # fmt: skip
    parser.add_argument("--teacher", type=Path, help="bundle to learn from, where the recipe has a"
                        " teacher (default: data/training/NAME-teacher-SEED, trained first where"
                        " it is not there yet: remove it to have it trained anew)")  # fmt: skip
    parser.add_argument("--seed", type=whole_number(0), default=0)
    parser.add_argument("--state", type=Path, help="file the training is resumed from"
                        " (default: one of its name, seed and fold)")  # fmt: skip
    parser.add_argument(
        "--precision",
        choices=("auto", "float32", "mixed_bfloat16"),
        default="auto",
        help="auto: bfloat16 where the processor has it and the network gains by it",
    )
    return parser.parse_args(arguments)


def train_bundle(options: argparse.Namespace) -> None:
    """Train, or continue, and write the bundle with its pictures."""
    require_packages("tensorflow", "matplotlib")
    folder = options.out or default_folder(options.name or options.dataset)
    require_bundle_folder(folder)
    _check_sources(options)
    description, split = load_split(options)
    require_enough(split.train, description)
    require_enough_held_out(split)
    # What cannot be written shows before hours of work and not after them.
    folder.mkdir(parents=True, exist_ok=True)
    if options.start:
        _check_start(options.start, description)
    chosen = {"steps": options.steps, "peak_rate": options.rate}
    changes = {name: value for name, value in chosen.items() if value is not None}
    teacher = _teacher_bundle(options, description, split) if description.teaching else None
    description = dataclasses.replace(
        description,
        name=options.name or description.name,
        recipe=dataclasses.replace(description.recipe, **changes),
    )
    held_out = str(split.fold or "")
    name = "-".join((description.name, str(options.seed), *filter(None, [held_out])))
    state_file = options.state or STATE_FOLDER / f"{name.replace('/', 'of')}.npz"
    job = _job(options, description, state_file)
    job = dataclasses.replace(job, start=options.start, teacher=teacher, held_out=held_out)
    _train_one(job, description, split, folder, larger_split(options, split))


def _check_sources(options: argparse.Namespace) -> None:
    """Raise UsageError for what is named to learn from, as far as no data are needed for it."""
    require_file(options.start, "network")
    if options.teacher is None:
        return
    if KNOWN[options.dataset].teaching is None:
        raise UsageError(f"--teacher {options.teacher}: the recipe of {options.dataset} has no"
                         " teacher; leave the flag out")  # fmt: skip
    named_bundle(options.teacher)


def require_enough(images: LabelledImages, description: DatasetDescription) -> None:
    """Raise DataError for a class without images, or too few images for one step."""
    counts = np.bincount(images.labels, minlength=len(description.labels))
    absent = [label for label, count in zip(description.labels, counts, strict=True) if not count]
    if absent:
        raise DataError(f"there is no image to train with of: {', '.join(absent)}")
    if len(images) < description.recipe.batch:
        raise DataError(
            f"{len(images)} images to train with; a step takes {description.recipe.batch}"
        )


def default_folder(name: str) -> Path:
    """Return where the bundle called ``name`` lives."""
    return Path("fashion_model") if name == "fashion" else Path("models") / name


def _teacher_bundle(
    options: argparse.Namespace, description: DatasetDescription, split: Split
) -> Path:
    """Return the folder of the teacher's bundle, trained first where it is not there yet."""
    folder: Path = options.teacher or (STATE_FOLDER / f"{description.name}-teacher-{options.seed}")
    if not options.teacher and not (folder / SIGNATURE_FILE).is_file():
        _train_teacher(options, description, split, folder)
    require_fit(named_bundle(folder), description)
    return folder


def _check_start(start: Path, description: DatasetDescription) -> None:
    # Before hours of work, a teacher's perhaps, and not after them.
    from fashion_model.network import build_network, read_network

    network = build_network(description.input, len(description.labels), description.architecture)
    wanted = [weight.shape for weight in network.get_weights()]
    if [weight.shape for weight in read_network(start).get_weights()] != wanted:
        raise DataError(f"{start}: is a network of another shape than the one to be trained")


def _train_teacher(
    options: argparse.Namespace, description: DatasetDescription, split: Split, folder: Path
) -> None:
    assert description.teaching
    alone = dataclasses.replace(
        description,
        name=f"{description.name}-teacher",
        architecture=description.teaching.architecture,
        recipe=dataclasses.replace(description.recipe, steps=description.teaching.steps),
        teaching=None,
    )
    job = _job(options, alone, folder.with_name(folder.name + ".npz"))
    _train_one(job, alone, split, folder, split)


def _job(options: argparse.Namespace, description: DatasetDescription, state_file: Path) -> Job:
    return Job(
        spec=description.input,
        classes=len(description.labels),
        architecture=description.architecture,
        recipe=description.recipe,
        seed=options.seed,
        precision=precision_for(description.architecture, options.precision),
        state_file=state_file,
        teaching=description.teaching,
    )


def _train_one(
    job: Job, description: DatasetDescription, split: Split, folder: Path, larger: Split
) -> None:
    from fashion_model.bundle_writer import export_bundle
    from fashion_model.pictures import draw_training_curve
    from fashion_model.trainer import train

    logger.info("training %s on %d images, %s, seed %d", description.name, len(split.train),
                job.precision, job.seed)  # fmt: skip
    network, history = train(job, larger, _start(description, split))
    signature = export_bundle(network, description, split, folder)
    if history:
        draw_training_curve(history, folder / "pictures" / "training.png")
    logger.info("%s: version %s", folder, signature.version)


def _start(description: DatasetDescription, split: Split) -> Start | None:
    """Return what makes the weights to begin with; None for random ones."""
    from fashion_model.photographs.start import starting_weights

    if not isinstance(description.architecture, Pretrained):
        return None
    return lambda: starting_weights(description, split.train)


@telling_never_fails()
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run_command(train_bundle, parse_arguments(arguments))


if __name__ == "__main__":
    sys.exit(main())
