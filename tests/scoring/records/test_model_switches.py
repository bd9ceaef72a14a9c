"""Switches of models: each written once, and what they lead back to."""

import pytest
from msgspec.structs import replace

from scoring.records.ledger import Ledger
from scoring.records.model_switches import (
    Action,
    ModelSwitch,
    add,
    how_switched,
    switches,
    versions_before,
)
from scoring.settings import Settings

ONE = ModelSwitch("fashion", "a", "b", "promote", "anna", "2026-11-26T12:00:00.000000+00:00",
                  {"gate": {"accuracy": 0.9}})  # fmt: skip


def test_a_switch_is_written_once_and_read_as_it_was(settings: Settings) -> None:
    other = replace(ONE, model_name="digits", facts={})
    with Ledger.from_settings(settings) as ledger:
        for switch in (ONE, other, ONE):
            add(ledger.database, switch)
        assert switches(ledger.database) == [ONE, other]
        assert switches(ledger.database, "digits") == [other]
        assert how_switched(ledger.database, "fashion", "a", "b") == "promoted by anna"
        assert how_switched(ledger.database, "fashion", "b", "a") == ""
        add(ledger.database, replace(ONE, action="rollback", from_version="b", to_version="a"))
        assert how_switched(ledger.database, "fashion", "b", "a") == "rolled back by anna"


@pytest.mark.parametrize(
    ("history", "before"),
    [
        ("", ""),
        ("+ab", "a"),
        ("+ab +bc", "ab"),
        ("+ab +bc -cb", "a"),
        ("+ab +bc -cb -ba", ""),
        ("+ab +bc -cb +bd", "ab"),
        ("+ab +bc -ca", ""),  # b could not be loaded any more
        ("+ab +bc -cx +xd", "x"),  # the shipped one is another by now
    ],
)
def test_what_is_led_back_to(history: str, before: str) -> None:
    made = [
        replace(ONE, action=_action(one[0]), from_version=one[1], to_version=one[2])
        for one in history.split()
    ]
    assert versions_before(made) == list(before)


def _action(sign: str) -> Action:
    return "promote" if sign == "+" else "rollback"
