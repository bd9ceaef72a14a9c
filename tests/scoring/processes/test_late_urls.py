from __future__ import annotations

import pytest
from flask import Flask, url_for
from werkzeug.routing import Rule

from scoring.processes.late_urls import build_urls_late


def app_with_routes() -> Flask:
    app = Flask("late", static_folder=None)
    build_urls_late(app)
    app.add_url_rule(
        "/runs/<int:number>/<path:file>", "file", lambda number, file: f"{number}{file}"
    )
    app.add_url_rule("/runs/", "first", lambda page: str(page), defaults={"page": 1})
    return app


def test_a_url_is_what_it_would_be_with_the_usual_rules() -> None:
    app = app_with_routes()
    with app.test_request_context():
        for _ in range(2):
            assert url_for("file", number=3, file="a/b c.png") == "/runs/3/a/b%20c.png"
            assert url_for("file", number=3, file="x", q="ü", n=2) == "/runs/3/x?q=%C3%BC&n=2"
            assert url_for("first", page=1) == "/runs/"
    assert app.test_client().get("/runs/3/x.png").text == "3x.png"


def test_nothing_is_compiled_before_a_url_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[bool] = []
    usual = Rule._compile_builder

    def counted(self: Rule, append_unknown: bool = True) -> object:
        compiled.append(append_unknown)
        return usual(self, append_unknown)

    monkeypatch.setattr(Rule, "_compile_builder", counted)
    app = app_with_routes()
    assert app.test_client().get("/runs/").text == "1"
    assert compiled == []
    with app.test_request_context():
        url_for("first", page=1)
        url_for("first", page=1)
    assert len(compiled) == 1
