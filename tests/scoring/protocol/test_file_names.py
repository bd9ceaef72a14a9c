"""A name is one name, whether the system's encoding has its letters or not."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scoring.protocol.errors import ExitCode
from scoring.protocol.file_names import as_file_name, as_text, as_utf8
from scoring.records.ledger import Ledger
from scoring.settings import CODE_ROOT, load_settings
from tests.conftest import write_batch
from tests.deadlines import DEADLINE

NAMES = ["衣服", "Kinder-Größe"]
# Python itself gives LC_CTYPE to what it starts, where the tests run in a shell without a language.
WITHOUT_LETTERS = [
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "", "LC_CTYPE": "", "LANG": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


@given(st.binary(max_size=30))
@example("衣服".encode())
@example(b"caf\xe9")
def test_what_ascii_makes_of_a_name_is_put_back(name: bytes) -> None:
    spelt = name.decode("ascii", "surrogateescape")
    assert as_text(spelt) == name.decode("utf-8", "surrogateescape")


@given(st.text())
def test_a_text_without_surrogates_stays_as_it_is(text: str) -> None:
    assert as_text(text) == text
    assert as_file_name(text) == text, "here, where the system's encoding has every letter"


def test_what_is_stored_is_utf8_whatever_the_name() -> None:
    assert as_utf8("ö/caf\udce9 \udcc3\udcbc \ud800") == "ö/caf\\udce9 ü \\ud800"


def test_both_take_each_part_as_it_is_spelt() -> None:
    ascii_spelling = "衣".encode().decode("ascii", "surrogateescape")
    assert as_text(f"ö/{ascii_spelling}\ud800") == "ö/衣\ud800"


def score(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "client.request", *arguments],
        cwd=CODE_ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="not run here: Windows has letters for every name")
@pytest.mark.parametrize("environment", WITHOUT_LETTERS, ids=["C", "POSIX"])
@pytest.mark.usefixtures("server_url")
def test_a_batch_has_one_name_in_every_environment(
    project: Path, environment: dict[str, str]
) -> None:
    """By hand, in the settings and by the night's own look; in each the same, and scored once."""
    for seed, name in enumerate(NAMES):
        (file,) = write_batch(project / "image_batches" / name, 1, seed)
        file.rename(file.with_name("Kleid-ü.png"))
    settings = 'paths.results = "Größen.csv"\nschedule.batches = ["衣服", "Kinder-Größe"]\n'
    (project / "settings.local.toml").write_text(settings, encoding="utf-8")
    done = score(*NAMES, environment=environment)
    assert done.returncode == ExitCode.DONE, done.stderr
    # A terminal without letters is shown their numbers, not bytes.
    assert b"\\u8863\\u670d: 1 of 1 images" in done.stdout
    assert b"Gr\\xf6\\xdfen.csv" in done.stdout
    for out in ("ö.csv", os.fsdecode(b"caf\xe9.csv")):
        done = score(NAMES[0], "--out", str(project / out), environment=environment)
        assert done.returncode == ExitCode.DONE, done.stderr
        assert (project / out).stat().st_size
    again = score("--nightly", "2026-05-05", environment=environment)
    assert b"0 new images" in again.stdout, again.stderr
    assert b"0 new images" in score("--every-batch", environment={"PYTHONUTF8": "1"}).stdout
    with (project / "Größen.csv").open(encoding="utf-8-sig", newline="") as file_:
        rows = [(row["Batch"], row["Image"]) for row in csv.DictReader(file_)]
    assert rows == [(name, "Kleid-ü.png") for name in NAMES]
    events = (project / "logs" / "Events-log.txt").read_text(encoding="utf-8")
    assert "all images of: 衣服, Kinder-Größe" in events
    assert "udc" not in events
    with Ledger(load_settings().ledger_file, 5) as ledger:
        assert [row.batch for row in ledger.results_rows()] == NAMES


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="not run here: Windows has letters for every name")
def test_a_batch_that_is_missing_is_named_and_no_bug(project: Path) -> None:
    done = score("衣服", environment=WITHOUT_LETTERS[0])
    assert done.returncode == ExitCode.BATCH_MISSING
    assert done.stderr.startswith(b"ERROR: no batch \\u8863\\u670d: there is no folder ")
    assert b"Traceback" not in done.stderr
