"""One settings class: the only home of defaults.

Order, later wins: the defaults below, ``settings.toml`` (the same defaults, explained line by
line), ``settings.local.toml`` (what the operator changes; not in git), the environment
(``SCORING_SERVER__PORT=5001``), flags. A key nobody knows is an error that names it.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import datetime, time, tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.sources import TomlConfigSettingsSource

from scoring.machine_zone import machine_zone
from scoring.protocol.errors import SettingsError

PREFIX = "SCORING_"
PROJECT_VARIABLE = "SCORING_PROJECT"
# A child gets its parent's settings, whatever the files say by then.
HANDED_ON_VARIABLE = "SCORING_HANDED_ON"
TRACKED_FILE, LOCAL_FILE = "settings.toml", "settings.local.toml"
CODE_ROOT = Path(__file__).resolve().parent.parent
SECRETS = frozenset({"api_key"})


CLOCK_TIME = re.compile(r"\d\d:\d\d(:\d\d)?")
MAY_HOLD_SECRETS = frozenset({"server.api_key", "client.api_key", "client.server"})
WEEK_MINUTES = 7 * 24 * 60
YEAR_HOURS = 366 * 24


class Section(BaseModel):
    """One table of the settings file."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _as_header_value(key: SecretStr) -> SecretStr:
    """A key travels in an HTTP header, which has room for these characters only (RFC 6750)."""
    text = key.get_secret_value()
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("a key has printable ASCII characters and no spaces")
    return key


Key = Annotated[SecretStr, AfterValidator(_as_header_value)]


class ServerSettings(Section):
    """The prediction API."""

    host: str = "127.0.0.1"
    port: int = Field(5000, ge=0, le=65535)
    models: tuple[Path, ...] = (Path("fashion_model"),)
    threads: int = Field(8, ge=1)
    inference_threads: int = Field(0, ge=0)
    connections: int = Field(200, ge=2)
    max_request_bytes: int = Field(16_000_000, ge=1024)
    max_rows: int = Field(20_000, ge=1)
    # The forms of a request nest 4 deep; the parser itself goes to 1,024.
    max_json_depth: int = Field(32, ge=4, le=1024)
    ready_seconds: float = Field(60.0, gt=0)
    stop_seconds: float = Field(10.0, gt=0)
    api_key: Key | None = None
    allow_anonymous: bool = False


class ClientSettings(Section):
    """The batch job and its retries."""

    server: str = ""
    model: str = ""
    api_key: Key | None = None
    tries: int = Field(3, ge=1)
    retry_seconds: float = Field(60.0, ge=0)
    max_retry_after_seconds: float = Field(600.0, ge=0)
    connect_seconds: float = Field(5.0, gt=0)
    read_seconds: float = Field(120.0, gt=0)
    chunk_rows: int = Field(512, ge=1)
    chunk_bytes: int = Field(2_000_000, ge=1024)
    chunks_in_flight: int = Field(2, ge=1, le=64)
    compression: Literal["auto", "none", "zlib"] = "auto"
    decode_threads: int = Field(0, ge=0)
    max_file_bytes: int = Field(64_000_000, ge=1)
    max_image_pixels: int = Field(100_000_000, ge=1)
    max_failed_percent: float = Field(20.0, ge=0, le=100)

    @field_validator("server")
    @classmethod
    def _is_url(cls, value: str) -> str:
        """Refuse what no request can go to, and a password that logs would show."""
        if not value:
            return value
        try:
            parts = urlsplit(value)
            usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise ValueError("give a URL, like http://scores.example:5000")
        if parts.username or parts.password:
            raise ValueError("a URL with a name or password in it is not taken; use client.api_key")
        return value

    stop_seconds: float = Field(20.0, gt=0)


class ScheduleSettings(Section):
    """When the nightly run starts, and what it covers."""

    start_at: time = time(18, 0)
    client_after: float = Field(5.0, ge=0, le=WEEK_MINUTES)
    stop_after: float | Literal["never"] = 30.0
    zone: str = ""
    start_server: bool = True
    batches: tuple[str, ...] = ()
    catch_up_hours: float = Field(20.0, ge=0, le=YEAR_HOURS)
    settle_seconds: float = Field(5.0, ge=0)

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
        except (TypeError, ValueError):
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


class BatchesSettings(Section):
    """What of a batch's folder is read, and what reading may take."""

    litter: tuple[str, ...] = LITTER
    file_seconds: float = Field(60.0, gt=0, le=86_400)
    decoded_bytes: int = Field(1_000_000_000, ge=1)


class PathSettings(Section):
    """Where things lie; relative to the project folder."""

    batches: Path = Path("image_batches")
    results: Path = Path("Results.csv")
    ledger: Path = Path("data/ledger.db")
    logs: Path = Path("logs")


class ResultsSettings(Section):
    """How Results.csv and the metrics log are written."""

    separator: Literal[",", ";", "\t"] = ","
    decimal: Literal[".", ","] = "."


class RecordsSettings(Section):
    """The ledger and the logs."""

    main_model: str = "fashion"
    busy_seconds: float = Field(30.0, ge=0)
    log_bytes: int = Field(5_000_000, ge=10_000)
    log_files: int = Field(5, ge=1)
    keep_days: int = Field(400, ge=1)
    runs_keep_days: int = Field(90, ge=1)
    backups: int = Field(7, ge=1)
    low_disk_bytes: int = Field(1_000_000_000, ge=0)


class SettingsFile(TomlConfigSettingsSource):
    """``settings.local.toml``, or ``settings.toml``."""

    def __call__(self) -> dict[str, Any]:
        tables = super().__call__()
        if "project" in tables:
            raise SettingsError(f"unknown setting project; it is the variable {PROJECT_VARIABLE}")
        return tables


class TrackedFile(SettingsFile):
    """``settings.toml``: it goes into version control, where a secret would stay for good."""

    def __call__(self) -> dict[str, Any]:
        tables = super().__call__()
        for section, table in tables.items():
            for key in SECRETS & set(table if isinstance(table, dict) else ()):
                raise SettingsError(
                    f"setting {section}.{key} is a secret and stands in settings.toml, which is "
                    "tracked: move it to settings.local.toml, and take a new one if it was shared"
                )
        return tables


class Settings(BaseSettings):
    """Every setting of the four programs.

    Build it with ``load_settings``; a test builds it directly with what it wants changed.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    project: Path = CODE_ROOT
    server: ServerSettings = ServerSettings()
    client: ClientSettings = ClientSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    batches: BatchesSettings = BatchesSettings()
    paths: PathSettings = PathSettings()
    results: ResultsSettings = ResultsSettings()
    records: RecordsSettings = RecordsSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags over environment over the operator's file over the tracked file."""
        if HANDED_ON_VARIABLE in os.environ:
            return (init_settings,)
        project = project_folder()
        return (
            init_settings,
            env_settings,
            SettingsFile(settings_cls, project / LOCAL_FILE),
            TrackedFile(settings_cls, project / TRACKED_FILE),
        )

    def path(self, relative: Path) -> Path:
        """Return an absolute path; relative ones start at the project folder."""
        return self.project / relative

    @property
    def batches_folder(self) -> Path:
        return self.path(self.paths.batches)

    @property
    def results_file(self) -> Path:
        return self.path(self.paths.results)

    @property
    def ledger_file(self) -> Path:
        return self.path(self.paths.ledger)

    @property
    def backups_folder(self) -> Path:
        """Copies of the ledger lie beside it: with it they are what must be kept."""
        return self.ledger_file.parent / "backups"

    @property
    def logs_folder(self) -> Path:
        return self.path(self.paths.logs)

    @property
    def model_folders(self) -> tuple[Path, ...]:
        return tuple(self.path(folder) for folder in self.server.models)

    @property
    def server_url(self) -> str:
        """Where the client finds the server: its own setting, else this machine's server."""
        if self.client.server:
            return self.client.server.rstrip("/")
        host = "127.0.0.1" if self.server.host in ("0.0.0.0", "") else self.server.host
        host = "[::1]" if host == "::" else f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.server.port}"

    @property
    def zone(self) -> tzinfo:
        """The zone the schedule is told in: the setting, else the machine's own.

        Raises SettingsError where the machine has none that can be named.
        """
        if self.schedule.zone:
            return ZoneInfo(self.schedule.zone)
        return machine_zone().zone

    def now(self) -> datetime:
        """Return the present time in the schedule's zone."""
        return datetime.now(self.zone)

    def handed_on(self) -> dict[str, str]:
        """Return the environment variables that give a child process these settings, and only them.

        They hold the keys: for a child's environment, not for a log.
        """
        tables = self.model_dump(exclude={"project"})
        text = json.dumps(tables, default=_as_text)
        return {PROJECT_VARIABLE: str(self.project), HANDED_ON_VARIABLE: text}


def project_folder() -> Path:
    """Return the folder with settings, batches, results and ledger; by default the code's own."""
    return Path(os.environ.get(PROJECT_VARIABLE) or CODE_ROOT).resolve()


def available_cores() -> int:
    """Return how many cores this process may use; 0 in a setting means that many."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load_settings(**flags: Mapping[str, Any]) -> Settings:
    """Read the settings; ``flags`` are tables that win over all else.

    Raises SettingsError with one line that names each wrong key and where it may stand.
    """
    _refuse_unknown_variables()
    flags = _with_handed_on(flags)
    project = project_folder()
    if not project.is_dir():
        raise SettingsError(f"{PROJECT_VARIABLE}: there is no folder {project}")
    try:
        return Settings(project=project, **flags)  # type: ignore[arg-type]  # parsed by pydantic
    except SettingsError:
        raise
    except ValidationError as error:
        raise SettingsError(_explain(error)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"a settings file is not valid TOML: {error}") from error
    except OSError as error:
        raise SettingsError(f"a settings file cannot be read: {error}") from error
    except Exception as error:  # pydantic-settings: an environment value that is no JSON
        if type(error).__name__ != "SettingsError":
            raise
        raise SettingsError(
            f'an environment setting is not valid: {error}; lists are JSON, like ["G1"]'
        ) from error


def _as_text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return f"{value:%H:%M:%S}" if isinstance(value, time) else str(value)


def _with_handed_on(flags: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the tables that a parent handed on, with ``flags`` over them."""
    tables = json.loads(os.environ.get(HANDED_ON_VARIABLE, "{}"))
    return {
        section: {**tables.get(section, {}), **flags.get(section, {})}
        for section in {*tables, *flags}
    }


def _refuse_unknown_variables() -> None:
    """An unknown SCORING_* name is a typing error that would otherwise be silent."""
    for name in os.environ:
        upper = name.upper()
        if not upper.startswith(PREFIX):
            continue
        section = upper.removeprefix(PREFIX).split("__")[0].lower()
        ours = (PROJECT_VARIABLE, HANDED_ON_VARIABLE)
        if section not in _sections() and upper not in ours:
            known = ", ".join(f"{PREFIX}{field.upper()}__…" for field in _sections())
            raise SettingsError(f"unknown environment setting {name}; there are {known}")


def _sections() -> list[str]:
    return [name for name in Settings.model_fields if name != "project"]


def _explain(error: ValidationError) -> str:
    """One line: each wrong key by its dotted name, with what is wrong."""
    return "; ".join(_explain_one(part) for part in error.errors())


def _explain_one(part: Any) -> str:
    name = ".".join(str(piece) for piece in part["loc"])
    if part["type"] == "extra_forbidden":
        return f"unknown setting {name} (see settings.toml for all there are)"
    message = str(part["msg"]).removeprefix("Value error, ")
    # What may hold a secret is named, never quoted; and a whole table says nothing.
    if name in MAY_HOLD_SECRETS or isinstance(part.get("input"), dict):
        return f"setting {name}: {message}"
    return f"setting {name} = {part.get('input')!r}: {message}"
