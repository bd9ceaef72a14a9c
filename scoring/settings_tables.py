"""The tables of the settings, with every default: what each key may be.

``settings.toml`` explains them line by line; ``settings`` puts the tables together.
"""

from __future__ import annotations

import os
import re
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from scoring.protocol.addresses import check_host, check_url
from scoring.protocol.errors import SettingsError
from scoring.protocol.file_names import as_file_name, as_text
from scoring.settings_sources import explain_table

CLOCK_TIME = re.compile(r"\d\d:\d\d(:\d\d)?")
WEEK_MINUTES = 7 * 24 * 60
YEAR_HOURS = 366 * 24
HOUR, DAY, WEEK = 3_600.0, 86_400.0, 604_800.0
CENTURY_DAYS = 36_500
# More is a slip of the hand, and some of it more than a clock, a socket or a date can hold.
MOST_THREADS = 1_000
MOST_PROXIES = 16
MOST_BYTES = 10**15
# OpenCV's own cap.
MOST_PIXELS = 2**30
LONGEST_NAME_BYTES = 255


class Section(BaseModel):
    """One table of the settings file."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_number_is_true(cls, value: Any, info: ValidationInfo) -> Any:
        assert info.field_name
        if isinstance(value, bool) and cls.model_fields[info.field_name].annotation is not bool:
            raise ValueError("this is not a matter of true or false")
        return value

    def changed(self, **given: Any) -> Self:
        """Return it with some keys changed, by the same rules; raises SettingsError naming them."""
        try:
            return type(self)(**{**self.model_dump(), **given})
        except ValidationError as error:
            # Not "from error": its text may show a key.
            raise SettingsError(explain_table(error)) from None


def _as_header_value(key: SecretStr) -> SecretStr:
    """A key travels in an HTTP header, which has room for these characters only (RFC 6750)."""
    text = key.get_secret_value()
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("a key has printable ASCII characters and no spaces")
    return key


def _as_place(path: Path) -> Path:
    """A path that a system can open, if it is there."""
    text = as_text(os.fspath(path))
    too_long = any(len(os.fsencode(as_file_name(part))) > LONGEST_NAME_BYTES for part in path.parts)
    if text in ("", ".") or not text.isprintable() or too_long:
        raise ValueError("give the path of a file or folder")
    return path


Key = Annotated[SecretStr, AfterValidator(_as_header_value)]
Place = Annotated[Path, AfterValidator(_as_place)]
Host = Annotated[str, AfterValidator(check_host)]


class BehindProxies(Section):
    """How many proxies before a program are believed, header by header."""

    forwarded_for: int = Field(0, ge=0, le=MOST_PROXIES)
    forwarded_proto: int = Field(0, ge=0, le=MOST_PROXIES)
    forwarded_host: int = Field(0, ge=0, le=MOST_PROXIES)
    forwarded_prefix: int = Field(0, ge=0, le=MOST_PROXIES)

    @property
    def has_proxy(self) -> bool:
        """Whether others reach the program through a proxy, wherever it listens itself."""
        hops = (self.forwarded_for, self.forwarded_proto, self.forwarded_host)
        return any((*hops, self.forwarded_prefix))


class ServerSettings(BehindProxies):
    """The prediction API."""

    host: Host = "127.0.0.1"
    port: int = Field(5000, ge=0, le=65535)
    models: tuple[Place, ...] = (Path("fashion_model"),)
    threads: int = Field(0, ge=0, le=MOST_THREADS)
    waiting: int = Field(64, ge=0, le=100_000)
    large_request_bytes: int = Field(262_144, ge=0, le=2_000_000_000)
    large_threads: int = Field(3, ge=1, le=MOST_THREADS)
    large_waiting: int = Field(8, ge=0, le=100_000)
    inference_threads: int = Field(0, ge=0, le=MOST_THREADS)
    connections: int = Field(200, ge=2, le=100_000)
    max_request_bytes: int = Field(16_000_000, ge=1024, le=2_000_000_000)
    max_memory_bytes: int = Field(1_100_000_000, ge=1_000_000, le=1_000_000_000_000)
    max_rows: int = Field(20_000, ge=1, le=10_000_000)
    max_image_pixels: int = Field(100_000_000, ge=1, le=MOST_PIXELS)
    # The forms of a request nest 4 deep; the parser itself goes to 1,024.
    max_json_depth: int = Field(32, ge=4, le=1024)
    images: Place | Literal[""] = ""
    ready_seconds: float = Field(60.0, gt=0, le=DAY)
    stop_seconds: float = Field(10.0, gt=0, le=HOUR)
    api_key: Key | None = None
    allow_anonymous: bool = False
    keep_submissions: bool = False


class ClientSettings(Section):
    """The batch job and its retries."""

    server: str = ""
    model: str = ""
    api_key: Key | None = None
    tries: int = Field(3, ge=1, le=10_000)
    retry_seconds: float = Field(60.0, ge=0, le=DAY)
    max_retry_after_seconds: float = Field(600.0, ge=0, le=WEEK)
    connect_seconds: float = Field(5.0, gt=0, le=HOUR)
    read_seconds: float = Field(120.0, gt=0, le=DAY)
    chunk_rows: int = Field(512, ge=1, le=1_000_000)
    chunk_bytes: int = Field(2_000_000, ge=1024, le=1_000_000_000)
    chunks_in_flight: int = Field(2, ge=1, le=64)
    compression: Literal["auto", "none", "zlib"] = "auto"
    decode_threads: int = Field(0, ge=0, le=MOST_THREADS)
    max_file_bytes: int = Field(64_000_000, ge=1, le=MOST_BYTES)
    max_image_pixels: int = Field(100_000_000, ge=1, le=MOST_PIXELS)
    max_failed_percent: float = Field(20.0, ge=0, le=100)

    @field_validator("server", mode="before")
    @classmethod
    def _as_one_text(cls, value: Any) -> Any:
        """A list is as good as commas; one text goes through flags and environment as it is."""
        if isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value):
            return ",".join(value)
        return value

    @field_validator("server")
    @classmethod
    def _are_urls(cls, value: str) -> str:
        """Refuse what no request can go to, and a password that logs would show."""
        return ",".join(check_url(url.strip()) for url in value.split(",")) if value else value

    @property
    def servers(self) -> tuple[str, ...]:
        """The URLs of the servers, each once; none: this machine's own."""
        return tuple(dict.fromkeys(url.rstrip("/") for url in self.server.split(",") if url))

    stop_seconds: float = Field(20.0, gt=0, le=HOUR)


class ScheduleSettings(Section):
    """When the nightly run starts, and what it covers."""

    start_at: time = time(18, 0)
    client_after: float = Field(5.0, ge=0, le=WEEK_MINUTES)
    stop_after: float | Literal["never"] = 30.0
    zone: str = ""
    start_server: bool = True
    batches: tuple[str, ...] = ()
    catch_up_hours: float = Field(20.0, ge=0, le=YEAR_HOURS)
    settle_seconds: float = Field(5.0, ge=0, le=WEEK)

    @field_validator("start_at", mode="before")
    @classmethod
    def _time_of_day(cls, value: Any) -> Any:
        """A bare number would be taken for seconds after midnight, an offset be dropped."""
        if isinstance(value, str) and CLOCK_TIME.fullmatch(value):
            return value
        if isinstance(value, time) and value.tzinfo is None:
            return value
        raise ValueError('give a time of day in quotes, like "18:00"')

    @field_validator("stop_after", mode="before")
    @classmethod
    def _minutes_or_never(cls, value: Any) -> float | str:
        if isinstance(value, str) and value.lower() == "never":
            return "never"
        try:
            minutes = float(value)
        except (TypeError, ValueError, OverflowError):
            minutes = -1.0
        if isinstance(value, bool) or not 0 < minutes <= WEEK_MINUTES:
            raise ValueError('give minutes above 0 and at most a week, or "never"')
        return minutes

    @model_validator(mode="after")
    def _has_window(self) -> Self:
        if self.stop_after != "never" and self.client_after >= self.stop_after:
            raise ValueError("client_after must be less than stop_after")
        return self

    @field_validator("zone")
    @classmethod
    def _known(cls, value: str) -> str:
        if value:
            try:
                ZoneInfo(value)
            except (ZoneInfoNotFoundError, ValueError, OSError) as error:
                raise ValueError(f"{value!r} is no IANA time zone, like Europe/Berlin") from error
        return value


# What desktops, network drives and downloads leave among the pictures of their users.
LITTER = (
    *("@eaDir", "@tmp", "@Recycle", "@Recently-Snapshot", "@Transcode", ".@__thumb", "#recycle"),
    *("#snapshot", "~snapshot", ".snapshot", ".zfs", "lost+found", "lost.dir", "FOUND.[0-9]*"),
    *("$RECYCLE.BIN", "RECYCLER", "RECYCLED", "System Volume Information", ".Trash", ".Trash-*"),
    *(".Trashes", "Network Trash Folder", "Temporary Items", "TheVolumeSettingsFolder"),
    *("__MACOSX", ".AppleD*", "._*", ".DS_Store", "Icon\r", ".picasaoriginals", ".thumbnails"),
    *("Thumbs.db*", "ehthumbs*.db", "desktop.ini", "~$*", ".~lock.*", "*~", "*.swp"),
    *("*.part", "*.partial", "*.filepart", "*.crdownload", "*.download", "*.opdownload"),
    *("*.aria2", "*.!ut", "*.!qB", "*.rclone_chunk.*", "*.tmp", "*.temp"),
)


class BatchSettings(Section):
    """What holds for one batch alone; ``model`` is the name of the one that scores it."""

    model: str = ""


class BatchesSettings(Section):
    """What of a batch's folder is read, and what reading may take.

    Every further key is a batch's name, its value the table of that batch.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, BatchSettings]

    @property
    def tables(self) -> dict[str, BatchSettings]:
        """Return the tables of single batches by the names that stand in the settings."""
        return self.__pydantic_extra__

    @property
    def models(self) -> dict[str, str]:
        """Return which batch has which model, both by name; those without are not in it."""
        return {name: table.model for name, table in self.tables.items() if table.model}

    litter: tuple[str, ...] = LITTER
    file_seconds: float = Field(60.0, gt=0, le=86_400)
    decoded_bytes: int = Field(1_000_000_000, ge=1, le=MOST_BYTES)


class PathSettings(Section):
    """Where things lie; relative to the project folder."""

    batches: Place = Path("image_batches")
    results: Place = Path("Results.csv")
    ledger: Place = Path("data/ledger.db")
    logs: Place = Path("logs")
    pictures: Place = Path("data/pictures.db")
    models: Place = Path("data/models")


class ResultsSettings(Section):
    """How Results.csv and the metrics log are written."""

    separator: Literal[",", ";", "\t"] = ","
    decimal: Literal[".", ","] = "."


class RecordsSettings(Section):
    """The ledger and the logs."""

    main_model: str = "fashion"
    busy_seconds: float = Field(30.0, ge=0, le=DAY)
    log_bytes: int = Field(5_000_000, ge=10_000, le=MOST_BYTES)
    log_files: int = Field(5, ge=1, le=1_000)
    keep_days: int = Field(400, ge=1, le=CENTURY_DAYS)
    runs_keep_days: int = Field(90, ge=1, le=CENTURY_DAYS)
    backups: int = Field(7, ge=1, le=CENTURY_DAYS)
    low_disk_bytes: int = Field(1_000_000_000, ge=0, le=MOST_BYTES)
    pictures_bytes: int = Field(1_000_000_000, ge=0, le=MOST_BYTES)
    uncertain_pictures: int = Field(20, ge=0, le=100_000)
    audit: int = Field(60, ge=0, le=100_000)


class DeskSettings(BehindProxies):
    """The desk: where people look at pictures and say what they show."""

    host: Host = "127.0.0.1"
    port: int = Field(5050, ge=0, le=65535)
    key: Key | None = None
    blind: bool = True
    lease_seconds: float = Field(120.0, gt=0, le=DAY)
    days: int = Field(14, ge=1, le=CENTURY_DAYS)


Share = Annotated[float, Field(ge=0, le=1)]


class MonitoringSettings(Section):
    """What is thought of a night; ``thresholds`` of mean confidence by model, then by class."""

    min_images: int = Field(100, ge=1, le=10_000_000)
    calibration_days: int = Field(365, ge=1, le=CENTURY_DAYS)
    thresholds: dict[str, dict[str, Share]] = {}
