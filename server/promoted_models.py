"""Retrained bundles in the place of those that come with the software.

A promoted one that is missing or damaged does not serve: that is told, and the one it should stand
for serves as before. Never is one exchanged for another in silence.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Self

from scoring.inference.bundle import Backbones, Bundle, BundleMissing, load_bundle
from scoring.protocol.promoted import CannotRead, read_current, retrained_folder
from scoring.records.events_log import EventsLog
from scoring.settings import Settings

logger = logging.getLogger("scoring.server")
NOT_SERVED = "promoted-model-not-served"
Tell = Callable[[str], None]


class PromotedModels:
    """Which version takes the place of which model; ``tell`` hears of those that cannot."""

    def __init__(self, current: dict[str, str], home: Path, tell: Tell) -> None:
        self._current = current
        self._home = home
        self.tell = tell

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return what the settings' project promoted; what is wrong with it goes to its events."""
        events = EventsLog.from_settings(settings)

        def tell(message: str) -> None:
            logger.warning(message)
            events.error(NOT_SERVED, message)

        try:
            current = read_current(settings)
        except CannotRead as error:
            tell(f"no retrained model serves: {error}")
            current = {}
        return cls(current, retrained_folder(settings), tell)

    def version(self, name: str) -> str:
        """Return the promoted version of a model, "" where there is none."""
        return self._current.get(name, "")

    def load(self, name: str, backbones: Backbones) -> Bundle:
        """Return the promoted bundle of a model, verified; raises BundleError."""
        version = self._current[name]
        bundle = load_bundle(self._home / version, backbones)
        found = bundle.signature
        if (found.name, found.version) != (name, version):
            raise BundleMissing(f"{bundle.folder}: holds {found.name} {found.version[:12]}")
        return bundle
