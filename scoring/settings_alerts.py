"""The table of the settings that says who is told of what."""

from __future__ import annotations

import re
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from scoring.settings_tables import CENTURY_DAYS, HOUR, Section

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
CHANNEL_NAME = re.compile(r"[\w.-]{1,40}")
CHANNEL_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://\S")


class AlertSettings(Section):
    """Who is told of what; the URLs hold passwords and tokens."""

    urls: dict[str, SecretStr] = Field(default_factory=dict)
    heartbeat: SecretStr | None = None
    rules: tuple[RuleName, ...] = get_args(RuleName)
    failed_percent: float = Field(5.0, ge=0, le=100)
    accuracy_percent: float = Field(80.0, ge=0, le=100)
    remind_days: int = Field(7, ge=1, le=CENTURY_DAYS)
    by_hand: bool = False
    morning: bool = False
    seconds: float = Field(30.0, ge=1, le=HOUR)

    @field_validator("urls", mode="before")
    @classmethod
    def _with_names(cls, value: Any) -> Any:
        """Name the URLs of a bare list by their kind: ``mailto``, ``mailto-2``."""
        if not isinstance(value, list | tuple):
            return value
        named: dict[str, Any] = {}
        for url in value:
            scheme = CHANNEL_URL.match(url) if isinstance(url, str) else None
            kind = scheme[1].lower() if scheme else "channel"
            number = sum(name.split("-")[0] == kind for name in named) + 1
            named[kind if number == 1 else f"{kind}-{number}"] = url
        return named

    @field_validator("urls")
    @classmethod
    def _can_be_told_by(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, url in value.items():
            if not CHANNEL_NAME.fullmatch(name) or name == HEARTBEAT:
                raise ValueError("give each URL a short name of letters and digits, like mail")
            if not CHANNEL_URL.match(url.get_secret_value()):
                raise ValueError(f"{name} is no URL of Apprise, like mailto://…")
        return value

    @field_validator("heartbeat")
    @classmethod
    def _can_be_pinged(cls, value: SecretStr | None) -> SecretStr | None:
        """Refuse what no request can go to; an empty one is none."""
        url = value.get_secret_value() if value else ""
        if url and (not re.match(r"https?://", url, re.I) or not urlsplit(url).hostname):
            raise ValueError("give a URL, like https://hc-ping.com/…")
        return value if url else None
