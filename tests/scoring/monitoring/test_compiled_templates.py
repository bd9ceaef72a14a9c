"""Templates are compiled once, and never by a source that is gone."""

import shutil
import sys
from functools import cache
from pathlib import Path

import jinja2
import pytest
from flask import Flask

from desk.pages import rendering
from scoring.monitoring import page
from scoring.monitoring.compiled_templates import CompiledTemplates
from server.pages import upload_page


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "page.html").write_text("Hello {{ name }}")
    return tmp_path


def rendered(folder: Path, compiles: bool) -> str:
    """Render in an environment of its own, which may compile or must not."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), bytecode_cache=CompiledTemplates(folder)
    )
    with pytest.MonkeyPatch.context() as patch:
        if not compiles:
            patch.setattr(jinja2.Environment, "compile", refuse)
        return environment.get_template("page.html").render(name="desk")


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("it was compiled again")


def kept(folder: Path) -> Path:
    (file,) = (folder / "__pycache__").iterdir()
    return file


def test_a_template_is_compiled_once(folder: Path) -> None:
    assert rendered(folder, compiles=True) == "Hello desk"
    assert rendered(folder, compiles=False) == "Hello desk"


def test_a_changed_template_is_compiled_anew(folder: Path) -> None:
    rendered(folder, compiles=True)
    (folder / "page.html").write_text("Good morning {{ name }}")
    assert rendered(folder, compiles=True) == "Good morning desk"
    assert rendered(folder, compiles=False) == "Good morning desk"


@pytest.mark.parametrize("size", [0, 3, 60, 90, -1])
def test_what_is_kept_torn_is_compiled_anew(folder: Path, size: int) -> None:
    rendered(folder, compiles=True)
    kept(folder).write_bytes(kept(folder).read_bytes()[:size])
    assert rendered(folder, compiles=True) == "Hello desk"


def test_another_jinja_compiles_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered(folder, compiles=True)
    monkeypatch.setattr(jinja2, "__version__", "99")
    with pytest.raises(AssertionError, match="compiled again"):
        rendered(folder, compiles=False)


def test_who_may_not_write_there_has_the_page_all_the_same(folder: Path) -> None:
    (folder / "__pycache__").write_text("a file in the folder's place")
    assert rendered(folder, compiles=True) == "Hello desk"


def test_where_python_leaves_no_bytecode_nothing_is_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert rendered(folder, compiles=True) == "Hello desk"
    assert not (folder / "__pycache__").exists()


def test_every_program_with_pages_keeps_its_templates() -> None:
    desk = Flask("desk")
    rendering.register(desk)
    upload = upload_page._template().environment
    for environment in (page._environment(), upload, desk.jinja_env):
        assert isinstance(environment.bytecode_cache, CompiledTemplates)


def test_the_set_up_leaves_nothing_to_compile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The morning report's templates, those that others take in included."""
    folder = tmp_path / "templates"
    shutil.copytree(page.TEMPLATES, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(page, "TEMPLATES", folder)
    fresh = page._environment.__wrapped__
    monkeypatch.setattr(page, "_environment", cache(fresh))
    page.compile_templates()
    monkeypatch.setattr(page, "_environment", cache(fresh))
    monkeypatch.setattr(jinja2.Environment, "compile", refuse)
    page.compile_templates()
