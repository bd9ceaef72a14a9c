"""What somebody is to be told, until each channel has it: the outbox in the ledger.

A message is written once a run, rule and kind, and sent once to a channel. A try is written down
before it is made: where a kill comes between, nobody knows whether the message went, and it is
``unsure`` rather than sent twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from scoring.protocol.file_names import as_utf8
from scoring.records.database import Database
from scoring.records.times import utc_text

Kind = Literal["problem", "recovery", "report", "start", "success", "fail"]
State = Literal["waiting", "sending", "sent", "unsure", "given up"]
SUCCESS: Kind = "success"
FAIL: Kind = "fail"

# After each failed try, in minutes; when they are used up, five days have gone by, more than a long
# weekend without anybody to mend the channel, and it is given up.
PAUSES = tuple(timedelta(minutes=one) for one in (1, 5, 15, 60, 180, 360, *(720,) * 9))
# The fact that says that another ledger took the place of a lost one, until somebody is told.
RESTORED = "ledger_restored"

OPEN = """
SELECT a.id, a.run_id, a.rule, a.kind, a.title, a.body, d.channel, d.state, d.tries, d.tried_at
FROM alert_deliveries d JOIN alerts a ON a.id = d.alert_id
WHERE d.state IN ('waiting', 'sending') ORDER BY a.id, d.channel
"""
LATEST = """
SELECT a.run_id, a.rule, a.kind, a.title, a.made_at, d.channel, d.state, d.tries, d.error
FROM (SELECT * FROM alerts WHERE rule <> ? ORDER BY id DESC LIMIT ?) a
LEFT JOIN alert_deliveries d ON d.alert_id = a.id ORDER BY a.id DESC, d.channel
"""


class Message(Struct, frozen=True):
    """What is to be told; ``title`` is one line, ``body`` plain text."""

    run_id: str
    rule: str
    kind: Kind
    title: str
    body: str


class Delivery(Struct, frozen=True):
    """A message on its way to one channel; ``tries`` were made so far, the last at ``tried_at``."""

    alert_id: int
    message: Message
    channel: str
    state: State
    tries: int
    tried_at: datetime | None

    def is_due(self, now: datetime) -> bool:
        """Tell whether it is time for a try; a last one in the future was told by a wrong clock."""
        if self.tried_at is None:
            return True
        passed = now - self.tried_at
        return passed >= PAUSES[min(self.tries, len(PAUSES)) - 1] or passed < timedelta(0)


class Told(Struct, frozen=True):
    """What became of a message with one channel; ``channel`` is empty where there was none."""

    run_id: str
    rule: str
    kind: str
    title: str
    made_at: datetime
    channel: str
    state: str
    tries: int
    error: str


def write(
    database: Database, messages: Sequence[Message], channels: Sequence[str], now: datetime
) -> None:
    """Write messages down for each of the channels; those that were written once stay as they are.

    Text that no UTF-8 can hold is written with escapes.
    """
    if not messages:
        return
    with database.transaction() as connection:
        for one in messages:
            row = (one.run_id, one.rule, one.kind, as_utf8(one.title), as_utf8(one.body))
            written = connection.execute(
                "INSERT OR IGNORE INTO alerts (run_id, rule, kind, title, body, made_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (*row, utc_text(now)),
            )
            if written.rowcount:
                connection.executemany(
                    "INSERT INTO alert_deliveries (alert_id, channel) VALUES (?, ?)",
                    ((written.lastrowid, channel) for channel in channels),
                )


def standing(database: Database, rules: Iterable[str], but_of: str) -> tuple[str, datetime] | None:
    """Return the rule that spoke last of those given, and when, unless it has been well since.

    What was written of the run ``but_of`` does not count: an end may be told twice.
    """
    names = tuple(rules)
    rows = database.query(
        "SELECT rule, kind, made_at FROM alerts WHERE kind IN ('problem', 'recovery')"
        f" AND run_id <> ? AND rule IN ({', '.join('?' * len(names))}) ORDER BY id DESC LIMIT 1",
        (but_of, *names),
    )
    if not rows or rows[0][1] == "recovery":
        return None
    return str(rows[0][0]), datetime.fromisoformat(rows[0][2])


def on_their_way(database: Database) -> list[Delivery]:
    """Return what has not arrived and is not given up, oldest first."""
    return [
        Delivery(
            id_, Message(run, rule, kind, title, body), channel, state, tries,
            datetime.fromisoformat(tried_at) if tried_at else None,
        )
        for id_, run, rule, kind, title, body, channel, state, tries, tried_at in database.query(
            OPEN
        )
    ]  # fmt: skip


def begin(database: Database, delivery: Delivery, now: datetime) -> bool:
    """Write down that a try is about to be made; False: somebody else has made it."""
    with database.transaction() as connection:
        begun = connection.execute(
            "UPDATE alert_deliveries SET state = 'sending', tries = tries + 1, tried_at = ?"
            " WHERE alert_id = ? AND channel = ? AND state = 'waiting'",
            (utc_text(now), delivery.alert_id, delivery.channel),
        )
    return bool(begun.rowcount)


def settle(database: Database, delivery: Delivery, state: State, error: str) -> None:
    """Write down what became of a message, with why in one line where it has not arrived."""
    with database.transaction() as connection:
        connection.execute(
            "UPDATE alert_deliveries SET state = ?, error = ? WHERE alert_id = ? AND channel = ?",
            (state, error, delivery.alert_id, delivery.channel),
        )


def latest(database: Database, most: int, but_rule: str = "") -> list[Told]:
    """Return the latest messages, newest first: a row a channel."""
    return [
        Told(
            run, rule, kind, title, datetime.fromisoformat(made_at), channel or "", state or "",
            tries or 0, error or "",
        )
        for run, rule, kind, title, made_at, channel, state, tries, error in database.query(
            LATEST, (but_rule, most)
        )
    ]  # fmt: skip


def is_overtaken(database: Database, delivery: Delivery) -> bool:
    """Tell whether the same rule has said something else since, of this run or another."""
    later = (delivery.message.rule, delivery.alert_id)
    return bool(database.query("SELECT 1 FROM alerts WHERE rule = ? AND id > ? LIMIT 1", later))


def any_due(database: Database, now: datetime) -> bool:
    """Tell whether there is something for a sender to do; a try that was begun is looked into."""
    return any(one.state == "sending" or one.is_due(now) for one in on_their_way(database))


def tell_restored(database: Database, text: str, now: datetime) -> None:
    """Note in a ledger that took another's place that it has, and what is to be told of it.

    What a backup takes for waiting may have arrived since: nothing is told twice.
    """
    with database.transaction() as connection:
        connection.execute(
            "UPDATE alert_deliveries SET state = 'given up', error = ?"
            " WHERE state IN ('waiting', 'sending')",
            ("the ledger was restored; it may have arrived before",),
        )
        connection.execute(
            "INSERT OR REPLACE INTO facts VALUES (?, ?)", (RESTORED, f"{utc_text(now)} {text}")
        )


def restored(database: Database) -> tuple[str, str] | None:
    """Return when the ledger took another's place, as text, and what is to be told of it."""
    rows = database.query("SELECT value FROM facts WHERE name = ?", (RESTORED,))
    if not rows:
        return None
    when, _, text = str(rows[0][0]).partition(" ")
    return when, text


def prune(database: Database, before: datetime) -> None:
    """Forget what was told before a time."""
    with database.transaction() as connection:
        connection.execute("DELETE FROM alerts WHERE made_at < ?", (utc_text(before),))
        connection.execute(
            "DELETE FROM facts WHERE name = ? AND value < ?", (RESTORED, utc_text(before))
        )
