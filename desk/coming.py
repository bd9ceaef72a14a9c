"""What happens next, in words: the run in progress, the next one, whether anybody will start it."""

from __future__ import annotations

from msgspec import Struct

from desk.context import the_desk
from scoring.machine_zone import look_anew
from scoring.monitoring import words
from scoring.processes.locks import instance_holder, run_holder
from scoring.protocol.errors import ScoringError
from scoring.records.at_work import run_at_work
from scoring.records.due_days import NextRun, Policy
from scoring.records.ledger_reader import LedgerReader
from scoring.records.next_run import describe_passed, read_next_run
from scoring.settings import Settings

NEAR_DAYS = {0: "Today", 1: "Tomorrow"}


class Coming(Struct, frozen=True):
    """What Today says of the time to come.

    Attributes:
        next: when the next nightly run starts.
        remark: what is odd about it, or that the settings are wrong; mostly empty.
        is_sure: whether a scheduler is up that will start it.
        progress: how far the run is that is in progress; empty: none is.
    """

    next: str
    remark: str
    is_sure: bool
    progress: str


def what_comes(ledger: LedgerReader | None) -> Coming:
    """Return what is next by a ledger; None: there is none yet."""
    settings, remark = _settings_now()
    policy = Policy.from_settings(settings)
    holder = run_holder(settings)
    coming = read_next_run(ledger, policy, the_desk().now(), worked_on=holder is not None)
    if coming.passed:
        remark = remark or words.capitalised(describe_passed(coming.passed, policy)) + "."
    return Coming(
        next=_in_words(coming, policy),
        remark=remark,
        is_sure=instance_holder(settings) is not None,
        progress=_progress(ledger, holder.since) if ledger and holder else "",
    )


def _settings_now() -> tuple[Settings, str]:
    """Return the settings as they stand now, for the scheduler takes changes up; else the desk's.

    And what is wrong with them. The machine's zone is looked for anew, as there.
    """
    look_anew()
    try:
        return the_desk().read_settings(), ""
    except ScoringError as error:
        return the_desk().settings, f"The settings are wrong: {error}"


def _in_words(coming: NextRun, policy: Policy) -> str:
    if coming.resumes:
        return f"At once: the run of {words.day(coming.day.date)} was interrupted and goes on"
    if coming.is_due:
        return f"At once: the run of {words.day(coming.day.date)} is due"
    at = coming.at.astimezone(policy.zone)
    away = (at.date() - the_desk().now().astimezone(policy.zone).date()).days
    return f"{NEAR_DAYS.get(away) or words.day(at.date())} at {words.clock(at)}"


def _progress(ledger: LedgerReader, since: str) -> str:
    run = run_at_work(ledger.running(), since)
    if run is None:
        return "A run is being prepared."
    shown, waiting = ledger.count_images(run.id)
    return f"A run is in progress: {words.count(shown - waiting)} of {words.count(shown)} pictures."
