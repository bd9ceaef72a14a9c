"""Retrain a model by what people corrected: a new head on the same network, within a minute.

  python -m fashion_model.retrain                       # a candidate for "fashion"
  python -m fashion_model.retrain clothing --promote    # let the newest one serve, if it may
  python -m fashion_model.retrain --deep --data DIR     # tune the network itself, with TensorFlow
  python -m fashion_model.retrain --rollback            # back to the version before
  python -m fashion_model.retrain --status

A candidate lies in data/models/VERSION. It serves from the server's next start on, once promoted;
the gate (settings: [retrain]) refuses one that is worse, or that it cannot judge.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fashion_model.commands import add_data_options, require_packages, run_command
from fashion_model.flags import model_name, whole_number
from fashion_model.job import STATE_FOLDER
from scoring.protocol.commands import command
from scoring.protocol.errors import ScoringError, UsageError
from scoring.protocol.promoted import retrained_folder
from scoring.records.events_log import EventsLog
from scoring.records.ledger_reader import LedgerReader
from scoring.records.model_switches import switches
from scoring.records.picture_store import PictureStore
from scoring.records.telling import telling_never_fails
from scoring.settings import CODE_ROOT, Settings, load_settings

if TYPE_CHECKING:
    from fashion_model.gate import Verdict
    from fashion_model.retraining.candidate import Material
    from fashion_model.retraining.reviewed import ReviewedPictures
    from scoring.inference.bundle import Bundle

REQUIREMENTS = CODE_ROOT / "requirements-teach.txt"
CACHE = Path("data") / "features"
NEWEST = "newest"
OF_DEEP = ("data", "dataset", "address", "steps")


class GateRefused(ScoringError):
    """A candidate is not as good as it should be, or nobody can tell."""

    code = "gate-refused"


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's values."""
    parser = argparse.ArgumentParser(
        prog="python -m fashion_model.retrain",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "name", nargs="?", type=model_name, help="the model (default: records.main_model)"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--promote", nargs="?", const=NEWEST, metavar="VERSION",
        help="let a candidate serve from the next start on (default: the newest), if it may",
    )  # fmt: skip
    what.add_argument("--rollback", action="store_true", help="let the version before serve")
    what.add_argument("--status", action="store_true", help="say which version served when")
    what.add_argument(
        "--deep", action="store_true",
        help="tune the network itself on its data set and on the reviewed pictures: needs"
        " TensorFlow and the data set, and takes minutes to hours",
    )  # fmt: skip
    add_data_options(parser)
    parser.add_argument(
        "--steps", type=whole_number(1), help="length of --deep in batches (default: two passes)"
    )
    parser.set_defaults(dataset=None)  # the model's own
    options = parser.parse_args(arguments)
    named = [flag for flag in OF_DEEP if getattr(options, flag) is not None]
    if named and not options.deep:
        parser.error(f"--{named[0]}: only --deep reads a data set")
    return options


def run(options: argparse.Namespace) -> None:
    """Do what the flags say."""
    settings = load_settings()
    name = options.name or settings.records.main_model
    with closing(LedgerReader.from_settings(settings)) as ledger:
        if options.status:
            _say(status_lines(settings, ledger, name))
        elif options.rollback:
            _roll_back(settings, ledger, name)
        elif options.promote:
            version = "" if options.promote == NEWEST else options.promote
            _promote(settings, ledger, name, version)
        else:
            _retrain(settings, ledger, name, options)


def _retrain(
    settings: Settings, ledger: LedgerReader, name: str, options: argparse.Namespace
) -> None:
    if options.deep:
        require_packages("tensorflow", "sklearn", "scipy")
    require_packages("sklearn", "scipy", requirements=REQUIREMENTS)
    from fashion_model.retraining.candidate import make_candidate

    started = time.monotonic()
    material = read_material(settings, ledger, name)
    _say(reviews_told(material))
    if options.deep:
        made = _tuned(settings, material, options)
    else:
        made = make_candidate(material, retrained_folder(settings), datetime.now(UTC))
    verdict = judged(settings, material, made)
    seconds = time.monotonic() - started
    _say([*_told(verdict), f"{made.folder}: made and judged in {seconds:.1f} s"])
    if not verdict.passed:
        raise _refused(verdict)
    if settings.retrain.automatic:
        _promote(settings, ledger, name, made.signature.version)
    else:
        _say([f"to let it serve: {command('fashion_model.retrain', name, '--promote')}"])


def _tuned(settings: Settings, material: Material, options: argparse.Namespace) -> Bundle:
    """Return a candidate with a network of its own."""
    from fashion_model.retraining.candidate import to_learn
    from fashion_model.retraining.data_set import float_network, read_data_set

    # What is missing shows before TensorFlow is loaded.
    to_learn(material)
    network = float_network(settings, material.base)
    data = read_data_set(options, material.base, material.kept)
    from fashion_model.retraining.deep import Tuning, make_deep_candidate

    states, cache = settings.path(STATE_FOLDER), settings.path(CACHE)
    tuning = Tuning(data, network, states, cache, options.steps)
    with PictureStore.from_settings(settings) as store:
        pixels_of = _pixels_of(store, material.base)
        home = retrained_folder(settings)
        return make_deep_candidate(material, tuning, pixels_of, home, datetime.now(UTC))


def read_material(settings: Settings, ledger: LedgerReader, name: str) -> Material:
    """Return what a model is retrained from: the bundle that serves, features, reviews."""
    from fashion_model.kept_features import CHOSEN_WITH, MEASURED, read_features
    from fashion_model.retraining.candidate import Material
    from fashion_model.retraining.paired import allowed_loss
    from fashion_model.retraining.reviewed import read_reviewed
    from fashion_model.retraining.serving import serving_bundle

    base = serving_bundle(settings, name)
    kept = read_features(base.folder, base)
    with PictureStore.from_settings(settings) as store:
        reviewed = read_reviewed(ledger, store, base.signature)
        features = _features(settings, base, reviewed, store)
        if store.trouble:
            raise UsageError(f"the pictures cannot be read: {store.trouble}")
    count = len(kept.of(CHOSEN_WITH, MEASURED))
    allowed = allowed_loss(count, settings.retrain.loss_at_400, settings.retrain.loss_at_3000)
    return Material(base, kept, reviewed, features, allowed)


def judged(settings: Settings, material: Material, new: Bundle) -> Verdict:
    """Hold a candidate against what serves now, and write the verdict beside it."""
    from fashion_model.gate import GATE_FILE, Side, judge
    from fashion_model.kept_features import read_features
    from fashion_model.retraining.serving import read_facts, write_json

    reviewed = material.reviewed
    # A version that serves may have been retrained too, from other pictures.
    for folder in (new.folder, material.base.folder):
        facts = read_facts(folder)
        if facts:
            reviewed = reviewed.without(facts.learnt)
    with PictureStore.from_settings(settings) as store:
        seen = _features(settings, new, reviewed, store)
    old_side = Side(material.base, material.kept, material.features)
    new_side = Side(new, read_features(new.folder, new), seen)
    verdict = judge(settings.retrain, old_side, new_side, reviewed)
    write_json(new.folder / GATE_FILE, verdict.to_json())
    return verdict


def _features(
    settings: Settings, bundle: Bundle, reviewed: ReviewedPictures, store: PictureStore
) -> NDArray[np.float32]:
    """Return what a bundle's network makes of reviewed pictures; raises UsageError."""
    from fashion_model.retraining.features import features_by_content

    pixels_of = _pixels_of(store, bundle)
    return features_by_content(bundle, reviewed.hashes, pixels_of, settings.path(CACHE))


def _pixels_of(store: PictureStore, bundle: Bundle) -> Callable[[str], NDArray[np.uint8]]:
    """Return what finds the pixels that a bundle saw of a content; it raises UsageError."""
    signature = bundle.signature

    def pixels_of(content_hash: str) -> NDArray[np.uint8]:
        seen = store.seen(content_hash, signature.preprocessing, signature.input.shape)
        if seen is None:
            raise UsageError(f"a picture was removed meanwhile: {content_hash}; try again")
        return seen

    return pixels_of


def _promote(settings: Settings, ledger: LedgerReader, name: str, beginning: str) -> None:
    """Judge a candidate by what serves now, and let it serve where it may."""
    require_packages("sklearn", "scipy", requirements=REQUIREMENTS)
    from fashion_model.retraining.serving import (
        candidate_bundle,
        current_version,
        find_candidate,
        read_facts,
    )
    from fashion_model.retraining.switching import Switching

    version = find_candidate(settings, name, beginning)
    switching = Switching(settings, ledger.database)
    with switching.alone(f"retrain {name} --promote"):
        # One that was promoted and is damaged since does not serve.
        new = candidate_bundle(settings, name, version)
        if current_version(settings, name) == version:
            raise UsageError(f"{name}: {version[:12]} serves already")
        if read_facts(new.folder) is None:
            raise GateRefused(f"{new.folder}: nothing says what it has learnt from")
        verdict = judged(settings, read_material(settings, ledger, name), new)
        _say(_told(verdict))
        if not verdict.passed:
            raise _refused(verdict)
        facts = {"files": dict(new.signature.files), "gate": verdict.figures()}
        switch = switching.promote(name, version, facts)
    _tell_switch(settings, name, f"{switch.who} promoted {version[:12]}, in the place of"
                 f" {switch.from_version[:12]}")  # fmt: skip


def _roll_back(settings: Settings, ledger: LedgerReader, name: str) -> None:
    from fashion_model.retraining.switching import Switching

    switching = Switching(settings, ledger.database)
    with switching.alone(f"retrain {name} --rollback"):
        switch = switching.roll_back(name)
    for version in switch.facts["passed_over"]:
        _say([f"passed over, for it cannot be loaded any more: {version}"])
    _tell_switch(settings, name, f"{switch.who} rolled {switch.from_version[:12]} back to"
                 f" {switch.to_version[:12]}")  # fmt: skip


def _tell_switch(settings: Settings, name: str, message: str) -> None:
    EventsLog.from_settings(settings).info("model-switched", f"{name}: {message}")
    _say([f"{name}: {message}; it serves from the server's next start on"])


def status_lines(settings: Settings, ledger: LedgerReader, name: str) -> Iterator[str]:
    """Yield which version serves, which served when, and what candidates there are."""
    from fashion_model.retraining.serving import candidates, current_version, serving_bundle

    promoted = current_version(settings, name)
    serving = serving_bundle(settings, name).signature.version
    yield f"{name}: {serving} serves from the server's next start on" + (
        "" if promoted == serving else ", which comes with the software"
    )
    if promoted not in ("", serving):
        yield f"  promoted is {promoted}, which cannot be loaded"
    for switch in switches(ledger.database, name):
        yield (f"  {switch.at[:19]} UTC  {switch.action:8}  {switch.from_version[:12]} ->"
               f" {switch.to_version[:12]}  by {switch.who}")  # fmt: skip
    for version, facts in candidates(settings, name):
        tuned = f", the network tuned for {facts.steps} steps" if facts.steps else ""
        made = f"made {facts.made_at[:19]} UTC from {facts.base[:12]}"
        yield f"  candidate {version[:12]}, {made}{tuned}"


def reviews_told(material: Material) -> Iterator[str]:
    """Yield how many reviews there are to learn from, and what is left out."""
    reviewed = material.reviewed
    learnt = int((~reviewed.held_out & reviewed.has_class).sum())
    held_out = int((reviewed.held_out & reviewed.has_class).sum())
    strangers = int((~reviewed.has_class).sum())
    yield (f"{len(reviewed)} reviewed pictures: {learnt} to learn from, {held_out} held out,"
           f" {strangers} of no class")  # fmt: skip
    for why, count in reviewed.left_out.items():
        yield f"left out: {count}, {why}"


def _told(verdict: Verdict) -> Iterator[str]:
    from fashion_model.gate import table

    return table(verdict)


def _refused(verdict: Verdict) -> GateRefused:
    from fashion_model.gate import refusals

    return GateRefused("it may not serve: " + "; and ".join(refusals(verdict)))


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@telling_never_fails()
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run_command(run, parse_arguments(arguments))


if __name__ == "__main__":
    sys.exit(main())
