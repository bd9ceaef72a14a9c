"""What was told, in lines for a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import tzinfo

from scoring.protocol.errors import ExitCode, LedgerMissing
from scoring.records import alerts
from scoring.records.alerts import Told
from scoring.records.ledger_look import look_at_ledger
from scoring.records.ledger_reader import LedgerReader
from scoring.records.text import on_one_line
from scoring.settings import HEARTBEAT, Settings

LISTED = 30
ROW = "{:<16}  {:<17}  {:<8}  {:<12}  {:<8}  {}"


def list_alerts(settings: Settings) -> ExitCode:
    """Write the latest messages to stdout, newest first, a line a channel."""
    try:
        with look_at_ledger(settings) as ledger:
            told = alerts.latest(ledger.database, LISTED)
    except LedgerMissing:
        told = []
    lines = list(_table(told, settings.zone)) or ["Nobody was told of anything yet."]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return ExitCode.DONE


def last_alert(ledger: LedgerReader, zone: tzinfo) -> str:
    """Return the latest message of a rule and what became of it, in one line; empty without one."""
    told = alerts.latest(ledger.database, 1, but_rule=HEARTBEAT)
    if not told:
        return ""
    channels = "; ".join(f"{one.channel} {_state(one)}" for one in told if one.channel)
    first = told[0]
    return on_one_line(
        f"{first.made_at.astimezone(zone):%Y-%m-%d %H:%M} {first.title} ({first.rule}): {channels}"
    )


def _table(told: list[Told], zone: tzinfo) -> Iterator[str]:
    if told:
        yield ROW.format("Time", "Rule", "Kind", "Channel", "State", "Title")
    for one in told:
        time = f"{one.made_at.astimezone(zone):%Y-%m-%d %H:%M}"
        row = (time, one.rule, one.kind, one.channel, one.state, on_one_line(one.title))
        yield ROW.format(*row).rstrip()
        if one.error:
            tries = "try" if one.tries == 1 else "tries"
            yield f"    {on_one_line(one.error)} ({one.tries} {tries})"


def _state(told: Told) -> str:
    why = f", {told.error}" if told.error and told.state != "sent" else ""
    return f"{told.state}{why}"
