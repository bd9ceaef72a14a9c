"""The table of the settings that says who is told of what."""

import re
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from msgspec import Meta

from scoring.protocol.checking import Before
from scoring.settings_section import Secret, Section
from scoring.settings_tables import HOUR, Days, Percent

# What somebody is told of, in the order in which they are judged.
RuleName = Literal[
    "run-failed",
    "run-partial",
    "run-missed",
    "error-share",
    "ledger-restored",
    "drift",
    "low-accuracy",
    "retrain-advised",
    "nothing-to-score",
    "disk-nearly-full",
]
HEARTBEAT = "heartbeat"
# Not compiled before there are URLs: on many machines there are none.
CHANNEL_NAME = r"[\w.-]{1,40}"
CHANNEL_URL = r"([A-Za-z][A-Za-z0-9+.-]*)://\S"


def _with_names(value: Any) -> Any:
    """Name the URLs of a bare list by their kind: ``mailto``, ``mailto-2``."""
    if not isinstance(value, list | tuple):
        return value
    named: dict[str, Any] = {}
    for url in value:
        scheme = re.match(CHANNEL_URL, url) if isinstance(url, str) else None
        kind = scheme[1].lower() if scheme else "channel"
        number = sum(name.split("-")[0] == kind for name in named) + 1
        named[kind if number == 1 else f"{kind}-{number}"] = url
    return named


def _can_be_told_by(urls: dict[str, Secret]) -> dict[str, Secret]:
    for name, url in urls.items():
        if not re.fullmatch(CHANNEL_NAME, name) or name == HEARTBEAT:
            raise ValueError("give each URL a short name of letters and digits, like mail")
        if not re.match(CHANNEL_URL, url.reveal()):
            raise ValueError(f"{name} is no URL of Apprise, like mailto://…")
    return urls


def _can_be_pinged(heartbeat: Secret | None) -> Secret | None:
    """Refuse what no request can go to; an empty one is none."""
    url = heartbeat.reveal() if heartbeat else ""
    if url and (not re.match(r"https?://", url, re.I) or not urlsplit(url).hostname):
        raise ValueError("give a URL, like https://hc-ping.com/…")
    return heartbeat if url else None


NOBODY: dict[str, Secret] = {}


class AlertSettings(Section):
    """Who is told of what; the URLs hold passwords and tokens."""

    urls: Annotated[dict[str, Secret], Before(_with_names), _can_be_told_by] = NOBODY
    heartbeat: Annotated[Secret | None, _can_be_pinged] = None
    rules: tuple[RuleName, ...] = get_args(RuleName)
    failed_percent: Percent = 5.0
    accuracy_percent: Percent = 80.0
    remind_days: Days = 7
    by_hand: bool = False
    morning: bool = False
    seconds: Annotated[float, Meta(ge=1, le=HOUR)] = 30.0
