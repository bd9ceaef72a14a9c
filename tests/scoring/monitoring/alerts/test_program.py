"""``python -m scoring.monitoring.alerts`` as a person has it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from scoring.monitoring.alerts.__main__ import main
from scoring.monitoring.alerts.listing import last_alert
from scoring.records import alerts
from scoring.records.alerts import Message
from scoring.records.ledger import Ledger
from scoring.settings import CODE_ROOT, Settings
from tests.deadlines import DEADLINE
from tests.receivers import http_receiver, nobody

NOW = datetime(2026, 11, 25, 18, 5, tzinfo=UTC)
MESSAGE = Message("r1", "run-failed", "problem", "It\nfailed", "Why")


def test_a_test_says_of_each_channel_whether_it_went(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with http_receiver() as inbox, nobody() as dead:
        monkeypatch.setenv("SCORING_ALERTS__HEARTBEAT", inbox.heartbeat)
        monkeypatch.setenv("SCORING_ALERTS__URLS__CHAT", inbox.webhook)
        assert main(["test"]) == 0
        assert capsys.readouterr().out == "heartbeat: sent\nchat: sent\n"
        assert len(inbox.came) == 2
        monkeypatch.setenv("SCORING_ALERTS__URLS__PAGER", dead.webhook)
        assert main(["test"]) == 1
        out, err = capsys.readouterr()
    assert out.splitlines()[-1] == "pager: the service cannot be reached"
    assert "s3cret" not in out + err
    assert not settings.ledger_file.exists()


@pytest.mark.parametrize("command", ["test", "check"])
def test_without_channels_it_says_where_they_are_written(
    settings: Settings, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main([command]) == 2
    assert "settings.local.toml" in capsys.readouterr().err


def test_a_check_sends_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with http_receiver() as inbox:
        monkeypatch.setenv("SCORING_ALERTS__URLS__CHAT", inbox.webhook)
        assert main(["check"]) == 0
        monkeypatch.setenv("SCORING_ALERTS__URLS__OTHER", "slack://s3cret")
        assert main(["check"]) == 1
        assert inbox.connections == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "chat: can be used"
    assert lines[2].startswith("other: Apprise cannot use this slack:// URL")


def test_send_sends_and_list_says_so(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["send"]) == 0
    assert main(["list"]) == 0
    assert capsys.readouterr().out == "Nobody was told of anything yet.\n"
    assert not settings.ledger_file.exists(), "looking makes no ledger"
    with http_receiver() as inbox, Ledger(settings.ledger_file, 1) as ledger:
        monkeypatch.setenv("SCORING_ALERTS__URLS__CHAT", inbox.webhook)
        alerts.write(ledger.database, [MESSAGE], ("chat", "gone"), NOW)
        assert main(["send"]) == 0
        assert inbox.titles() == [MESSAGE.title]
        assert last_alert(ledger, UTC) == (
            "2026-11-25 18:05 It\\nfailed (run-failed): chat sent;"
            " gone given up, this channel is in the settings no more"
        )
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2:6] for line in lines[1:3]] == [
        ["run-failed", "problem", "chat", "sent"],
        ["run-failed", "problem", "gone", "given"],
    ]
    assert lines[3].strip().startswith("this channel is in the settings no more")


def test_trouble_is_an_event(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Ledger(settings.ledger_file, 1).close()
    settings.ledger_file.write_bytes(b"no database" * 100)
    assert main(["send"]) == 1
    assert ", alerts-failed, " in (settings.logs_folder / "Events-log.txt").read_text("utf-8")


def test_a_bug_is_an_event_that_shows_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("s3cret")

    Ledger(settings.ledger_file, 1).close()
    monkeypatch.setattr("scoring.monitoring.alerts.__main__.channels_of", broken)
    assert main(["send"]) == 1
    log = (settings.logs_folder / "Events-log.txt").read_text("utf-8")
    assert "a bug: RuntimeError" in log
    assert "s3cret" not in log + "".join(capsys.readouterr())


@pytest.mark.slow
def test_it_ends_though_a_service_never_answers(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interpreter would wait for the thread that waits for the service."""
    with http_receiver() as inbox:
        inbox.hold.clear()
        monkeypatch.setenv("SCORING_ALERTS__URLS__CHAT", inbox.webhook)
        monkeypatch.setenv("SCORING_ALERTS__SECONDS", "1")
        done = subprocess.run(
            [sys.executable, "-m", "scoring.monitoring.alerts", "test"],
            cwd=CODE_ROOT, capture_output=True, text=True, timeout=DEADLINE, check=False,
        )  # fmt: skip
    assert done.stdout == "chat: no answer within 1 s; it may have arrived\n"
    assert (done.stderr, done.returncode) == ("", 1)
