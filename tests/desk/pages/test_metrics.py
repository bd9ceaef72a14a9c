"""The desk's numbers for Prometheus, with the key where one is set."""

from __future__ import annotations

from flask import Flask

from desk.app import create_app
from scoring.records.ledger import Ledger
from scoring.settings import Settings
from tests.desk.conftest import KEY, program_of
from tests.house.test_imports import loaded


def test_a_program_reads_them(app: Flask, settings: Settings) -> None:
    assert "scoring_ledger_up 0.0" in program_of(app).get("/metrics").text
    Ledger.from_settings(settings).close()
    answer = program_of(create_app(settings, loopback=True)).get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=")
    assert "scoring_ledger_up 1.0" in answer.text
    assert "scoring_reviews_waiting 0.0" in answer.text


def test_where_a_key_is_set_it_is_wanted(locked: Flask) -> None:
    assert program_of(locked).get("/metrics").status_code == 401
    assert program_of(locked, KEY).get("/metrics").status_code == 200


def test_the_desk_is_up_without_the_library() -> None:
    assert "prometheus_client" not in loaded("import desk.app")
