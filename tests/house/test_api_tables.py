"""What docs/api.md says of errors and limits is all there is: no code and no limit is missing."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waitress import utilities

import server
from scoring.preprocessing.errors import DecodeError
from scoring.protocol.errors import ApiError, Unavailable
from scoring.settings import CODE_ROOT, ServerSettings
from server.error_handlers import CODES, HttpError

DOCUMENT = (CODE_ROOT / "docs" / "api.md").read_text(encoding="utf-8")
PROGRAM = (CODE_ROOT / "server", CODE_ROOT / "scoring" / "protocol")
# Codes of a class that no answer has: each of its errors has a code of its own, or never happens
# to a picture that came over HTTP.
NEVER_SENT = {Unavailable.code, DecodeError.code, "file_too_large"}
# What the batch job alone raises is no answer.
SERVING = ("server.", "scoring.protocol.", "scoring.preprocessing.")
LIMITS = re.compile(r"max_|large_|threads$|waiting$|connections$")
NO_LIMITS = {"inference_threads"}


def chapter(heading: str) -> str:
    return DOCUMENT.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def given_codes(path: Path) -> Iterator[str]:
    """Yield what stands behind ``code=`` in the calls of a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for keyword in node.keywords if isinstance(node, ast.Call) else ():
            if keyword.arg == "code" and isinstance(keyword.value, ast.Constant):
                yield str(keyword.value.value)


def with_subclasses(kind: type[Any]) -> Iterator[Any]:
    yield kind
    for one in kind.__subclasses__():
        yield from with_subclasses(one)


def sent_codes() -> set[str]:
    for module in pkgutil.walk_packages(server.__path__, "server."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    unread = {one.code for one in with_subclasses(utilities.Error)}
    http = {HttpError(status, "").wire_code for status in unread}
    modules = [path for folder in PROGRAM for path in folder.rglob("*.py")]
    given = {code for path in modules for code in given_codes(path)}
    kinds = [one for kind in (ApiError, DecodeError) for one in with_subclasses(kind)]
    classes = {one.code for one in kinds if one.__module__.startswith(SERVING)}
    return (given | http | set(CODES.values()) | classes) - NEVER_SENT


def test_every_code_is_told_and_no_other() -> None:
    told = {
        code
        for line in chapter("Errors").splitlines()
        if line.startswith("| ")
        for code in re.findall(r"`([a-z0-9_]+)`", line.split("|")[2])
    }
    assert told == sent_codes()


def test_codes_are_found_in_the_program() -> None:
    assert {"busy", "stopping", "full", "http_431", "bad_host", "corrupt_image"} <= sent_codes()


@pytest.mark.parametrize("name", [name for name in ServerSettings.entries if LIMITS.search(name)])
def test_every_limit_is_told(name: str) -> None:
    assert name in NO_LIMITS or f"`server.{name}`" in chapter("Limits")
