"""Which model scores which batch tonight, and whether there is such a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scheduler.check_files import tonights_batches
from scheduler.finding import Finding, Verdict
from scoring.batches.batch_models import model_of, stray_tables
from scoring.monitoring.thresholds import WHOLE
from scoring.processes.readiness import read_readiness
from scoring.protocol.bundle_names import bundle_labels, bundle_name, find_bundle, served_bundles
from scoring.protocol.errors import ScoringError
from scoring.records.text import as_looks, on_one_line, printable
from scoring.settings import Settings

# Batches that one line names; a shop may have hundreds.
NAMED = 10
FIRST = "the server's first model"


def check_models(settings: Settings) -> Iterator[Finding]:
    """Tell them apart where a batch has one of its own; else the rehearsal names the one."""
    if not settings.batches.tables:
        return
    for name, batches in batches_by_model(settings).items():
        trouble = trouble_with(settings, name)
        if trouble:
            yield Finding("FAIL", "model", f"of {_listed(batches)}: {trouble}")
        else:
            yield Finding("OK", "model", f"{name or _first(settings)} scores {_listed(batches)}")
    for stray in stray_tables(settings):
        # A batch is about to be scored by another model than the one that was written for it.
        verdict: Verdict = "FAIL" if stray.is_misspelt else "WARN"
        yield Finding(verdict, "model", f'settings have [batches."{stray.name}"]: {stray.why}')


def check_thresholds(settings: Settings) -> Iterator[Finding]:
    """Tell which limits of mean confidence no class will ever be held against."""
    for model, limits in settings.monitoring.thresholds.items():
        labels = bundle_labels(settings, model)
        if not labels:
            text = f'settings have [monitoring.thresholds."{model}"]: no such model is here'
            yield Finding("WARN", "thresholds", text)
        for name in sorted(limits.keys() - {WHOLE, *labels}) if labels else ():
            text = f"{model} has no class {printable(name)!r}; it has {_listed(labels)}"
            yield Finding("WARN", "thresholds", text)


def check_labels(settings: Settings) -> Iterator[Finding]:
    """Tell of a model whose classes nobody can tell apart where they are shown or typed."""
    for name in dict.fromkeys([*_own_names(settings), *batches_by_model(settings)]):
        labels: dict[str, list[str]] = {}
        for label in bundle_labels(settings, name) if name else ():
            labels.setdefault(as_looks(label), []).append(label)
        for alike in filter(lambda found: len(found) > 1, labels.values()):
            text = f"{name} has classes that look the same, {' and '.join(map(ascii, alike))}"
            yield Finding("WARN", "model", f"{text}: teach it again with other names")


def _own_names(settings: Settings) -> Iterator[str]:
    """Yield the names of the models that this project's own server has."""
    try:
        yield from map(bundle_name, served_bundles(settings))
    except ScoringError:
        return  # what is wrong with them is told by the rehearsal


def models_to_rehearse(settings: Settings) -> list[str]:
    """Return the names of the models that tonight's batches have; "" is the server's first.

    Those that are told of already as not to be had are left out.
    """
    names = batches_by_model(settings)
    there = [name for name in names if not trouble_with(settings, name)]
    return there or [settings.client.model]


def batches_by_model(settings: Settings) -> dict[str, list[str]]:
    """Return tonight's batches by the names of the models that score them."""
    found: dict[str, list[str]] = {}
    try:
        batches, _ = tonights_batches(settings)
    except ScoringError:
        return {}  # what is wrong with them has been told
    for batch in batches:
        found.setdefault(model_of(settings, batch.name), []).append(batch.name)
    return found


def trouble_with(settings: Settings, name: str) -> str:
    """Return why a model will not be there tonight; "" where nothing speaks against it."""
    if not name:
        return ""
    if settings.schedule.start_server:
        try:
            find_bundle(settings, name)
        except ScoringError as error:
            return str(error)
        return ""
    served = _names_of_running(settings)
    if not served or name in served:
        return ""
    urls = ", ".join(settings.server_urls)
    return f"the server at {urls} does not serve {name}; it has {', '.join(served)}"


def _names_of_running(settings: Settings) -> list[str]:
    """Return what those servers have that somebody keeps up, the first's first.

    Whether they answer is asked elsewhere.
    """
    answers = map(read_readiness, settings.server_urls)
    names = (model.name for answer in answers if answer for model in answer.models)
    return list(dict.fromkeys(names))


def _first(settings: Settings) -> str:
    """Return the name of the model that scores where none is named, as far as it can be told."""
    if not settings.schedule.start_server:
        return next(iter(_names_of_running(settings)), FIRST)
    try:
        return bundle_name(served_bundles(settings)[0]) or FIRST
    except (ScoringError, IndexError):
        return FIRST


def _listed(batches: Sequence[str]) -> str:
    more = len(batches) - NAMED
    names = ", ".join(map(on_one_line, batches[:NAMED]))
    return f"{names} and {more} more" if more > 0 else names
