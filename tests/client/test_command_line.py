from __future__ import annotations

import re
from datetime import date

import pytest

from client.command_line import parse_arguments, settings_flags
from scoring.protocol.errors import ExitCode
from scoring.settings import CODE_ROOT


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["G1", "--start-server", "--server", "http://127.0.0.1:5000"], "leave out --server"),
        (["G1", "--every-batch"], "name none"),
        (["G1", "--all"], "--all goes with --every-batch"),
        (["--nightly", "20th"], "invalid fromisoformat value"),
        (["G1", "--fresher"], "unrecognized arguments: --fresher"),
    ],
)
def test_a_wrong_command_line_is_told_and_costs_nothing(
    argv: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_arguments(argv)
    assert caught.value.code == ExitCode.USAGE
    assert told in capsys.readouterr().err


def test_the_scheduler_may_ask_for_all_of_a_night() -> None:
    arguments = parse_arguments(["--nightly", "2026-11-20", "--all"])
    assert (arguments.nightly, arguments.all) == (date(2026, 11, 20), True)


def test_every_flag_that_the_docs_name_is_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--help"])
    helped = capsys.readouterr().out
    pages = [CODE_ROOT / "README.md", *sorted((CODE_ROOT / "docs").glob("*.md"))]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    commands = re.findall(r"client\.request ([^`#\n]*)", text)
    flags = {flag for said in commands for flag in re.findall(r"--[a-z-]+", said)}
    assert {"--nightly", "--model"} <= flags
    assert not [flag for flag in flags if flag not in helped]
    for said in re.findall(r"client\.request (--nightly[^`]*)", text):
        parse_arguments(said.split())


def test_only_what_is_said_is_set_over_the_settings() -> None:
    assert settings_flags(parse_arguments(["G1"])) == {"client": {}}
    argv = ["G1", "--server", "http://other:80", "--model", "hats"]
    client = {"server": "http://other:80", "model": "hats"}
    assert settings_flags(parse_arguments(argv)) == {"client": client}
    several = ["G1", "--server", "http://a:1", "--server", "http://b:2,http://c:3"]
    server = {"server": "http://a:1,http://b:2,http://c:3"}
    assert settings_flags(parse_arguments(several)) == {"client": server}
