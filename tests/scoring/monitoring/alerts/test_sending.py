from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from msgspec.structs import replace

from scoring.monitoring.alerts.channels import Channel, Outcome
from scoring.monitoring.alerts.sending import KILLED, Sender
from scoring.records import alerts
from scoring.records.alerts import PAUSES, Kind, Message
from scoring.records.events_log import EventsLog
from scoring.records.ledger import Ledger
from scoring.settings import CODE_ROOT, HEARTBEAT, Settings, load_settings
from tests.deadlines import DEADLINE, wait_for
from tests.receivers import http_receiver

NOW = datetime(2026, 11, 25, 18, 5, tzinfo=UTC)
MESSAGE = Message("r1", "run-failed", "problem", "It failed", "Why")
LATER = Message("r2", "run-failed", "problem", "It failed again", "Why")


class Killed(BaseException):
    """The process ends here, and nothing more of it is done."""


@dataclass
class PlayedChannel:
    """Keeps what it is sent; ``outcomes`` are used up in turn, then everything goes."""

    name: str = "mail"
    outcomes: list[Outcome] = field(default_factory=list)
    repeats: bool = False
    trouble: str = ""
    came: list[Message] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    def send(self, message: Message) -> Outcome:
        self.order.append(self.name)
        outcome = self.outcomes.pop(0) if self.outcomes else Outcome("sent")
        if outcome.arrival != "failed":
            self.came.append(message)
        return outcome

    def test(self) -> Outcome:
        return self.send(MESSAGE)


@dataclass
class Post:
    """An outbox whose time the test moves."""

    settings: Settings
    ledger: Ledger
    channels: dict[str, Channel]
    now: datetime = NOW

    def write(self, *messages: Message, to: tuple[str, ...] = ("mail",)) -> None:
        alerts.write(self.ledger.database, messages, to, self.now)

    def send(self) -> None:
        events = EventsLog.from_settings(self.settings)
        Sender(self.ledger.database, self.channels, events, lambda: self.now).send_due()

    def states(self) -> list[str]:
        told = alerts.latest(self.ledger.database, 100)
        return [f"{one.channel} {one.state}" for one in reversed(told)]

    def events(self) -> list[str]:
        path = self.settings.logs_folder / "Events-log.txt"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return [" ".join(line.split(", ", 5)[i] for i in (1, 2, 5)) for line in lines]


@pytest.fixture
def mail() -> PlayedChannel:
    return PlayedChannel()


@pytest.fixture
def post(settings: Settings, mail: PlayedChannel) -> Iterator[Post]:
    with Ledger(settings.ledger_file, 1) as ledger:
        yield Post(settings, ledger, {"mail": mail})


def test_each_message_goes_once_and_the_log_says_so(post: Post, mail: PlayedChannel) -> None:
    post.write(MESSAGE, LATER)
    post.send()
    post.send()
    assert mail.came == [MESSAGE, LATER]
    assert post.states() == ["mail sent"] * 2
    assert post.events() == ["INFO alert-sent run-failed by mail"] * 2


def test_one_dead_channel_keeps_none_from_the_others_and_sends_nobody_twice(
    post: Post, mail: PlayedChannel
) -> None:
    chat = PlayedChannel("chat", [Outcome("failed", "the service cannot be reached")])
    post.channels["chat"] = chat
    post.write(MESSAGE, to=("mail", "chat"))
    post.send()
    assert (mail.came, chat.came) == ([MESSAGE], [])
    assert sorted(post.states()) == ["chat waiting", "mail sent"]
    post.now += PAUSES[0]
    post.send()
    assert (mail.came, chat.came) == ([MESSAGE], [MESSAGE])
    told = "WARNING alert-not-sent run-failed by chat: the service cannot be reached"
    assert f"{told}; it is tried again" in post.events()


def test_a_channel_that_stays_dead_is_given_up_within_days_and_said_twice(
    post: Post, mail: PlayedChannel
) -> None:
    tries = len(PAUSES) + 1
    mail.outcomes = [Outcome("failed", "no")] * tries
    post.write(MESSAGE)
    while not post.states() == ["mail given up"]:
        post.send()
        post.now += timedelta(minutes=10)
        assert post.now - NOW < timedelta(days=5)
    assert mail.outcomes == [], "every try was made"
    codes = [event.split(" ")[1] for event in post.events()]
    assert codes == ["alert-not-sent", "alert-given-up"]


def test_what_may_have_arrived_is_not_sent_again(post: Post, mail: PlayedChannel) -> None:
    mail.outcomes = [Outcome("unsure", "no answer within 30 s; it may have arrived")]
    post.write(MESSAGE)
    post.send()
    post.now += timedelta(days=1)
    post.send()
    assert mail.came == [MESSAGE]
    assert post.states() == ["mail unsure"]
    assert "may have arrived" in post.events()[0]


def test_a_slow_channel_lets_the_others_go_first(post: Post, mail: PlayedChannel) -> None:
    slow = PlayedChannel("chat", [Outcome("unsure", "no answer")] * 2)
    post.channels["chat"] = slow
    slow.order = mail.order
    post.write(MESSAGE, LATER, to=("mail", "chat"))
    post.send()
    assert mail.order == ["chat", "mail", "mail", "chat"]


def test_a_channel_that_is_in_the_settings_no_more_is_given_up(post: Post) -> None:
    post.write(MESSAGE, to=("pager",))
    post.send()
    assert post.states() == ["pager given up"]


def ping(night: str, kind: Kind) -> Message:
    return Message(night, HEARTBEAT, kind, kind, "")


def test_pings_go_first_in_order_and_never_after_what_came_later(
    post: Post, mail: PlayedChannel
) -> None:
    """A start that arrives after the end would look like a run that never ends."""
    beat = PlayedChannel(HEARTBEAT, [Outcome("failed", "no")], repeats=True)
    post.channels[HEARTBEAT] = beat
    post.write(MESSAGE)
    post.write(ping("2026-11-25", "start"), to=(HEARTBEAT,))
    beat.order = mail.order
    post.send()
    assert mail.order == [HEARTBEAT, "mail"]
    post.write(ping("2026-11-25", "success"), to=(HEARTBEAT,))
    post.now += timedelta(hours=1)
    post.send()
    assert [one.kind for one in beat.came] == ["success"]
    assert post.states() == ["mail sent", "heartbeat given up", "heartbeat sent"]


# Kills


@dataclass
class Scythe:
    """Ends the process before or after its n-th step."""

    left: int

    def around(self, step: Callable[..., object]) -> Callable[..., object]:
        def stepped(*arguments: object) -> object:
            self._cut()
            result = step(*arguments)
            self._cut()
            return result

        return stepped

    def _cut(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


@pytest.mark.parametrize("step", range(1, 19))
def test_no_kill_at_any_point_sends_a_message_twice(
    post: Post, mail: PlayedChannel, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Two messages, three steps each, killed before and after each of them."""
    post.write(MESSAGE, LATER)
    with monkeypatch.context() as patched:
        scythe = Scythe(step)
        for name in ("begin", "settle"):
            patched.setattr(alerts, name, scythe.around(getattr(alerts, name)))
        patched.setattr(mail, "send", scythe.around(mail.send))
        try:
            post.send()
        except Killed:
            assert step <= 12
        else:
            assert step > 12
    post.send()
    assert len(mail.came) == len(set(mail.came))
    assert "waiting" not in " ".join(post.states())
    for state, message in zip(post.states(), (MESSAGE, LATER), strict=True):
        assert state == "mail unsure" or message in mail.came, "what is called sent has arrived"


def test_a_ping_that_a_kill_cut_short_is_sent_again(post: Post) -> None:
    beat = PlayedChannel(HEARTBEAT, repeats=True)
    post.channels[HEARTBEAT] = beat
    post.write(ping("2026-11-25", "success"), to=(HEARTBEAT,))
    (one,) = alerts.on_their_way(post.ledger.database)
    assert alerts.begin(post.ledger.database, one, NOW)
    post.now += PAUSES[0]
    post.send()
    assert len(beat.came) == 1
    assert post.states() == ["heartbeat sent"]


@pytest.mark.slow
def test_a_sender_that_is_killed_for_real_leaves_no_second_message(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-m", "scoring.monitoring.alerts", "send"]
    with http_receiver() as inbox:
        inbox.hold.clear()
        monkeypatch.setenv("SCORING_ALERTS__URLS__MAIL", inbox.webhook)
        post.now = load_settings().now()
        post.write(MESSAGE)
        with subprocess.Popen(command, cwd=CODE_ROOT) as sender:
            wait_for(lambda: bool(inbox.came), "the message to arrive")
            assert subprocess.run(command, cwd=CODE_ROOT, check=False).returncode == 0
            assert len(inbox.came) == 1, "a second sender leaves at once"
            os.kill(sender.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
            sender.wait(DEADLINE)
        inbox.hold.set()
        assert subprocess.run(command, cwd=CODE_ROOT, check=False).returncode == 0
        assert len(inbox.came) == 1
    assert post.states() == ["mail unsure"]
    assert post.events() == [
        f"WARNING alert-unsure run-failed by mail: {KILLED}; it is not sent again"
    ]


@pytest.mark.long
def test_senders_that_are_killed_at_random_send_nothing_twice(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real processes and SIGKILL, from the first moments of a sender to the end of its work."""
    random, command = Random(7), [sys.executable, "-m", "scoring.monitoring.alerts", "send"]
    with http_receiver() as mail, http_receiver() as chat:
        urls = {"mail": mail.webhook, "chat": chat.webhook}
        monkeypatch.setenv("SCORING_ALERTS__URLS", json.dumps(urls))
        post.now, kills = load_settings().now(), 0
        for round_ in range(15):
            messages = [replace(MESSAGE, run_id=f"r{round_}", title=f"{round_}-{n}", rule=f"{n}")
                        for n in range(4)]  # fmt: skip
            post.write(*messages, to=("mail", "chat"))
            with subprocess.Popen(command, cwd=CODE_ROOT) as sender:
                after = len(mail.came) + random.randrange(6)
                with suppress(subprocess.TimeoutExpired):
                    sender.wait(random.uniform(0.1, 0.6))
                while sender.poll() is None and len(mail.came) < after:
                    time.sleep(random.uniform(0, 0.004))
                kills += sender.poll() is None
                sender.kill()
        assert subprocess.run(command, cwd=CODE_ROOT, check=False).returncode == 0
        arrived = {"mail": mail.titles(), "chat": chat.titles()}
    assert kills
    told = alerts.latest(post.ledger.database, 1000)
    for name, titles in arrived.items():
        assert len(titles) == len(set(titles))
        states = {one.title: one.state for one in told if one.channel == name}
        assert set(states.values()) <= {"sent", "unsure"}
        assert {title for title, state in states.items() if state == "sent"} <= set(titles)
    assert sum(one.state == "unsure" for one in told) <= kills
