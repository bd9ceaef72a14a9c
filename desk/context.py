"""What every page has at hand: the settings, the time, the ledger of this request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import cast

from flask import Flask, current_app, g
from msgspec import Struct

from scoring.records.ledger import Ledger
from scoring.records.ledger_beside import open_ledger
from scoring.records.picture_store import PictureStore
from scoring.settings import Settings

NAME = "scoring.desk"


class Desk(Struct, frozen=True):
    """One desk.

    ``now`` tells the time in the schedule's zone; ``read_settings`` what the settings are by now,
    for those of them that others follow; ``pictures`` are those kept.
    """

    settings: Settings
    now: Callable[[], datetime]
    pictures: PictureStore
    read_settings: Callable[[], Settings]


def register(app: Flask, desk: Desk) -> None:
    """Give the application's pages their desk, and close what a request has opened."""
    app.extensions[NAME] = desk

    @app.teardown_appcontext
    def _close(_: BaseException | None) -> None:
        ledger: Ledger | None = g.pop("ledger", None)
        if ledger is not None:
            ledger.close()


def the_desk() -> Desk:
    """Return the desk that answers this request."""
    return cast(Desk, current_app.extensions[NAME])


def the_ledger() -> Ledger:
    """Return this request's connection to the ledger.

    Raises LedgerMissing, LedgerOutdated, LedgerDamaged or LedgerError; each has its page.
    """
    if "ledger" not in g:
        g.ledger = open_ledger(the_desk().settings)
    return cast(Ledger, g.ledger)
