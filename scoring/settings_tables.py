"""The tables of the settings, with every default: what each key may be.

``settings.toml`` explains them line by line; ``settings`` puts the tables together.
"""

import itertools
import os
import re
from collections.abc import Mapping
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta

from scoring.protocol.addresses import check_host, check_url
from scoring.protocol.checking import Before
from scoring.protocol.file_names import as_file_name, as_text
from scoring.settings_section import Secret, Section

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


def _as_header_value(key: Secret) -> Secret:
    """A key travels in an HTTP header, which has room for these characters only (RFC 6750)."""
    text = key.reveal()
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


def _as_one_text(value: Any) -> Any:
    """A list is as good as commas; one text goes through flags and environment as it is."""
    if isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value):
        return ",".join(value)
    return value


def _are_urls(value: str) -> str:
    """Refuse what no request can go to, and a password that logs would show."""
    return ",".join(check_url(url.strip()) for url in value.split(",")) if value else value


def _time_of_day(value: Any) -> time:
    """A bare number would be taken for seconds after midnight, an offset be dropped."""
    if isinstance(value, time) and value.tzinfo is None:
        return value
    if not isinstance(value, str) or not CLOCK_TIME.fullmatch(value):
        raise ValueError('give a time of day in quotes, like "18:00"')
    return time.fromisoformat(value)


def _minutes_or_never(value: Any) -> float | str:
    if isinstance(value, str) and value.lower() == "never":
        return "never"
    try:
        minutes = float(value)
    except (TypeError, ValueError, OverflowError):
        minutes = -1.0
    if not 0 < minutes <= WEEK_MINUTES:
        raise ValueError('give minutes above 0 and at most a week, or "never"')
    return minutes


def _known_zone(name: str) -> str:
    if name:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{name!r} is no IANA time zone, like Europe/Berlin") from error
    return name


Key = Annotated[Secret, _as_header_value]
Place = Annotated[Path, _as_place]
Host = Annotated[str, check_host]
Hops = Annotated[int, Meta(ge=0, le=MOST_PROXIES)]
Port = Annotated[int, Meta(ge=0, le=65_535)]
Threads = Annotated[int, Meta(ge=0, le=MOST_THREADS)]
Pixels = Annotated[int, Meta(ge=1, le=MOST_PIXELS)]
Bytes = Annotated[int, Meta(ge=1, le=MOST_BYTES)]
Days = Annotated[int, Meta(ge=1, le=CENTURY_DAYS)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Share = Annotated[float, Meta(ge=0, le=1)]
UpToAnHour = Annotated[float, Meta(gt=0, le=HOUR)]
UpToADay = Annotated[float, Meta(gt=0, le=DAY)]


class BehindProxies(Section):
    """How many proxies before a program are believed, header by header."""

    forwarded_for: Hops = 0
    forwarded_proto: Hops = 0
    forwarded_host: Hops = 0
    forwarded_prefix: Hops = 0

    @property
    def has_proxy(self) -> bool:
        """Whether others reach the program through a proxy, wherever it listens itself."""
        hops = (self.forwarded_for, self.forwarded_proto, self.forwarded_host)
        return any((*hops, self.forwarded_prefix))


class ServerSettings(BehindProxies):
    """The prediction API."""

    host: Host = "127.0.0.1"
    port: Port = 5000
    models: tuple[Place, ...] = (Path("fashion_model"),)
    threads: Threads = 0
    waiting: Annotated[int, Meta(ge=0, le=100_000)] = 64
    large_request_bytes: Annotated[int, Meta(ge=0, le=2_000_000_000)] = 262_144
    large_threads: Annotated[int, Meta(ge=1, le=MOST_THREADS)] = 3
    large_waiting: Annotated[int, Meta(ge=0, le=100_000)] = 8
    inference_threads: Threads = 0
    connections: Annotated[int, Meta(ge=2, le=100_000)] = 200
    max_request_bytes: Annotated[int, Meta(ge=1024, le=2_000_000_000)] = 16_000_000
    max_memory_bytes: Annotated[int, Meta(ge=1_000_000, le=1_000_000_000_000)] = 1_100_000_000
    max_rows: Annotated[int, Meta(ge=1, le=10_000_000)] = 20_000
    max_image_pixels: Pixels = 100_000_000
    # The forms of a request nest 4 deep; the parser itself goes to 1,024.
    max_json_depth: Annotated[int, Meta(ge=4, le=1024)] = 32
    images: Place | Literal[""] = ""
    ready_seconds: UpToADay = 60.0
    stop_seconds: UpToAnHour = 10.0
    api_key: Key | None = None
    allow_anonymous: bool = False
    keep_submissions: bool = False


class ClientSettings(Section):
    """The batch job and its retries."""

    server: Annotated[str, Before(_as_one_text), _are_urls] = ""
    model: str = ""
    api_key: Key | None = None
    tries: Annotated[int, Meta(ge=1, le=10_000)] = 3
    retry_seconds: Annotated[float, Meta(ge=0, le=DAY)] = 60.0
    max_retry_after_seconds: Annotated[float, Meta(ge=0, le=WEEK)] = 600.0
    connect_seconds: UpToAnHour = 5.0
    read_seconds: UpToADay = 120.0
    chunk_rows: Annotated[int, Meta(ge=1, le=1_000_000)] = 512
    chunk_bytes: Annotated[int, Meta(ge=1024, le=1_000_000_000)] = 2_000_000
    chunks_in_flight: Annotated[int, Meta(ge=1, le=64)] = 2
    compression: Literal["auto", "none", "zlib"] = "auto"
    decode_threads: Threads = 0
    max_file_bytes: Bytes = 64_000_000
    max_image_pixels: Pixels = 100_000_000
    max_failed_percent: Percent = 20.0
    stop_seconds: UpToAnHour = 20.0

    @property
    def servers(self) -> tuple[str, ...]:
        """The URLs of the servers, each once; none: this machine's own."""
        return tuple(dict.fromkeys(url.rstrip("/") for url in self.server.split(",") if url))


class ScheduleSettings(Section):
    """When the nightly run starts, and what it covers."""

    start_at: Annotated[time, Before(_time_of_day)] = time(18, 0)
    client_after: Annotated[float, Meta(ge=0, le=WEEK_MINUTES)] = 5.0
    stop_after: Annotated[float | Literal["never"], Before(_minutes_or_never)] = 30.0
    zone: Annotated[str, _known_zone] = ""
    start_server: bool = True
    batches: tuple[str, ...] = ()
    catch_up_hours: Annotated[float, Meta(ge=0, le=YEAR_HOURS)] = 20.0
    settle_seconds: Annotated[float, Meta(ge=0, le=WEEK)] = 5.0

    def agree(self) -> None:
        """Raise ValueError where no window is left."""
        if self.stop_after != "never" and self.client_after >= self.stop_after:
            raise ValueError("client_after must be less than stop_after")


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

    others = BatchSettings

    litter: tuple[str, ...] = LITTER
    file_seconds: UpToADay = 60.0
    decoded_bytes: Bytes = 1_000_000_000

    @property
    def tables(self) -> Mapping[str, BatchSettings]:
        """Return the tables of single batches by the names that stand in the settings."""
        return cast(Mapping[str, BatchSettings], self.further)

    @property
    def models(self) -> dict[str, str]:
        """Return which batch has which model, both by name; those without are not in it."""
        return {name: table.model for name, table in self.tables.items() if table.model}


# Files that have a place of their own, and what those in the logs' folder begin with.
OWN_FILES = ("results", "ledger", "pictures")
LOG_FILES = ("Events-log", "Metrics-log", "report.", "server.log")


class PathSettings(Section):
    """Where things lie; relative to the project folder."""

    batches: Place = Path("image_batches")
    results: Place = Path("Results.csv")
    ledger: Place = Path("data/ledger.db")
    logs: Place = Path("logs")
    pictures: Place = Path("data/pictures.db")
    models: Place = Path("data/models")

    def agree(self) -> None:
        """Raise ValueError where one file would be written over by another."""
        own = {name: os.path.normpath(getattr(self, name)) for name in OWN_FILES}
        for one, other in itertools.combinations(own, 2):
            if own[one] == own[other]:
                raise ValueError(f"{one} and {other} must not be the same file")
        for name, path in own.items():
            folder, file = os.path.split(path)
            if folder == os.path.normpath(self.logs) and file.startswith(LOG_FILES):
                raise ValueError(f"{name} must not be {path}, which this software writes itself")


class ResultsSettings(Section):
    """How Results.csv and the metrics log are written."""

    separator: Literal[",", ";", "\t"] = ","
    decimal: Literal[".", ","] = "."


class RecordsSettings(Section):
    """The ledger and the logs."""

    main_model: str = "fashion"
    busy_seconds: Annotated[float, Meta(ge=0, le=DAY)] = 30.0
    log_bytes: Annotated[int, Meta(ge=10_000, le=MOST_BYTES)] = 5_000_000
    log_files: Annotated[int, Meta(ge=1, le=1_000)] = 5
    keep_days: Days = 400
    runs_keep_days: Days = 90
    backups: Days = 7
    low_disk_bytes: Annotated[int, Meta(ge=0, le=MOST_BYTES)] = 1_000_000_000
    pictures_bytes: Annotated[int, Meta(ge=0, le=MOST_BYTES)] = 1_000_000_000
    uncertain_pictures: Annotated[int, Meta(ge=0, le=100_000)] = 20
    audit: Annotated[int, Meta(ge=0, le=100_000)] = 60


class DeskSettings(BehindProxies):
    """The desk: where people look at pictures and say what they show."""

    host: Host = "127.0.0.1"
    port: Port = 5050
    key: Key | None = None
    blind: bool = True
    lease_seconds: UpToADay = 120.0
    days: Days = 14


NO_THRESHOLDS: dict[str, dict[str, Share]] = {}


class MonitoringSettings(Section):
    """What is thought of a night; ``thresholds`` of mean confidence by model, then by class."""

    min_images: Annotated[int, Meta(ge=1, le=10_000_000)] = 100
    calibration_days: Days = 365
    thresholds: dict[str, dict[str, Share]] = NO_THRESHOLDS
