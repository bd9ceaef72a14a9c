"""Say which version of a model serves from the server's next start on; all of it or nothing.

Three things are written: what is about to be done (the journal), ``current.json``, and the ledger.
Only the second one counts for a server, and it is replaced in one step. Whoever comes next after
one that was killed between them brings the ledger up to date, or drops what was not done.
"""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec.structs import asdict

from fashion_model.retraining.serving import (
    candidate_bundle,
    current_version,
    shipped_bundle,
    write_json,
)
from scoring.inference.bundle import BundleError
from scoring.processes.locks import models_lock
from scoring.protocol.errors import UsageError
from scoring.protocol.promoted import CURRENT_FILE, read_current, retrained_folder
from scoring.records.database import Database
from scoring.records.model_switches import ModelSwitch, add, switches, versions_before
from scoring.records.times import utc_text
from scoring.settings import Settings

JOURNAL_FILE = "switching.json"
Step = Callable[[str], None]


def _no_step(_: str) -> None:
    """Go on."""


class Switching:
    """Switches of the models of a project, one at a time; whoever is second is told so."""

    def __init__(self, settings: Settings, database: Database, step: Step = _no_step) -> None:
        """``step`` hears before each thing that is written, for those who test what a kill does."""
        self._settings = settings
        self._database = database
        self._step = step
        self._journal = retrained_folder(settings) / JOURNAL_FILE

    @contextmanager
    def alone(self, command: str) -> Iterator[None]:
        """Keep others out, having ended what one before left; raises Busy."""
        with models_lock(self._settings, command):
            self._recover()
            yield

    def promote(self, name: str, version: str, facts: dict[str, Any]) -> ModelSwitch:
        """Let a version serve; raises OSError, or LedgerError once it does. Call it ``alone``."""
        return self._switch(name, version, version, "promote", facts)

    def roll_back(self, name: str) -> ModelSwitch:
        """Let the version before serve, in the end the shipped one. Call it ``alone``.

        One that cannot be loaded any more is passed over, and that stands in the facts.

        Raises:
            UsageError: the shipped one serves already.
        """
        if not current_version(self._settings, name):
            raise UsageError(f"{name}: the version that comes with the software serves; there is"
                             " none before it")  # fmt: skip
        shipped = shipped_bundle(self._settings, name).signature.version
        passed_over: list[str] = []
        for version in reversed(versions_before(switches(self._database, name))):
            if version == shipped:
                break
            if self._can_serve(name, version):
                return self._switch(
                    name, version, version, "rollback", {"passed_over": passed_over}
                )
            passed_over.append(version)
        return self._switch(name, "", shipped, "rollback", {"passed_over": passed_over})

    def _can_serve(self, name: str, version: str) -> bool:
        try:
            candidate_bundle(self._settings, name, version)
        except (UsageError, BundleError):
            return False
        return True

    def _switch(
        self, name: str, entry: str, version: str, action: Any, facts: dict[str, Any]
    ) -> ModelSwitch:
        """Write ``entry`` into the table of what serves, "" for the shipped one."""
        before = current_version(self._settings, name)
        shipped = "" if before else shipped_bundle(self._settings, name).signature.version
        at = utc_text(datetime.now(UTC))
        switch = ModelSwitch(name, before or shipped, version, action, _who(), at, facts)
        self._step("journal")
        write_json(self._journal, {"entry": entry, "switch": asdict(switch)})
        self._step("current")
        self._point(name, entry)
        self._step("ledger")
        add(self._database, switch)
        self._step("done")
        self._journal.unlink(missing_ok=True)
        return switch

    def _point(self, name: str, entry: str) -> None:
        current = {**read_current(self._settings), name: entry}
        served = {one: version for one, version in current.items() if version}
        write_json(retrained_folder(self._settings) / CURRENT_FILE, served)

    def _recover(self) -> None:
        """Write into the ledger what was done without it; forget what was not done."""
        begun = _read(self._journal)
        if begun is None:
            return
        switch = ModelSwitch(**begun["switch"])
        if current_version(self._settings, switch.model_name) == begun["entry"]:
            add(self._database, switch)
        self._journal.unlink(missing_ok=True)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a user without a name
        return "unknown"
