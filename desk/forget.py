"""``python -m desk forget IMAGE``: delete a picture and every copy that this software made of it.

Its reviews stay, with what was said: no picture is in them. What lies in the batch's folder is the
operator's, and so is what was mailed or copied elsewhere; that is said at the end.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from contextlib import closing

from msgspec import Struct

from desk.reports import make_report, report_file
from scoring.processes.locks import run_lock
from scoring.protocol.errors import ExitCode, UsageError
from scoring.records import picture_copies
from scoring.records.events_log import EventsLog
from scoring.records.ledger_beside import open_ledger
from scoring.records.ledger_reader import LedgerReader
from scoring.records.picture_store import PictureStore
from scoring.records.text import on_one_line, printable
from scoring.settings import Settings

COMMAND = "python -m desk forget"
SUMMARY = "delete a picture and every copy of it"
# A SHA-256, as the pages show it.
CONTENT_HASH = re.compile(r"[0-9a-f]{64}")


class Plan(Struct, frozen=True):
    """What is known of one content: its names, the runs whose reports may show it, its reviews."""

    content_hash: str
    names: list[tuple[str, str]]
    reports: list[str]
    reviews: int
    is_kept: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("image", metavar="IMAGE", help="BATCH/path, or the SHA-256 of its content")
    parser.add_argument("--yes", action="store_true", help="delete; without it only what would go")


def run(settings: Settings, arguments: argparse.Namespace) -> ExitCode:
    """Show what there is of a picture; with ``--yes`` delete it.

    Raises UsageError where nothing is known of it, Busy while a run is in progress.
    """
    with closing(PictureStore.from_settings(settings)) as store:
        plans = list(_plans(settings, store, arguments.image))
        if not plans:
            raise UsageError(f"nothing is known of {printable(arguments.image)}")
        for plan in plans:
            _tell("".join(f"{line}\n" for line in _described(plan)))
        if not arguments.yes:
            _tell("Nothing was deleted. Add --yes to delete it.\n")
            return ExitCode.DONE
        with run_lock(settings, COMMAND):
            for plan in plans:
                _carry_out(settings, store, plan)
    _tell("".join(f"{line}\n" for line in _left(settings, plans)))
    return ExitCode.DONE


def _plans(settings: Settings, store: PictureStore, image: str) -> Iterator[Plan]:
    with closing(open_ledger(settings)) as ledger:
        for content_hash in _contents(ledger, store, image):
            reports = picture_copies.reporting_runs(ledger, content_hash)
            yield Plan(
                content_hash=content_hash,
                names=picture_copies.names(ledger, content_hash),
                reports=[run for run in reports if report_file(settings, run).exists()],
                reviews=picture_copies.count_reviews(ledger, content_hash),
                is_kept=store.has(content_hash),
            )


def _contents(ledger: LedgerReader, store: PictureStore, image: str) -> list[str]:
    if CONTENT_HASH.fullmatch(image):
        return [image] if store.has(image) or picture_copies.names(ledger, image) else []
    return picture_copies.contents(ledger, image)


def _described(plan: Plan) -> Iterator[str]:
    for batch, path in plan.names or [("", "a picture that no run knows any more")]:
        yield on_one_line(f"{batch}/{path}".lstrip("/"))
    yield f"  content           {plan.content_hash}"
    yield f"  picture kept      {'yes, with what models saw of it' if plan.is_kept else 'no'}"
    yield f"  reports           {len(plan.reports)} that may show it, to be written anew"
    yield f"  reviews           {plan.reviews}, which stay as words without a picture"


def _carry_out(settings: Settings, store: PictureStore, plan: Plan) -> None:
    """Delete first, then write anew what showed it: a kill between them is healed by a repeat."""
    store.forget(plan.content_hash)
    for run_id in plan.reports:
        make_report(settings, run_id)
    if plan.reports:
        make_report(settings)
    EventsLog.from_settings(settings).info(
        "picture-forgotten",
        f"a picture was deleted for good ({plan.content_hash[:12]});"
        f" reports written anew: {len(plan.reports)}",
    )


def _left(settings: Settings, plans: list[Plan]) -> Iterator[str]:
    yield "Deleted, and not kept again should a run meet it."
    files = [settings.batches_folder / batch / path for plan in plans for batch, path in plan.names]
    there = [file for file in files if file.exists()]
    if there:
        yield "Yours to delete, where it lies still:"
        yield from (f"  {printable(str(file))}" for file in there)
    yield "Reports that were mailed or copied elsewhere are not known here."


def _tell(text: str) -> None:
    sys.stdout.write(text)
