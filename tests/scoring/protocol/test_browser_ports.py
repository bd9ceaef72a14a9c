"""Ports that browsers refuse are told of, and none is a default."""

from __future__ import annotations

import pytest

from scoring.protocol.browser_ports import blocked_warning
from scoring.settings import Settings


@pytest.mark.parametrize("port", [5060, 5061, 6000, 6667, 10080])
def test_a_port_that_browsers_refuse_is_told_of(port: int) -> None:
    assert str(port) in blocked_warning(port)


def test_the_defaults_are_none_of_them() -> None:
    settings = Settings()
    assert not blocked_warning(settings.server.port) + blocked_warning(settings.desk.port)
