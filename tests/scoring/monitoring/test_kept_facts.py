from __future__ import annotations

import pytest

from scoring.monitoring.kept_facts import alarms, number, table, truth


@pytest.mark.parametrize(
    ("kept", "as_table", "as_number", "as_truth"),
    [
        ({"a": 1}, {"a": 1}, None, None),
        (0.5, {}, 0.5, None),
        (3, {}, 3.0, None),
        (True, {}, None, True),
        ("0.5", {}, None, None),
        (None, {}, None, None),
        ([1], {}, None, None),
    ],
)
def test_what_is_odd_is_as_if_it_were_not_there(
    kept: object, as_table: object, as_number: object, as_truth: object
) -> None:
    facts = {"x": kept}
    assert (table(facts, "x"), number(facts, "x"), truth(facts, "x")) == (
        as_table, as_number, as_truth
    )  # fmt: skip
    assert (table({}, "x"), number({}, "x"), truth({}, "x")) == ({}, None, None)


def test_alarms_are_those_of_detectors() -> None:
    kept = {
        "a": {"alarm": True},
        "b": {"alarm": False},
        "c": {"m": 1},
        "told": "x",
        "d": {"alarm": 1},
    }
    assert alarms(kept) == {"a": True, "b": False}
