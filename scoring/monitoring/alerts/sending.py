"""The outbox → the channels: each message once to each, tried again with growing pauses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from msgspec import Struct

from scoring.monitoring.alerts.channels import Channel, Outcome
from scoring.records import alerts
from scoring.records.alerts import PAUSES, Delivery, State
from scoring.records.database import Database
from scoring.records.events_log import EventsLog
from scoring.settings import HEARTBEAT

KILLED = "the sender was ended in the midst of it; it may have arrived"
GONE = "this channel is in the settings no more"
OVERTAKEN = "a later one says more"


class Sender(Struct, frozen=True):
    """Sends what is due; whoever calls holds the lock of the one sender."""

    database: Database
    channels: Mapping[str, Channel]
    events: EventsLog
    now: Callable[[], datetime]

    def send_due(self) -> None:
        """Send until nothing is due; what comes meanwhile, too. Raises LedgerError.

        The heartbeat first: it is quick, and the one to tell of it when others are not. A channel
        that did not take a message lets the others go before its next one.
        """
        self._settle_interrupted()
        while due := self._due():
            troubled: set[str] = set()
            for delivery in due:
                if delivery.channel not in troubled and not self._send(delivery):
                    troubled.add(delivery.channel)

    def _due(self) -> list[Delivery]:
        waiting = [one for one in alerts.on_their_way(self.database) if one.state == "waiting"]
        due = [one for one in waiting if one.is_due(self.now())]
        return sorted(due, key=lambda one: one.channel != HEARTBEAT)

    def _settle_interrupted(self) -> None:
        """Of a try that a kill cut short nobody knows; only what may come twice is sent again."""
        for one in alerts.on_their_way(self.database):
            if one.state == "sending":
                channel = self.channels.get(one.channel)
                again = channel is not None and channel.repeats
                self._settle(one, "waiting" if again else "unsure", "" if again else KILLED)

    def _send(self, delivery: Delivery) -> bool:
        """Bring one message a step further; return whether its channel is as it should be."""
        channel = self.channels.get(delivery.channel)
        if channel is None:
            self._settle(delivery, "given up", GONE)
        elif self._is_overtaken(delivery):
            alerts.settle(self.database, delivery, "given up", OVERTAKEN)
        elif alerts.begin(self.database, delivery, self.now()):
            return self._judge(delivery, channel.send(delivery.message))
        return True

    def _judge(self, delivery: Delivery, outcome: Outcome) -> bool:
        if outcome.arrival == "failed":
            last = delivery.tries + 1 > len(PAUSES)
            self._settle(delivery, "given up" if last else "waiting", outcome.why)
        else:
            self._settle(delivery, outcome.arrival, outcome.why)
        return outcome.arrival == "sent"

    def _is_overtaken(self, delivery: Delivery) -> bool:
        """Tell whether a ping comes too late: after the next one it would say what is not so."""
        is_ping = delivery.channel == HEARTBEAT
        return is_ping and alerts.is_overtaken(self.database, delivery)

    def _settle(self, delivery: Delivery, state: State, why: str) -> None:
        """Write down what came of it; the first failure and the last word are events, too."""
        alerts.settle(self.database, delivery, state, why)
        message = delivery.message
        is_ping = message.rule == HEARTBEAT
        what = (
            f"{message.rule} {message.kind}" if is_ping else f"{message.rule} by {delivery.channel}"
        )
        run = "" if is_ping else message.run_id
        if state == "sent":
            self.events.info("alert-sent", what, run=run)
        elif state == "unsure":
            self.events.warning("alert-unsure", f"{what}: {why}; it is not sent again", run=run)
        elif state == "given up":
            self.events.error("alert-given-up", f"{what}: {why}", run=run)
        elif why and not delivery.tries:
            self.events.warning("alert-not-sent", f"{what}: {why}; it is tried again", run=run)
