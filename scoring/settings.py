"""One settings class: with its tables (``settings_tables``) the only home of defaults.

Order, later wins: those defaults, ``settings.toml`` (the same defaults, explained line by
line), ``settings.local.toml`` (what the operator changes; not in git), the environment
(``SCORING_SERVER__PORT=5001``), flags. A key nobody knows is an error that names it.
"""

import json
import os
from collections.abc import Iterable, Mapping
from datetime import datetime, time, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from scoring.machine_zone import machine_zone
from scoring.protocol.checking import Wrong
from scoring.protocol.errors import SettingsError
from scoring.protocol.file_names import as_file_name
from scoring.settings_alerts import HEARTBEAT as HEARTBEAT
from scoring.settings_alerts import AlertSettings as AlertSettings
from scoring.settings_alerts import RuleName as RuleName
from scoring.settings_retrain import RetrainSettings as RetrainSettings
from scoring.settings_section import Secret, Section
from scoring.settings_sources import HANDED_ON_VARIABLE as HANDED_ON_VARIABLE
from scoring.settings_sources import LOCAL_FILE as LOCAL_FILE
from scoring.settings_sources import PREFIX as PREFIX
from scoring.settings_sources import PROJECT, Tables, explain, given_tables, merged
from scoring.settings_sources import PROJECT_VARIABLE as PROJECT_VARIABLE
from scoring.settings_sources import TRACKED_FILE as TRACKED_FILE
from scoring.settings_sources import is_shown as is_shown
from scoring.settings_sources import read_tables as read_tables
from scoring.settings_tables import MOST_BYTES as MOST_BYTES
from scoring.settings_tables import BatchesSettings as BatchesSettings
from scoring.settings_tables import BatchSettings as BatchSettings
from scoring.settings_tables import BehindProxies as BehindProxies
from scoring.settings_tables import ClientSettings as ClientSettings
from scoring.settings_tables import DeskSettings as DeskSettings
from scoring.settings_tables import MonitoringSettings as MonitoringSettings
from scoring.settings_tables import PathSettings as PathSettings
from scoring.settings_tables import RecordsSettings as RecordsSettings
from scoring.settings_tables import ResultsSettings as ResultsSettings
from scoring.settings_tables import ScheduleSettings as ScheduleSettings
from scoring.settings_tables import ServerSettings as ServerSettings

CODE_ROOT = Path(__file__).resolve().parent.parent


class Settings(Section):
    """Every setting of the programs.

    Build it with ``load_settings``; a test builds it directly with what it wants changed.
    """

    project: Path = CODE_ROOT
    server: ServerSettings = ServerSettings()
    client: ClientSettings = ClientSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    batches: BatchesSettings = BatchesSettings()
    paths: PathSettings = PathSettings()
    results: ResultsSettings = ResultsSettings()
    records: RecordsSettings = RecordsSettings()
    desk: DeskSettings = DeskSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    alerts: AlertSettings = AlertSettings()
    retrain: RetrainSettings = RetrainSettings()

    def __init__(self, /, **flags: Any) -> None:
        """Read all sources; ``flags`` win over environment, operator's file and tracked file."""
        tables: Tables = flags
        for below in self.sources():
            tables = merged(below, tables)
        super().__init__(**tables)

    @classmethod
    def sources(cls) -> Iterable[Tables]:
        """Return what stands outside the program, the source that wins first."""
        return given_tables(cls, project_folder())

    @classmethod
    def explain(cls, wrong: Iterable[Wrong]) -> str:
        """Return one line that names each wrong key and where it may stand."""
        return explain(wrong, cls)

    def path(self, relative: Path) -> Path:
        """Return an absolute path; relative ones start at the project folder."""
        return self.project / as_file_name(os.fspath(relative))

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
    def pictures_file(self) -> Path:
        return self.path(self.paths.pictures)

    @property
    def logs_folder(self) -> Path:
        return self.path(self.paths.logs)

    @property
    def server_url(self) -> str:
        """Where the client finds the server, of several the first."""
        return self.server_urls[0]

    @property
    def server_urls(self) -> tuple[str, ...]:
        """Where the client finds its servers: its own setting, else this machine's server."""
        return self.client.servers or (self.own_server_url,)

    @property
    def own_server_url(self) -> str:
        """Where the server of ``[server]`` answers, from this machine."""
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

    def tables(self) -> Tables:
        """Return every section as a plain table: all but the project's folder."""
        return {name: table for name, table in self.as_table().items() if name != PROJECT}

    def handed_on(self) -> dict[str, str]:
        """Return the environment variables that give a child process these settings, and only them.

        They hold the keys: for a child's environment, not for a log.
        """
        text = json.dumps(self.tables(), default=_as_text)
        return {PROJECT_VARIABLE: str(self.project), HANDED_ON_VARIABLE: text}


def project_folder() -> Path:
    """Return the folder with settings, batches, results and ledger; by default the code's own."""
    return Path(os.environ.get(PROJECT_VARIABLE) or CODE_ROOT).resolve()


def available_cores() -> int:
    """Return how many cores this process may use; 0 in a setting means that many."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # not on Windows; a sandbox may not tell
        return os.cpu_count() or 1


def load_settings(**flags: Mapping[str, Any]) -> Settings:
    """Read the settings; ``flags`` are tables that win over all else.

    Raises SettingsError with one line that names each wrong key and where it may stand.
    """
    project = project_folder()
    if not project.is_dir():
        raise SettingsError(f"{PROJECT_VARIABLE}: there is no folder {project}")
    return Settings(project=project, **flags)


def _as_text(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    return f"{value:%H:%M:%S}" if isinstance(value, time) else str(value)
