"""What the command line asks for: which batches, all of their images or the new ones."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from client.run_request import RunRequest
from scoring.batches.batch_models import model_of, stray_tables
from scoring.batches.image_folder import Batch, all_batches, expected_batches, find_batch
from scoring.batches.left_out import told
from scoring.protocol.commands import command
from scoring.protocol.errors import UsageError
from scoring.records.events_log import EventsLog
from scoring.records.results_place import results_place
from scoring.records.text import printable
from scoring.settings import Settings


def select(settings: Settings, arguments: argparse.Namespace, events: EventsLog) -> RunRequest:
    """Return what is to be scored; raises UsageError, or BatchMissing for a folder not there."""
    nightly: date | None = arguments.nightly
    only_new = nightly is not None or arguments.new or arguments.every_batch
    new = only_new and not arguments.all
    batches = _batches(settings, arguments, events)
    out = _out(settings, arguments)
    if not arguments.model:
        named = arguments.batches or (nightly and settings.schedule.batches)
        _tell_strays(settings, events, all_of_them=not named)
    models = {batch.name: arguments.model or model_of(settings, batch.name) for batch in batches}
    return RunRequest(batches, "new" if new else "all", nightly, arguments.fresh, out, models)


def _out(settings: Settings, arguments: argparse.Namespace) -> Path | None:
    """Return where the results go instead of Results.csv, if anywhere."""
    if not arguments.out:
        return None
    out = results_place("--out", arguments.out)
    return None if out == Path(os.path.realpath(settings.results_file)) else out


def _batches(
    settings: Settings, arguments: argparse.Namespace, events: EventsLog
) -> tuple[Batch, ...]:
    home = settings.batches_folder
    named: Sequence[str] = arguments.batches
    if arguments.nightly:
        named = named or settings.schedule.batches
        if named:
            return _each_once(expected_batches(named, home))
    if named:
        return _each_once(find_batch(name, home) for name in named)
    if arguments.nightly or arguments.every_batch:
        return _every_batch(settings, events)
    raise UsageError(f"name a batch, like: {command('client.request', 'G1')} (or --every-batch)")


def _each_once(batches: Iterable[Batch]) -> tuple[Batch, ...]:
    """Several paths may lead to one batch: its name tells, not how its folder was spelt."""
    return tuple({batch.name: batch for batch in batches}.values())


def _every_batch(settings: Settings, events: EventsLog) -> tuple[Batch, ...]:
    batches, found = all_batches(settings.batches_folder, settings.batches)
    for line in found.warnings():
        events.warning("batches-skipped", line)
    if found.litter:
        events.info("litter-left-out", f"no batches: {told(found.litter)}")
    return tuple(batches)


def _tell_strays(settings: Settings, events: EventsLog, *, all_of_them: bool) -> None:
    """Warn of tables that no batch has; a run of some batches only of those that are misspelt."""
    for name, why, is_misspelt in stray_tables(settings):
        if is_misspelt or all_of_them:
            events.warning("batch-unknown", f'settings have [batches."{printable(name)}"]: {why}')
