"""The dashboard and the alert rules ask for numbers that are told, and for no others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from scoring.monitoring.exposition import RunCollector, exposition
from scoring.records.ledger import Ledger
from scoring.settings import CODE_ROOT, Settings
from server.metrics import Metrics

DASHBOARD = CODE_ROOT / "deploy" / "grafana" / "garment-scorer.json"
RULES = CODE_ROOT / "deploy" / "prometheus" / "garment-scorer.yml"
METRIC = re.compile(r"\bscoring_\w+")


@pytest.fixture(scope="module")
def board() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text("utf-8"))
    return found


def exported(settings: Settings) -> set[str]:
    """Return all names, those of histograms' buckets, too."""
    Ledger.from_settings(settings).close()
    runs = RunCollector(settings)
    body, _ = Metrics([], runs).exposition("")
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", body.decode(), re.M))
    buckets = {f"{name}_bucket" for name, kind in kinds.items() if kind == "histogram"}
    return kinds.keys() | buckets


def asked(board: dict[str, Any]) -> Iterator[str]:
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield target["expr"]
    yield board["templating"]["list"][1]["definition"]


def test_every_number_that_is_asked_for_is_told(board: dict[str, Any], settings: Settings) -> None:
    rules = yaml.safe_load(RULES.read_text("utf-8"))["groups"][0]["rules"]
    expressions = [*asked(board), *(rule["expr"] for rule in rules)]
    names = {name for expression in expressions for name in METRIC.findall(expression)}
    assert len(names) > 15
    assert names <= exported(settings)


def test_every_number_that_is_told_of_runs_is_explained(settings: Settings) -> None:
    Ledger.from_settings(settings).close()
    body, _ = exposition(RunCollector(settings), "")
    told = set(re.findall(r"^# TYPE (\w+) ", body.decode(), re.M))
    document = (CODE_ROOT / "docs" / "monitoring.md").read_text("utf-8")
    section = document.split("## Metrics\n")[1].split("\n## ")[0]
    assert told == set(re.findall(r"^\| `(scoring_\w+)`", section, re.M))


def test_the_dashboard_is_one_that_grafana_takes(board: dict[str, Any]) -> None:
    """What its import minds: https://grafana.com/docs/grafana/latest/dashboards/ (JSON model)."""
    assert {"title", "uid", "schemaVersion", "panels", "templating", "time"} <= board.keys()
    assert "id" not in board, "an id is another Grafana's own"
    variable, instance = board["templating"]["list"]
    assert (variable["type"], variable["query"]) == ("datasource", "prometheus")
    assert instance["datasource"]["uid"] == "${datasource}"
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in board["panels"]:
        assert panel["type"] in ("stat", "timeseries", "table")
        assert panel["title"]
        for part in (panel, *panel["targets"]):
            assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_no_panel_lies_over_another(board: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken
        taken |= cells


def test_the_rules_are_rules() -> None:
    (group,) = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    names = [rule["alert"] for rule in group["rules"]]
    assert len(set(names)) == len(names)
    for rule in group["rules"]:
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["expr"].count("(") == rule["expr"].count(")")
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in ("info", "warning", "critical")
