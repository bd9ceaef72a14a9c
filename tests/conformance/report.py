"""What came of a conformance run: a line for each check, and the table for docs/api.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

BEGIN, END = "<!-- conformance: begin -->", "<!-- conformance: end -->"


@dataclass(frozen=True)
class Result:
    """One check of one client. ``skipped`` says why it was not made, ``error`` what went wrong."""

    client: str
    version: str
    what: str
    error: str = ""
    skipped: str = ""

    @property
    def verdict(self) -> str:
        if self.skipped:
            return f"skipped: {self.skipped}"
        return f"FAILED: {self.error}" if self.error else "ok"


def merged(results: Iterable[Result]) -> list[Result]:
    """Return one result for each check that was made several times: what failed once has failed."""
    by_check: dict[tuple[str, str], Result] = {}
    for one in results:
        known = by_check.setdefault((one.client, one.what), one)
        if one.error and not known.error:
            by_check[one.client, one.what] = one
    return list(by_check.values())


def table(results: Iterable[Result]) -> str:
    """Return the results as a table in Markdown."""
    lines = ["| client | version | what | |", "|---|---|---|---|"]
    for one in results:
        cells = (one.client, one.version, one.what, one.verdict)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def tally(results: Iterable[Result]) -> str:
    """Return how many checks went how, as the last line has it."""
    verdicts = [one.verdict.split(":")[0] for one in results]
    counts = {name: verdicts.count(name) for name in ("ok", "FAILED", "skipped")}
    return f"{counts['ok']} passed, {counts['FAILED']} failed, {counts['skipped']} skipped"


def write_into(document: Path, text: str) -> None:
    """Put the text between the marks of a document."""
    before, rest = document.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    document.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
