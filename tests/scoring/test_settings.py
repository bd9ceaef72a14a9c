from __future__ import annotations

import codecs
import json
import os
import socket
import subprocess
import sys
import threading
import tomllib
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from scoring.protocol.errors import ExitCode, SettingsError
from scoring.settings import (
    CODE_ROOT,
    HANDED_ON_VARIABLE,
    Settings,
    available_cores,
    is_shown,
    load_settings,
)
from scoring.settings_sources import Tables
from tests.deadlines import DEADLINE


class DefaultsOnly(Settings):
    """Settings that read no file and no environment."""

    @classmethod
    def sources(cls) -> tuple[Tables, ...]:
        return ()


def test_the_tracked_file_says_every_default_and_no_other() -> None:
    defaults = json.loads(DefaultsOnly(project=CODE_ROOT).handed_on()[HANDED_ON_VARIABLE])
    with (CODE_ROOT / "settings.toml").open("rb") as file:
        written = tomllib.load(file)
    secrets = {
        *(("server", "api_key"), ("client", "api_key"), ("desk", "key")),
        *(("alerts", "urls"), ("alerts", "heartbeat")),
    }
    expected = {
        section: {key: value for key, value in table.items() if (section, key) not in secrets}
        for section, table in defaults.items()
    }
    # The photographs that come with the project, and the model for them.
    expected["batches"]["P1"] = {"model": "clothing"}
    expected["schedule"]["start_at"] = expected["schedule"]["start_at"][:5]
    assert written == expected


def test_each_source_wins_over_the_one_before(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_settings().server.port == 5000
    (project / "settings.toml").write_text("[server]\nport = 1\nthreads = 1\nmax_rows = 1\n")
    (project / "settings.local.toml").write_text("[server]\nport = 2\nthreads = 2\n")
    monkeypatch.setenv("SCORING_SERVER__PORT", "3")
    assert load_settings().server.port == 3
    assert load_settings(server={"port": 4}).server.port == 4
    assert load_settings().server.threads == 2
    assert load_settings().server.max_rows == 1
    assert load_settings().server.host == "127.0.0.1"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[server]\nprot = 1\n", "server.prot"),
        ("[sever]\nport = 1\n", "sever"),
        ("[server]\nport = 70000\n", "server.port"),
        ("[server]\nport = 'x'\n", "server.port"),
        ("[schedule]\nzone = 'Mars/Base'\n", "schedule.zone"),
        ("[schedule]\nstart_at = '25:00'\n", "schedule.start_at"),
        ("[schedule]\nstop_after = 'later'\n", "schedule.stop_after"),
        ("[schedule]\nstop_after = -3\n", "schedule.stop_after"),
        ("[schedule]\nclient_after = 30\n", "client_after"),
        ("[paths]\nresults = 'data/ledger.db'\n", "results and ledger must not be the same file"),
        ("[paths]\nresults = 'logs/Metrics-log.csv'\n", "results must not be logs/Metrics-log.csv"),
        ("[paths]\nlogs = 'l'\nledger = 'l/Events-log.txt'\n", "ledger must not be l/Events-log"),
        ("[paths]\nresults = './data/../data/pictures.db'\n", "results and pictures must not be"),
        ("[paths]\nledger = 'data/pictures.db'\n", "ledger and pictures must not be the same"),
        ("[schedule]\nstart_at = 1830\n", "schedule.start_at"),
        ("[schedule]\nstart_at = '18:00+02:00'\n", "schedule.start_at"),
        ("[schedule]\nstop_after = inf\n", "schedule.stop_after"),
        ("[schedule]\nstop_after = true\n", "schedule.stop_after"),
        ("[schedule]\ncatch_up_hours = 1e12\n", "schedule.catch_up_hours"),
        ("[server]\nready_seconds = nan\n", "server.ready_seconds"),
        ("project = '/tmp'\n", "project"),
        ("[client]\nserver = 'localhost:5000'\n", "client.server"),
        ("[client]\nserver = 'ftp://x'\n", "client.server"),
        ("[client]\nserver = 'http://x:99999'\n", "client.server"),
        ("[results]\nseparator = 'ab'\n", "results.separator"),
        ("this is no toml", "TOML"),
    ],
)
def test_what_is_wrong_is_named(project: Path, text: str, named: str) -> None:
    (project / "settings.local.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["SCORING_PORT", "SCORING_SERVER__PROT", "SCORING_SERVR__PORT", "SCORING_PROJECT__X"]
)
def test_an_unknown_environment_name_is_an_error_that_names_it(
    project: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert name.rpartition("__")[2].lower() in str(caught.value).lower()


SECRET = "s3cret-of-the-shop"


@pytest.mark.parametrize(
    "text",
    [
        f"[[server]]\napi_key = '{SECRET}'\n",
        f"[[server]]\n[[server.api_key]]\nx = '{SECRET}'\n",
        f"server = '{SECRET}'\n",
        f"server = ['{SECRET}']\n",
        f"api_key = '{SECRET}'\n",
        f"project = '{SECRET}'\n",
        f"[servr]\napi_key = '{SECRET}'\n",
        f"[server]\napikey = '{SECRET}'\n",
        f"[server.api_key]\nvalue = '{SECRET}'\n",
        f"[server]\napi_key = ['{SECRET}']\n",
        f"[server]\napi_key = ' {SECRET}'\n",
        f"[server]\nhost = {{api_key = '{SECRET}'}}\n",
        f"[schedule]\nbatches = ['x', {{api_key = '{SECRET}'}}]\n",
        f"[schedule]\nbatches = [['{SECRET}']]\n",
        f"[client]\nserver = '{SECRET}'\n",
        f"[client]\nserver = 'http://me:{SECRET}@x'\n",
        f"[client]\nserver = 'http://{SECRET}@x:99999'\n",
        f"[server]\napi_key = '{SECRET}\n",
        f"[server]\napi_key = {SECRET}\n",
        f"[server]\napi_key == '{SECRET}'\n",
        f"[server]\napi_key = '{SECRET}'\napi_key = '{SECRET}'\n",
    ],
)
@pytest.mark.parametrize("file", ["settings.local.toml", "settings.toml"])
def test_whatever_is_wrong_no_secret_is_shown(project: Path, file: str, text: str) -> None:
    (project / file).write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    assert "\n" not in str(caught.value)
    # A program that sets something in the same table by a flag must not hide it.
    with pytest.raises(SettingsError):
        load_settings(server={"port": 5001}, client={"tries": 1})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SCORING_SERVER", f'[{{"api_key": "{SECRET}"}}]'),
        ("SCORING_SERVER", f'"{SECRET}"'),
        ("SCORING_SERVER", SECRET),
        ("SCORING_API_KEY", SECRET),
        ("SCORING_SERVER__APIKEY", SECRET),
        ("SCORING_SERVER__API_KEY", f" {SECRET}"),
        ("SCORING_SERVER__API_KEY__X", SECRET),
        ("SCORING_SERVER__API_KEY", f'{{"x": "{SECRET}"}}'),
        ("SCORING_CLIENT__SERVER", f"http://me:{SECRET}@x"),
        ("SCORING_SCHEDULE__BATCHES", SECRET),
    ],
)
def test_nor_one_of_the_environment(
    project: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings(server={"port": 5001})
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("program", ["server", "client.request", "scheduler"])
def test_every_program_refuses_a_wrong_table_and_shows_no_key(project: Path, program: str) -> None:
    (project / "settings.local.toml").write_text(f"[[server]]\napi_key = '{SECRET}'\n")
    extra = {"server": ["--port", "0"], "client.request": ["G1"], "scheduler": ["check"]}
    done = subprocess.run(
        [sys.executable, "-m", program, *extra[program]],
        cwd=CODE_ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == ExitCode.USAGE
    assert "server must be one table" in done.stderr
    assert "settings.local.toml" in done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1


def numbers() -> list[tuple[str, str]]:
    return [
        (section, key)
        for section, one in Settings.entries.items()
        if section != "project"
        for key, kind in one.entries.items()
        if get_args(kind)[:1] in [(int,), (float,)]
    ]


@pytest.mark.parametrize(("section", "key"), numbers())
@pytest.mark.parametrize(
    "absurd", [10**400, 1e300, -(10**400), -1, float("inf"), float("nan"), True, "many", []]
)
def test_no_number_is_without_bounds(project: Path, section: str, key: str, absurd: Any) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(**{section: {key: absurd}})
    assert f"{section}.{key}" in str(caught.value)


@pytest.mark.parametrize(("section", "key"), numbers())
def test_the_largest_number_that_is_taken_can_be_used(
    project: Path, section: str, key: str
) -> None:
    """As a date, as a wait on a socket, as a wait of a thread."""
    most = get_args(Settings.entries[section].entries[key])[1].le
    stop_after = {"stop_after": "never"} if section == "schedule" else {}
    value = getattr(getattr(load_settings(**{section: {key: most, **stop_after}}), section), key)
    if key.endswith("_days"):
        assert datetime.now(UTC) - timedelta(days=value) < datetime.now(UTC)
    if key.endswith("_seconds"):
        assert datetime.now(UTC) - timedelta(seconds=value) < datetime.now(UTC)
        with socket.socket() as probe:
            probe.settimeout(value)
        assert threading.Condition().acquire(timeout=value)
        assert int(value * 1000) < 2**31


@pytest.mark.parametrize("key", ["batches", "results", "ledger", "logs", "pictures"])
@pytest.mark.parametrize("path", ["", ".", "a\x00b", "a\nb", "x" * 256])
def test_a_path_is_one_that_can_be_opened(project: Path, key: str, path: str) -> None:
    with pytest.raises(SettingsError, match=f"paths.{key}"):
        load_settings(paths={key: path})


MARK = codecs.BOM_UTF8
LINE = "[server]\r\nport = 5001  # größer\r\n"


def test_a_file_of_a_windows_editor_is_read(project: Path) -> None:
    for file in ("settings.toml", "settings.local.toml"):
        (project / file).write_bytes(MARK + LINE.encode())
        assert load_settings().server.port == 5001


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (LINE.encode("utf-16"), "UTF-8"),
        (LINE.encode("utf-16-le"), "UTF-8"),
        (LINE.encode("utf-32"), "UTF-8"),
        (LINE.encode("latin-1"), "line 2.* UTF-8"),
        (b"\x00\x01\x02", "UTF-8"),
        (MARK + b"port == 1", "not valid TOML"),
        (b"[server]\nport = 1\n[server]\nport = 2\n", "not valid TOML"),
        (b"[server]\nport = " + b"9" * 5_000, "not valid TOML"),
        (b"[server]\nport = " + b"[" * 100_000, "not valid TOML"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(project: Path, content: bytes, why: str) -> None:
    for file in ("settings.toml", "settings.local.toml"):
        (project / file).write_bytes(content)
        with pytest.raises(SettingsError, match=rf"{file}.*{why}") as caught:
            load_settings()
        assert "\n" not in str(caught.value)
        (project / file).unlink()


def test_a_folder_in_the_place_of_a_file_is_named(project: Path) -> None:
    (project / "settings.local.toml").mkdir()
    with pytest.raises(SettingsError, match=r"settings\.local\.toml cannot be read"):
        load_settings()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes in folders are POSIX's")
@pytest.mark.parametrize("file", ["settings.toml", "settings.local.toml"])
def test_a_pipe_in_the_place_of_a_file_is_named_and_not_waited_for(
    project: Path, file: str
) -> None:
    os.mkfifo(project / file)
    with pytest.raises(SettingsError, match=rf"{file} cannot be read: it is a pipe or a device"):
        load_settings()


def test_a_password_in_a_url_is_refused_and_not_shown(project: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(client={"server": "http://me:s3cret@scores.example"})
    assert "client.server" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_project_folder_that_is_not_there_is_an_error(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORING_PROJECT", str(project / "typo"))
    with pytest.raises(SettingsError, match="typo"):
        load_settings()
    assert not (project / "typo").exists()


def test_never_and_minutes_are_both_an_end(project: Path) -> None:
    assert load_settings(schedule={"stop_after": "never"}).schedule.stop_after == "never"
    assert load_settings(schedule={"stop_after": 45}).schedule.stop_after == 45.0


def test_a_key_is_never_shown(project: Path) -> None:
    settings = load_settings(server={"api_key": "s3cret"})
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in str(settings.as_table())
    (project / "settings.local.toml").write_text("[server]\napi_key = ['s3cret']\n")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("section", "key"), [("server", "api_key"), ("client", "api_key"), ("desk", "key")]
)
def test_a_key_in_the_tracked_file_is_refused_and_not_shown(
    project: Path, section: str, key: str
) -> None:
    (project / "settings.toml").write_text(f"[{section}]\n{key} = 's3cret'\n")
    with pytest.raises(
        SettingsError, match=rf"{section}\.{key} .* settings\.local\.toml"
    ) as caught:
        load_settings()
    assert "s3cret" not in str(caught.value)


def test_a_key_comes_from_the_local_file_or_the_environment(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "settings.local.toml").write_text("[server]\napi_key = 'local'\n")
    key = load_settings().server.api_key
    assert key
    assert key.reveal() == "local"
    monkeypatch.setenv("SCORING_SERVER__API_KEY", "environment")
    key = load_settings().server.api_key
    assert key
    assert key.reveal() == "environment"


@pytest.mark.parametrize("key", ["schlüssel", "two words", "line\n", "\u20ac"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(project: Path, key: str) -> None:
    with pytest.raises(SettingsError, match="printable ASCII") as caught:
        load_settings(server={"api_key": key})
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    ("server", "client", "url"),
    [
        ({}, {}, "http://127.0.0.1:5000"),
        ({"host": "0.0.0.0", "port": 81}, {}, "http://127.0.0.1:81"),
        ({"host": "::1"}, {}, "http://[::1]:5000"),
        ({}, {"server": "https://scores.example/api/"}, "https://scores.example/api"),
    ],
)
def test_where_the_client_finds_the_server(
    project: Path, server: dict[str, Any], client: dict[str, Any], url: str
) -> None:
    assert load_settings(server=server, client=client).server_url == url


A, B = "http://a:5000", "https://b.example/x"


@pytest.mark.parametrize(
    ("told", "servers"),
    [
        (f"{A},{B}", (A, B)),
        (f"{A} , {B}/", (A, B)),
        ([A, B], (A, B)),
        ([f"{A},{B}", A], (A, B)),
        ([A], (A,)),
        ("", ("http://127.0.0.1:5000",)),
        ([], ("http://127.0.0.1:5000",)),
    ],
)
def test_several_servers_are_a_list_or_have_commas_between(
    project: Path, told: Any, servers: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_settings(client={"server": told}).server_urls == servers
    if isinstance(told, str):
        monkeypatch.setenv("SCORING_CLIENT__SERVER", told)
    else:
        (project / "settings.local.toml").write_text(f"[client]\nserver = {json.dumps(told)}\n")
    assert load_settings().server_urls == servers


@pytest.mark.parametrize("wrong", [f"{A},", f",{A}", f"{A},,{B}", [A, "b"], [A, ""], [A, 5], 5])
def test_each_of_several_servers_has_to_be_a_url(project: Path, wrong: Any) -> None:
    with pytest.raises(SettingsError, match=r"client\.server"):
        load_settings(client={"server": wrong})


def test_a_child_has_its_parents_settings_whatever_the_files_say_by_then(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = project / "settings.local.toml"
    file.write_text(
        "[server]\napi_key = 'hush'\nport = 7\n"
        "[schedule]\nstart_at = 06:30:15.5\nstop_after = 'never'\nbatches = ['衣服']\n"
    )
    parent = load_settings(client={"tries": 5})
    file.write_text("[nonsense\n")
    for name, value in parent.handed_on().items():
        monkeypatch.setenv(name, value)
    child = load_settings(server={"port": 8})
    assert child.server.api_key == parent.server.api_key
    assert (child.server.port, child.client.tries) == (8, 5)
    assert f"{child.schedule.start_at:%H:%M:%S}" == "06:30:15"
    unchanged = load_settings()
    assert unchanged.replaced(schedule=parent.schedule) == parent


# Tables of single batches


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("batches.D", "D"),
        ('batches."2026.11 ret/urns"', "2026.11 ret/urns"),
        ("batches.'Größe \"L\" 衣服'", 'Größe "L" 衣服'),
        ("batches.changed", "changed"),
        ("batches.further", "further"),
        ("batches.self", "self"),
        ('batches.""', ""),
        ('batches."_"', "_"),
        ('batches."./litter"', "./litter"),
    ],
)
def test_a_batch_has_a_table_whatever_its_name(
    project: Path, monkeypatch: pytest.MonkeyPatch, header: str, name: str
) -> None:
    text = f'[batches]\nfile_seconds = 9.0\n[{header}]\nmodel = "digits"\n'
    for file in ("settings.local.toml", "settings.toml"):
        (project / file).write_text(text, encoding="utf-8")
        settings = load_settings()
        assert settings.batches.file_seconds == 9.0
        assert {key: table.model for key, table in settings.batches.tables.items()} == {
            name: "digits"
        }
        (project / file).unlink()
    for variable, value in settings.handed_on().items():
        monkeypatch.setenv(variable, value)
    assert load_settings() == settings


def test_tables_of_both_files_and_the_environment_go_together(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "settings.toml").write_text('[batches.D]\nmodel = "digits"\n[batches.G]\n')
    (project / "settings.local.toml").write_text('[batches.G]\nmodel = "cats_dogs"\n')
    monkeypatch.setenv("SCORING_BATCHES", '{"D": {"model": "fashion"}, "small": {}}')
    tables = load_settings().batches.tables
    assert {name: table.model for name, table in tables.items()} == {
        "D": "fashion",
        "G": "cats_dogs",
        "small": "",
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[batches]\nlitre = 5", 'unknown setting batches.litre (see settings.toml for all there'
         ' are; a name has a table: [batches."litre"])'),
        ("[batches]\nD = 's3cret'", "unknown setting batches.D (see"),
        ("[batches.D]\nmodle = 's3cret'", "unknown setting batches.D.modle (see"),
        ("[batches.D]\nmodel = true", "setting batches.D.model = True: this is not a matter"),
        ("[batches.2026.11]\nmodel = 's3cret'", "a name with dots stands in quotes:"
         ' [batches."2026.11"]'),
        ("[batches.litter]\nmodel = 's3cret'", "setting batches.litter is no table; the batch of"
         ' that name is [batches."./litter"]'),
        ("[batches.file_seconds]\nmodel = 's3cret'", 'is [batches."./file_seconds"]'),
    ],
)  # fmt: skip
def test_what_is_no_table_of_a_batch_is_told_how_to_write_it(
    project: Path, text: str, told: str
) -> None:
    (project / "settings.local.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert told in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("variable", ["SCORING_BATCHES__D__MODEL", "SCORING_BATCHES__D"])
def test_a_variable_cannot_spell_a_batchs_name(
    project: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, '{"model": "digits"}')
    with pytest.raises(SettingsError, match=rf"{variable}: a variable has no small letters"):
        load_settings()


# Who is told


@pytest.mark.parametrize(
    "text",
    [
        f"[alerts.urls]\nmail = '{SECRET}'\n",
        f"[alerts]\nurls = ['{SECRET}']\n",
        f"[alerts]\nurls = '{SECRET}'\n",
        f"[alerts]\nurls = ['mailto://x', 5, '{SECRET}']\n",
        f"[alerts.urls]\n'a mail' = 'mailto://{SECRET}'\n",
        f"[alerts.urls]\nheartbeat = 'mailto://{SECRET}'\n",
        f"[alerts]\nheartbeat = '{SECRET}'\n",
        f"[alerts]\nheartbeat = 'ftp://{SECRET}'\n",
    ],
)
def test_what_is_wrong_with_who_is_told_is_named_and_not_shown(project: Path, text: str) -> None:
    (project / "settings.local.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "alerts." in str(caught.value)
    assert SECRET not in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "text", ["[alerts]\nheartbeat = 'https://x'\n", "[alerts.urls]\na = 'b://c'"]
)
def test_who_is_told_is_not_tracked(project: Path, text: str) -> None:
    (project / "settings.toml").write_text(text)
    with pytest.raises(SettingsError, match="secret"):
        load_settings()


def test_urls_have_names_and_children_get_them(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = ["mailto://a", "slack://b", "mailto://c", "mailtos://d"]
    (project / "settings.local.toml").write_text(f"[alerts]\nurls = {urls}\nheartbeat = ''\n")
    settings = load_settings()
    assert list(settings.alerts.urls) == ["mailto", "slack", "mailto-2", "mailtos"]
    assert settings.alerts.heartbeat is None
    assert "//a" not in repr(settings)
    assert not is_shown(Settings, "alerts", "urls")
    assert not is_shown(Settings, "alerts", "heartbeat")
    for name, value in settings.handed_on().items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings


def test_a_sandbox_that_does_not_tell_its_cores_is_worked_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def not_told(_: int) -> None:
        raise OSError

    monkeypatch.setattr(os, "sched_getaffinity", not_told, raising=False)
    assert available_cores() == (os.cpu_count() or 1)
