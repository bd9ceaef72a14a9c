"""The examples in docs/api.md are run as they stand, and print what stands below them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from client import request
from scoring.settings import CODE_ROOT, Settings
from tests.conftest import running_server
from tests.deadlines import DEADLINE

DOCUMENT = (CODE_ROOT / "docs" / "api.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(
    r"<!-- run(?P<after> after G1 was scored)? -->\n"
    r"```(?P<language>sh|python)\n(?P<code>.*?)```\n\n```text\n(?P<printed>.*?)```",
    flags=re.S,
)
EXAMPLES = [match.groups() for match in EXAMPLE.finditer(DOCUMENT)]
ALONE = [example[1:] for example in EXAMPLES if not example[0]]
AFTER_A_RUN = [example[1:] for example in EXAMPLES if example[0]]
DEFAULT_URL = re.compile(r"http://(127\.0\.0\.1|localhost):5000")
SHELL = {"sh": ["sh", "-c"], "python": [sys.executable, "-c"]}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running_server(Settings(project=CODE_ROOT)) as url:
        yield url


def test_every_example_is_found() -> None:
    assert ALONE
    assert AFTER_A_RUN
    assert len(EXAMPLES) == DOCUMENT.count("<!-- run")


@pytest.mark.parametrize(("language", "code", "printed"), ALONE)
def test_an_example_prints_what_it_says(url: str, language: str, code: str, printed: str) -> None:
    """``…`` stands for whatever is there."""
    if language == "sh" and not (shutil.which("sh") and shutil.which("curl")):
        pytest.skip("there is no sh or no curl (apt install curl)")
    code = DEFAULT_URL.sub(url, code)
    done = subprocess.run(
        [*SHELL[language], code], cwd=CODE_ROOT, capture_output=True, text=True, timeout=DEADLINE
    )
    assert done.returncode == 0, done.stderr
    wanted = ".*?".join(re.escape(part) for part in printed.strip().split("…"))
    assert re.fullmatch(wanted, done.stdout.strip(), flags=re.S), done.stdout


@pytest.mark.parametrize(("language", "code", "printed"), AFTER_A_RUN)
def test_so_does_one_that_wants_pictures_of_a_run(
    server_url: str, project: Path, language: str, code: str, printed: str
) -> None:
    batch = project / "image_batches" / "G1"
    batch.mkdir()
    shutil.copy(CODE_ROOT / "image_batches" / "G1" / "item-001.png", batch)
    assert request.main(["G1"]) == 0
    test_an_example_prints_what_it_says(server_url, language, code, printed)
