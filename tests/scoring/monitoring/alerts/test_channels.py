from __future__ import annotations

import email
import json
import logging
from collections.abc import Iterator
from email.header import decode_header

import pytest
from msgspec.structs import replace

from scoring.monitoring.alerts.channels import (
    Channel,
    Heartbeat,
    Outcome,
    Service,
    channels_of,
    ping_url,
    run_uuid,
)
from scoring.records.alerts import Message
from scoring.settings import AlertSettings, Settings
from tests.deadlines import wait_for
from tests.receivers import Inbox, http_receiver, nobody, smtp_receiver

MESSAGE = Message("r1", "run-failed", "problem", "The run of today failed", "Body <b>&amp;\nline 2")
# A service that does not answer costs a test as much.
PATIENT, IMPATIENT = 60.0, 2.0


@pytest.fixture
def web() -> Iterator[Inbox]:
    with http_receiver() as inbox:
        yield inbox


@pytest.fixture
def mail() -> Iterator[Inbox]:
    with smtp_receiver() as inbox:
        yield inbox


def test_a_webhook_gets_the_message_as_it_is(web: Inbox) -> None:
    assert Service("hook", web.webhook, PATIENT).send(MESSAGE) == Outcome("sent")
    ((path, body),) = web.came
    said = json.loads(body)
    assert path == "/hook/s3cret"
    assert (said["title"], said["message"]) == (MESSAGE.title, MESSAGE.body)
    assert said["type"] == "warning"


@pytest.mark.parametrize(("flag", "arrives"), [("", 32_768), ("?overflow=upstream", 50_005)])
def test_what_is_too_long_for_a_service_is_cut(web: Inbox, flag: str, arrives: int) -> None:
    """Unless its URL says otherwise; this kind takes 32,768 characters, a chat far less."""
    long = replace(MESSAGE, title="", body="words " * 8_334)
    assert Service("hook", f"{web.webhook}{flag}", PATIENT).send(long) == Outcome("sent")
    assert len(json.loads(web.came[0][1])["message"]) == pytest.approx(arrives, abs=200)


def test_a_mail_gets_there(mail: Inbox) -> None:
    assert Service("mail", mail.mail, PATIENT).send(MESSAGE) == Outcome("sent")
    ((_, text),) = mail.came
    sent = email.message_from_string(text)
    ((subject, charset),) = decode_header(sent["Subject"])
    shown = subject.decode(charset or "ascii") if isinstance(subject, bytes) else subject
    assert shown == MESSAGE.title
    assert "returns@shop.example" in sent["To"]
    assert sent.get_content_type() == "text/plain"
    payload = sent.get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert payload.decode().replace("\r\n", "\n").strip() == MESSAGE.body


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (500, "the service answered 500"),
        (404, "the service answered 404"),
        (429, "the service answered 429"),
    ],
)
def test_a_service_that_does_not_take_it_has_failed(web: Inbox, answer: str, why: str) -> None:
    web.answer = answer
    assert Service("hook", web.webhook, PATIENT).send(MESSAGE) == Outcome("failed", why)


@pytest.mark.parametrize("answer", [408, 504, "garbage"])
def test_a_service_may_have_taken_what_it_answers_oddly(web: Inbox, answer: int | str) -> None:
    """A proxy that lost patience, a connection that ends in the midst of the answer."""
    web.answer = answer
    outcome = Service("hook", web.webhook, PATIENT).send(MESSAGE)
    assert (outcome.arrival, "it may have arrived" in outcome.why) == ("unsure", True)


def test_a_service_without_encryption_where_some_is_wanted_is_a_failure(web: Inbox) -> None:
    outcome = Service("hook", f"jsons://127.0.0.1:{web.port}/x", PATIENT).send(MESSAGE)
    assert (outcome.arrival, "certificate" in outcome.why) == ("failed", True)


def test_a_mail_server_that_leaves_when_it_has_the_mail(mail: Inbox) -> None:
    mail.answer = "leave"
    outcome = Service("mail", mail.mail, PATIENT).send(MESSAGE)
    assert outcome == Outcome("unsure", "the connection broke off; it may have arrived")


def test_a_name_that_nobody_knows_is_a_failure() -> None:
    outcome = Service("hook", "json://no-such-host.invalid/x", PATIENT).send(MESSAGE)
    assert outcome == Outcome("failed", "the service cannot be reached")


def test_nobody_there_is_a_failure() -> None:
    with nobody() as inbox:
        hook, mail = (Service("x", url, PATIENT) for url in (inbox.webhook, inbox.mail))
        assert hook.send(MESSAGE) == Outcome("failed", "the service cannot be reached")
        assert mail.send(MESSAGE) == Outcome("failed", "the mail server does not answer")
        assert Heartbeat(inbox.heartbeat).test().arrival == "failed"


@pytest.mark.parametrize("kind", ["web", "mail"])
def test_a_slow_service_may_have_delivered(web: Inbox, mail: Inbox, kind: str) -> None:
    """Apprise alone would call both failed, after four and fifteen seconds."""
    inbox, url = (web, web.webhook) if kind == "web" else (mail, mail.mail)
    inbox.hold.clear()
    outcome = Service("x", url, IMPATIENT).send(MESSAGE)
    assert outcome == Outcome("unsure", "no answer within 2 s; it may have arrived")
    inbox.hold.set()
    wait_for(lambda: len(inbox.came) == 1, "what may have arrived")


def test_a_mail_server_that_never_greets_has_nothing(
    mail: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scoring.monitoring.alerts.channels.CONNECT_SECONDS", 0.2)
    mail.greets = False
    mail.hold.clear()
    # It is the greeting that is waited for no longer, and not the whole of it.
    outcome = Service("mail", mail.mail, PATIENT).send(MESSAGE)
    assert outcome == Outcome("failed", "the mail server does not answer")
    assert not mail.came


def test_a_mail_that_is_refused_is_a_failure(mail: Inbox) -> None:
    mail.answer = 451
    outcome = Service("mail", mail.mail, PATIENT).send(MESSAGE)
    assert (outcome.arrival, "refused" in outcome.why) == ("failed", True)


@pytest.mark.parametrize(
    "url", ["nope://s3cret", "slack://s3cret", "mailto://s3cret", "tgram://s3cret/s3cret"]
)
def test_a_url_that_apprise_cannot_use_is_said_without_being_shown(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        service = Service("x", url, PATIENT)
    assert url.split(":")[0] in service.trouble
    assert "s3cret" not in service.trouble
    assert service.send(MESSAGE) == Outcome("failed", service.trouble)


def test_a_plugin_that_raises_is_a_failure_whose_text_is_not_shown(
    web: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(web.webhook)

    service = Service("hook", web.webhook, PATIENT)
    monkeypatch.setattr(service, "_notify", broken)
    assert service.send(MESSAGE) == Outcome("failed", "Apprise failed with RuntimeError")


def test_no_outcome_shows_a_secret(web: Inbox, mail: Inbox) -> None:
    channels: list[Channel] = [
        Service("hook", web.webhook, PATIENT),
        Service("mail", mail.mail, PATIENT),
        Heartbeat(web.heartbeat),
    ]
    for answer in (200, 401, 503, "garbage"):
        web.answer = mail.answer = answer if answer != "garbage" else 550
        for channel in channels:
            outcome = channel.send(Message("n", "heartbeat", "start", "t", "b"))
            assert "s3cret" not in outcome.why
            assert "127.0.0.1" not in outcome.why


# The heartbeat


@pytest.mark.parametrize(
    ("kind", "path"), [("start", "/start"), ("success", ""), ("fail", "/fail")]
)
def test_a_ping_has_the_form_of_healthchecks(web: Inbox, kind: str, path: str) -> None:
    message = Message("2026-11-25", "heartbeat", kind, "124 images", "run r1")  # type: ignore[arg-type]
    assert Heartbeat(f"{web.heartbeat}/").send(message) == Outcome("sent")
    expected = f"/ping/s3cret{path}?rid={run_uuid('2026-11-25')}"
    assert web.came == [(expected, "124 images\nrun r1")]


def test_the_id_is_the_runs_own() -> None:
    assert run_uuid("2026-11-25") == run_uuid("2026-11-25") != run_uuid("2026-11-26")
    assert ping_url("https://x.example/a?k=1", "fail", "n").startswith(
        "https://x.example/a/fail?k=1&rid="
    )


@pytest.mark.parametrize("answer", [404, 302, 500, "garbage"])
def test_a_ping_that_was_not_taken_has_failed(web: Inbox, answer: int) -> None:
    web.answer = answer
    assert Heartbeat(web.heartbeat).test().arrival == "failed"


def test_a_test_of_the_heartbeat_is_no_run(web: Inbox) -> None:
    assert Heartbeat(web.heartbeat).test() == Outcome("sent")
    assert web.came[0][0].startswith("/ping/s3cret/log?rid=")


def test_the_channels_are_those_of_the_settings(settings: Settings, web: Inbox) -> None:
    assert channels_of(settings) == {}
    alerts = AlertSettings(urls={"a": web.webhook, "b": "nope://x"}, heartbeat=web.heartbeat)
    channels = channels_of(settings.replaced(alerts=alerts))
    assert list(channels) == ["heartbeat", "a", "b"]
    assert [bool(one.trouble) for one in channels.values()] == [False, False, True]
