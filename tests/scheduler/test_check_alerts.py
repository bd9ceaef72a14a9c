from __future__ import annotations

import pytest

from scheduler import check_alerts as module
from scheduler.check_alerts import check_alerts
from scoring.settings import Settings, load_settings
from tests.receivers import nobody


def told(settings: Settings) -> list[str]:
    return [" ".join(str(finding).split()) for finding in check_alerts(settings)]


def test_without_a_channel_it_warns_and_asks_nobody(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SENDER_MODULE", "no.such.module")
    (line,) = told(settings)
    assert line.startswith("WARN alerts nobody is told of a night that fails")


@pytest.mark.slow
def test_each_channel_is_looked_at_and_nothing_is_sent(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nobody() as inbox:
        monkeypatch.setenv("SCORING_ALERTS__URLS__CHAT", inbox.webhook)
        monkeypatch.setenv("SCORING_ALERTS__URLS__PAGER", "slack://s3cret")
        monkeypatch.setenv("SCORING_ALERTS__HEARTBEAT", inbox.heartbeat)
        lines = told(load_settings())
    assert lines[:2] == ["OK alerts heartbeat: can be used", "OK alerts chat: can be used"]
    assert lines[2].startswith("FAIL alerts pager: Apprise cannot use this slack:// URL")
    assert "s3cret" not in "".join(lines)


@pytest.mark.slow
def test_a_sender_that_says_nothing_is_a_failure(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORING_ALERTS__URLS__CHAT", "json://127.0.0.1:1")
    monkeypatch.setattr(module, "SENDER_MODULE", "no.such.module")
    (line,) = told(load_settings())
    assert line.startswith("FAIL alerts sender: gave no answer")
