"""Which model scores which batch, as the settings have it."""

from __future__ import annotations

from pathlib import Path

from scoring.batches.image_folder import find_batch
from scoring.protocol.errors import BatchMissing
from scoring.records.text import printable
from scoring.settings import Settings


def model_of(settings: Settings, batch: str) -> str:
    """Return the name of the model that scores a batch; "" is the server's first.

    What ``[batches.NAME]`` says stands before ``client.model``.
    """
    for name, model in settings.batches.models.items():
        if _is_named(batch, name):
            return model
    return settings.client.model


def named_models(settings: Settings) -> list[str]:
    """Return the names of all models that the settings score with, each once."""
    names = [settings.client.model, *settings.batches.models.values()]
    return list(dict.fromkeys(filter(None, names)))


def tables_without_batch(settings: Settings) -> dict[str, str]:
    """Return names in the settings that no batch goes by, and why: slips of the hand, mostly."""
    found = {}
    for name in settings.batches.tables:
        try:
            batch = find_batch(name, settings.batches_folder)
        except BatchMissing as error:
            found[name] = str(error)
        else:
            if not _is_named(batch.name, name):
                found[name] = f'that batch goes by another name: write [batches."{batch.name}"]'
    return found


def _is_named(batch: str, name: str) -> bool:
    """Tell whether settings mean a batch: ``./D/`` is D, and so is what results show of a name."""
    return batch in (name, printable(Path(name).as_posix()))
