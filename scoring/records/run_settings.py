"""The settings that a run is remembered with: those that change what is scored or written."""

from __future__ import annotations

import json
from operator import attrgetter
from pathlib import Path
from typing import Any

from scoring.protocol.file_names import as_utf8
from scoring.settings import Settings

# Speed, tries and times-outs change neither a score nor a row; secrets and keys never stand here.
MATTER = (
    "client.model",
    "client.max_file_bytes",
    "client.max_image_pixels",
    "client.max_failed_percent",
    "schedule.settle_seconds",
    "batches.litter",
    "batches.file_seconds",
    "batches.models",
    "paths.batches",
    "paths.results",
    "results.separator",
    "results.decimal",
)


def settings_that_matter(settings: Settings, out: Path | None = None) -> str:
    """Return them as JSON by their dotted names; ``out`` stands in for ``paths.results``."""
    values: dict[str, Any] = {name: attrgetter(name)(settings) for name in MATTER}
    if out:
        values["paths.results"] = out
    return json.dumps(values, default=lambda path: as_utf8(str(path)), ensure_ascii=False)
