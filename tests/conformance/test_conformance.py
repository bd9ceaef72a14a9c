"""The conformance run can fail: what it holds answers against, and what it makes of them."""

from __future__ import annotations

import ast
import os
import re
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scoring.settings import CODE_ROOT
from tests.conformance import __main__ as conformance
from tests.conformance.__main__ import Client
from tests.conformance.checking import refused
from tests.conformance.images import Images
from tests.conformance.report import BEGIN, END, Result, merged, table, tally, write_into

PINNED = re.compile(r"[A-Za-z0-9._-]+==[^\s;]+")
LABELS = ["Bag", "Coat"]
CONFIDENCE = np.array([0.8125, 0.30830742], np.float32)


@pytest.fixture
def images(tmp_path: Path) -> Images:
    text = np.array("fashion")
    probabilities = np.tile(np.float32(0.1), (2, 10))
    Images(
        url=text,
        locked_url=text,
        key=text,
        model=text,
        version=text,
        files=np.array(["a.png", "b.png"]),
        pixels=np.zeros((2, 784), np.uint8),
        labels=np.array(LABELS),
        confidence=CONFIDENCE,
        probabilities=probabilities,
        classes=np.array(LABELS),
    ).save(tmp_path)
    return Images.load(tmp_path)


def test_the_same_bits_are_accepted_however_they_came(images: Images) -> None:
    images.check_scores(LABELS, CONFIDENCE)
    images.check_scores(iter(LABELS), CONFIDENCE.tolist())
    images.check_scores(LABELS, [[0.8125], [float("0.30830742")]])
    images.check_percentages(LABELS, [81.25, 30.83])


@pytest.mark.parametrize(
    ("labels", "confidence", "told"),
    [
        (LABELS, [CONFIDENCE[0], np.nextafter(CONFIDENCE[1], np.float32(1))], "1 confidences"),
        (LABELS, CONFIDENCE[:1], "1 confidences"),
        (LABELS[::-1], CONFIDENCE, "2 labels differ"),
        (LABELS[:1], CONFIDENCE, "1 labels"),
    ],
)
def test_one_bit_is_a_difference(
    images: Images, labels: list[str], confidence: object, told: str
) -> None:
    with pytest.raises(AssertionError, match=told):
        images.check_scores(labels, confidence)


def test_percentages_have_two_decimals_and_no_other(images: Images) -> None:
    with pytest.raises(AssertionError):
        images.check_percentages(LABELS, [81.25, 30.84])


def test_only_what_is_certain_is_a_hundred_percent_in_results(images: Images) -> None:
    almost = replace(images, confidence=np.array([0.99996, 1], np.float32))
    almost.check_percentages(LABELS, [100, 100])
    almost.check_percentages(LABELS, [99.99, 100], most=99.99)
    with pytest.raises(AssertionError, match=r"1 percentages differ: 100\.00 for 99\.99"):
        almost.check_percentages(LABELS, [100, 100], most=99.99)


def test_a_refusal_must_come_and_say_what_it_should() -> None:
    refused(lambda: int("x"), ValueError, "invalid literal")
    for call, word in ((lambda: int("x"), "fashion"), (lambda: int("1"), "literal")):
        with pytest.raises(AssertionError):
            refused(call, ValueError, word)


def test_the_table_says_what_failed_and_what_was_left_out(tmp_path: Path) -> None:
    results = [
        Result("curl", "7", "one"),
        Result("curl", "7", "two|three", error="AssertionError: 1 labels differ"),
        Result("nginx", "", "", skipped="no apt-get"),
    ]
    assert tally(results) == "1 passed, 1 failed, 1 skipped"
    text = table(results)
    assert "| curl | 7 | two\\|three | FAILED: AssertionError: 1 labels differ |" in text
    document = tmp_path / "api.md"
    document.write_text(f"# A\n{BEGIN}\nold\n{END}\nmore\n")
    write_into(document, text)
    assert document.read_text() == f"# A\n{BEGIN}\n{text}\n{END}\nmore\n"


def test_what_fails_once_has_failed() -> None:
    good, bad = Result("curl", "7", "one"), Result("curl", "7", "one", error="gunicorn: no")
    other = Result("curl", "7", "two")
    assert merged([good, other, bad, other]) == [bad, other]
    assert merged([bad, other, good]) == [bad, other]


def test_every_environment_has_its_pins_all_of_them_exact() -> None:
    files = {path.stem: path for path in CODE_ROOT.glob("requirements-conformance-*.txt")}
    used = {client.environment for client in conformance.CLIENTS if client.environment}
    assert used <= {name.removeprefix("requirements-conformance-") for name in files}
    for path in files.values():
        lines = path.read_text(encoding="utf-8").splitlines()
        assert all(PINNED.fullmatch(line) for line in lines if not line.startswith("#"))


def test_a_client_that_is_not_installed_is_left_out_and_said_so(tmp_path: Path) -> None:
    later = time.monotonic() + 60
    for client in (Client("x", "curl", "nowhere"), Client("x", "curl", program="no-such-program")):
        (result,) = conformance.ask(client, str(tmp_path), later)
        assert result.verdict.startswith("skipped: ")


def test_a_client_that_breaks_has_failed(tmp_path: Path) -> None:
    later = time.monotonic() + 240
    (result,) = conformance.ask(Client("x", "no_such_module"), str(tmp_path), later)
    assert "No module named" in result.error


@pytest.mark.skipif(os.name == "nt", reason="the try-outs are for a POSIX shell")
def test_when_the_time_is_over_what_is_left_has_failed(tmp_path: Path) -> None:
    (result,) = conformance.ask(Client("x", "own_client"), str(tmp_path), time.monotonic() - 1)
    assert result.error == "not over within 0 s"
    assert conformance.try_out("gunicorn", time.monotonic() - 1).error == result.error


def checks_of(module: str) -> set[str]:
    """Return what the checks of a client say of themselves; most cannot be imported here."""
    path = Path(conformance.__file__).parent / "clients" / f"{module}.py"
    functions = ast.parse(path.read_text(encoding="utf-8")).body
    return {
        ast.get_docstring(one) or ""
        for one in functions
        if isinstance(one, ast.FunctionDef) and one.name.startswith("check_")
    }


def test_the_table_in_the_documents_is_of_these_checks() -> None:
    """Made anew by: make conformance WRITE=--write."""
    text = conformance.DOCUMENT.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    told = {(client, what): verdict for client, _, what, verdict in rows[1:]}
    assert set(told.values()) == {"ok"}
    checks = {(one.name, what) for one in conformance.CLIENTS for what in checks_of(one.module)}
    assert {key for key in told if not key[0].startswith("deploy/")} == checks
    for name in conformance.TRY_OUTS:
        assert f"| deploy/try/{name}.sh |" in text


def test_every_client_has_its_checks() -> None:
    folder = Path(conformance.__file__).parent
    assert {path.stem for path in (folder / "clients").glob("*.py")} >= {
        client.module for client in conformance.CLIENTS
    }
    assert {path.stem for path in (CODE_ROOT / "deploy" / "try").glob("*.sh")} == {
        *conformance.TRY_OUTS,
        "common",
    }
