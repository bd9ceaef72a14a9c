"""Which model scores which batch, as the settings have it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from scoring.records.text import printable
from scoring.settings import Settings


def model_of(settings: Settings, batch: str) -> str:
    """Return the name of the model that scores a batch; "" is the server's first.

    What ``[batches.NAME]`` says stands before ``client.model``.
    """
    for name, model in settings.batches.models.items():
        if _spelt(name) == batch:
            return model
    return settings.client.model


def named_models(settings: Settings) -> list[str]:
    """Return the names of all models that the settings score with, each once."""
    names = [settings.client.model, *settings.batches.models.values()]
    return list(dict.fromkeys(filter(None, names)))


def tables_without_batch(settings: Settings, batches: Iterable[str]) -> list[str]:
    """Return the names in the settings that no batch has: slips of the hand, mostly."""
    known = set(batches)
    return [name for name in settings.batches.tables if _spelt(name) not in known]


def _spelt(name: str) -> str:
    """Return a name as ledger and results spell it: ``./D/`` is D."""
    return printable(Path(name).as_posix())
