"""Which bundle of a model serves, or will from the server's next start on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scoring.inference.bundle import Bundle, BundleError, load_bundle
from scoring.protocol.bundle_names import find_bundle
from scoring.protocol.commands import command
from scoring.protocol.errors import UsageError
from scoring.protocol.promoted import CannotRead, read_current, retrained_folder
from scoring.records.atomic_file import replacing
from scoring.settings import Settings

FACTS_FILE = "retrained.json"


@dataclass(frozen=True)
class Facts:
    """What is known of a candidate: from which version, of what, and when.

    ``learnt`` are the contents of the reviewed pictures that it has learnt from; ``steps`` is how
    long its network was tuned, 0 where only the head is new.
    """

    name: str
    base: str
    made_at: str
    learnt: list[str]
    caution: float
    left_out: dict[str, int] = field(default_factory=dict)
    steps: int = 0


def shipped_bundle(settings: Settings, name: str) -> Bundle:
    """Return the bundle that comes with the software; raises UsageError, BundleError."""
    return load_bundle(find_bundle(settings, name))


def current_version(settings: Settings, name: str) -> str:
    """Return the promoted version of a model, "" where the shipped one serves.

    Raises UsageError where nobody can tell.
    """
    try:
        return read_current(settings).get(name, "")
    except CannotRead as error:
        raise UsageError(f"which model serves cannot be told: {error}") from error


def serving_bundle(settings: Settings, name: str) -> Bundle:
    """Return what a server loads at its next start; raises UsageError, BundleError."""
    version = current_version(settings, name)
    if version:
        try:
            return candidate_bundle(settings, name, version)
        except (UsageError, BundleError):
            pass  # the server tells of it, and does the same
    return shipped_bundle(settings, name)


def candidate_bundle(settings: Settings, name: str, version: str) -> Bundle:
    """Return a retrained bundle; raises UsageError for another model's, and BundleError."""
    folder = retrained_folder(settings, version)
    bundle = load_bundle(folder)
    found = bundle.signature
    if (found.name, found.version) != (name, version):
        raise UsageError(f"{folder}: holds {found.name} {found.version[:12]}, not {name}")
    return bundle


def find_candidate(settings: Settings, name: str, beginning: str) -> str:
    """Return the version that begins so; "": the one that was made last. Raises UsageError."""
    found = [facts for facts in candidates(settings, name) if facts[0].startswith(beginning)]
    if not found:
        what = f"version {beginning}" if beginning else "candidate"
        raise UsageError(f"there is no {what} of {name} in {retrained_folder(settings)};"
                         f" make one with {command('fashion_model.retrain', name)}")  # fmt: skip
    if beginning and len(found) > 1:
        raise UsageError(f"several versions of {name} begin with {beginning}; give more of it")
    return found[-1][0]


def candidates(settings: Settings, name: str) -> list[tuple[str, Facts]]:
    """Return the versions that lie there with their facts, the one made last the last."""
    folders = retrained_folder(settings).glob(f"*/{FACTS_FILE}")
    found = [(path.parent.name, read_facts(path.parent)) for path in folders]
    known = [(version, facts) for version, facts in found if facts and facts.name == name]
    return sorted(known, key=lambda one: one[1].made_at)


def read_facts(folder: Path) -> Facts | None:
    """Return a candidate's facts, None where there are none that can be read."""
    try:
        return Facts(**json.loads((folder / FACTS_FILE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def write_facts(folder: Path, facts: Facts) -> None:
    """Write a candidate's facts beside it; raises OSError."""
    write_json(folder / FACTS_FILE, asdict(facts))


def write_json(path: Path, document: Any) -> None:
    """Write a JSON file for people and programs, whole or not at all; raises OSError."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")
