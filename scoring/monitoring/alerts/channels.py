"""Ways to a person: Apprise's services and the heartbeat; what came of a try, in words of ours.

Neither a URL nor a text of Apprise's or requests' own is handed on: they may show a password.
Apprise is loaded here and nowhere else.
"""

from __future__ import annotations

import importlib.util
import logging
import re
import smtplib
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import urlsplit, urlunsplit

from msgspec import Struct

from scoring.records.alerts import Message
from scoring.settings import HEARTBEAT, Settings

if TYPE_CHECKING:
    from apprise import AppriseResult

Arrival = Literal["sent", "unsure", "failed"]
# Until a service must have accepted a connection.
CONNECT_SECONDS = 5.0
# A heartbeat's answer is two letters.
PING_SECONDS = 10.0
# Apprise's own patience must outlast ours: what it gives up by itself it calls failed.
PATIENCE = 2.0
STATUS = re.compile(r"\berror=(\d{3})\b")
# A time-out that a proxy tells of: behind it the service may have taken the message.
SLOW_STATUSES = frozenset({"408", "504"})
# The message was on its way or there when the connection ended.
BROKE_OFF = re.compile(
    r"connection (aborted|broken|unexpectedly closed)|incompleteread|read timed out"
    r"|reset by peer|broken pipe",
    re.I,
)
NOT_TRUSTED = re.compile(r"ssl|certificate", re.I)
NOT_REACHED = re.compile(r"connection|timed? ?out|resolve|unreachable|refused", re.I)
PATHS = {"start": "/start", "success": "", "fail": "/fail", "log": "/log"}
TEST = "This is a test: messages like this one say what a night's run came to."
NOT_INSTALLED = "apprise is not installed: pip install -r requirements-scoring.txt"


class Outcome(Struct, frozen=True):
    """What came of a try; ``why`` is one line without secrets, empty where it went."""

    arrival: Arrival
    why: str = ""


SENT = Outcome("sent")


class Channel(Protocol):
    """One way to a person; ``trouble``: why it cannot be used at all, empty where it can."""

    name: str
    trouble: str
    # Whether a message that may have arrived can be sent once more without harm.
    repeats: bool

    def send(self, message: Message) -> Outcome:
        """Try once, within bounds, and raise nothing."""

    def test(self) -> Outcome:
        """Show whether it works, with a message that says it is a test."""


def channels_of(settings: Settings) -> dict[str, Channel]:
    """Return every channel of the settings by its name."""
    alerts = settings.alerts
    found: dict[str, Channel] = {}
    if alerts.heartbeat:
        found[HEARTBEAT] = Heartbeat(alerts.heartbeat.reveal())
    for name, url in alerts.urls.items():
        found[name] = Service(name, url.reveal(), alerts.seconds)
    return found


class Service:
    """One URL of Apprise's, notified apart from the others so that each has its own outcome."""

    repeats = False

    def __init__(self, name: str, url: str, seconds: float) -> None:
        self.name = name
        self._url = url
        self._seconds = seconds
        self.trouble = "" if self._is_installed() else NOT_INSTALLED
        if not self.trouble and self._open() is None:
            scheme = url.split("://")[0]
            why = "a part of it, or a package that it needs, is wrong or missing"
            self.trouble = f"Apprise cannot use this {scheme}:// URL: {why}"

    @staticmethod
    def _is_installed() -> bool:
        return importlib.util.find_spec("apprise") is not None

    def _open(self) -> Any:
        """Return the service; None where Apprise makes none of the URL.

        Anew for each message: one that is used again waits some seconds between two, and they
        would count as the service's.
        """
        import apprise

        asset = apprise.AppriseAsset(
            app_id="Garment scorer", app_desc="Garment scorer", storage_mode="memory"
        )
        try:
            service: Any = apprise.Apprise.instantiate(self._url, asset=asset)
        except Exception:  # of a plugin's own parsing; its text may show the URL
            return None
        if service is not None:
            service.socket_read_timeout = PATIENCE * self._seconds
            if "overflow=" not in self._url.lower():
                # A chat refuses what is too long for it, and would refuse it all day.
                service.overflow_mode = apprise.OverflowMode.TRUNCATE
            if _is_mail(service):
                service.socket_connect_timeout = PATIENCE * self._seconds
        return service

    def send(self, message: Message) -> Outcome:
        """Try once; a service that takes too long may have delivered.

        Of mail Apprise bounds every step by one time: that the server is there is found out first,
        or one that is down would pass for slow.
        """
        if self.trouble:
            return Outcome("failed", self.trouble)
        try:
            return self._try(message)
        except Exception as error:  # a plugin's own; its text may show the URL
            return Outcome("failed", f"Apprise failed with {type(error).__name__}")

    def _try(self, message: Message) -> Outcome:
        service = self._open()
        if _is_mail(service) and not _greets(service):
            return Outcome("failed", "the mail server does not answer")
        return self._judge(self._notify(service, message), _is_mail(service))

    def test(self) -> Outcome:
        return self.send(Message("test", "test", "report", "Test of the garment scorer", TEST))

    def _notify(self, service: Any, message: Message) -> AppriseResult:
        from apprise import Apprise, NotifyFormat, NotifyType

        # All that is said is looked at, for what it was that failed; and shown nowhere.
        log = logging.getLogger("apprise")
        log.propagate = False
        log.setLevel(logging.DEBUG)
        kinds = {"problem": NotifyType.WARNING, "recovery": NotifyType.SUCCESS}
        sender = Apprise(service)
        return sender.notify(
            body=message.body,
            title=message.title,
            notify_type=kinds.get(message.kind, NotifyType.INFO),
            body_format=NotifyFormat.TEXT,
            interpret_escapes=False,
            timeout=self._seconds,
            log_level=logging.DEBUG,
        )

    def _judge(self, result: AppriseResult, is_mail: bool) -> Outcome:
        """Read Apprise 2's result: true, or why not; the text is our own."""
        from apprise import AppriseResultStatus

        if result.status == AppriseResultStatus.SUCCESS:
            return SENT
        if result.status == AppriseResultStatus.TIMEOUT:
            return Outcome("unsure", f"no answer within {self._seconds:g} s; it may have arrived")
        return _read(" ".join(str(entry.message) for entry in result.logs()), is_mail)


def _read(said: str, is_mail: bool) -> Outcome:
    """Make an outcome of what Apprise logged; nothing of it is handed on."""
    status = STATUS.search(said)
    if status and status[1] not in SLOW_STATUSES:
        return Outcome("failed", f"the service answered {status[1]}")
    if status:
        return Outcome("unsure", f"the service answered {status[1]}; it may have arrived")
    if BROKE_OFF.search(said):
        return Outcome("unsure", "the connection broke off; it may have arrived")
    if NOT_TRUSTED.search(said):
        return Outcome("failed", "the service's certificate or encryption is not accepted")
    if is_mail:  # it had greeted
        return Outcome("failed", "the mail server refused it: see user, password, addresses")
    if NOT_REACHED.search(said):
        return Outcome("failed", "the service cannot be reached")
    return Outcome("failed", "the service did not take it")


def _is_mail(service: Any) -> bool:
    return hasattr(service, "smtp_host")


def _greets(service: Any) -> bool:
    """Tell whether a mail server is there and says so; nothing is sent."""
    secure = str(getattr(service, "secure_mode", "")) == "ssl"
    connect = smtplib.SMTP_SSL if secure else smtplib.SMTP
    try:
        connection = connect(service.smtp_host, service.port, timeout=CONNECT_SECONDS)
    except (OSError, smtplib.SMTPException):
        return False
    with suppress(OSError, smtplib.SMTPException):
        connection.quit()
    return True


class Heartbeat:
    """A URL that is asked when a night's run starts, and how it ended; as healthchecks.io has it.

    It notices what nobody can tell of: a machine that is off.
    """

    name = HEARTBEAT
    trouble = ""
    # One run's pings bear one id: what comes twice is one.
    repeats = True

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, message: Message) -> Outcome:
        """Ping once; ``message.run_id`` is the night."""
        return self._ping(message.kind, message.run_id, f"{message.title}\n{message.body}")

    def test(self) -> Outcome:
        """Post to its log: a start or an end would be taken for a run's."""
        return self._ping("log", "test", TEST)

    def _ping(self, kind: str, night: str, text: str) -> Outcome:
        """Post ``text`` to the URL of a kind, with the id of the night's run."""
        import requests

        try:
            with requests.post(
                ping_url(self._url, kind, night),
                data=text.encode("utf-8"),
                timeout=(CONNECT_SECONDS, PING_SECONDS),
                allow_redirects=False,
                stream=True,  # what it says is of no use
            ) as answer:
                status = answer.status_code
        except (requests.RequestException, ValueError, OSError):
            return Outcome("failed", "the heartbeat's URL cannot be reached")
        return SENT if status < 300 else Outcome("failed", f"the heartbeat's URL answered {status}")


def ping_url(url: str, kind: str, night: str) -> str:
    """Return where a ping goes: ``<url>/start?rid=<uuid of the run>``."""
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, f"rid={run_uuid(night)}")))
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") + PATHS[kind], query, ""))


def run_uuid(night: str) -> uuid.UUID:
    """Return the id of a night's run, the same however often it is begun."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"garment-scorer/nightly/{night}")
