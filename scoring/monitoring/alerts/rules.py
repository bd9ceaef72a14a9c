"""What of a night somebody is to be told: one small function a rule.

A rule finds a problem, finds that all is well, or has nothing to go by. Problems that last are told
when they begin, and again after ``alerts.remind_days``; a run that did not go well is told each
time.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from scoring.monitoring.words import cut, days, number_of, percent
from scoring.protocol.commands import command
from scoring.records.run_life import RunEnded, describe
from scoring.records.text import on_one_line
from scoring.settings import RuleName

# A mail's subject, a phone's first line; a reason may be as long as an exception's text.
TITLE, REASON = 120, 400


class Watched(Struct, frozen=True):
    """What monitoring found in a run of one model, in words that name it; None: it could not tell.

    Empty where all is well. ``model`` is its name, "" where nobody knows.
    """

    drift: str | None = None
    accuracy: str | None = None
    retrain: str | None = None
    model: str = ""


class Night(Struct, frozen=True):
    """What the rules judge: how a run ended, and the state of things by then.

    ``free_bytes``: on the fuller of the disks that are written to, None where they do not say.
    """

    ended: RunEnded
    failed_percent: float
    low_disk_bytes: int
    free_bytes: int | None
    watched: tuple[Watched, ...] = ()

    @property
    def state(self) -> str:
        return self.ended.run.state

    @property
    def name(self) -> str:
        """Which run it is, as a sentence goes on."""
        nights = self.ended.due_dates
        return f"the nightly run of {days(nights)}" if nights else "the run by hand"


class Problem(Struct, frozen=True):
    """What happened in one line, and what to do."""

    what: str
    to_do: str


class Well:
    """A rule that had spoken has nothing to say any more."""


WELL = Well()
Found = Problem | Well | None


class Rule(Struct, frozen=True):
    """How it judges; ``lasts``: it is told when it begins, not every night.

    Rules of one ``family`` are well together, and are told so once. ``well_again``: what is said
    then, None for what is over once it has been told.
    """

    judge: Callable[[Night], Found]
    family: str
    well_again: str | None
    lasts: bool = False


def run_failed(night: Night) -> Found:
    if night.state == "failed":
        what = f"{night.name} failed: {_reason(night)}"
        return Problem(
            what, f"Mend that and run {command('scheduler', '--once')}, or wait for tonight."
        )
    return _ended_well(night)


def run_partial(night: Night) -> Found:
    if night.state == "partial":
        what = f"{night.name} is not complete: {_reason(night)}"
        return Problem(what, "What it left is taken up by the next one; nothing is lost.")
    return _ended_well(night)


def run_missed(night: Night) -> Found:
    if night.state == "missed":
        what = on_one_line(describe(night.ended))
        return Problem(
            what, f"See that the machine and {command('scheduler')} are up in the evening."
        )
    return _ended_well(night)


def error_share(night: Night) -> Found:
    done = night.ended.summary
    if not done.images or night.state == "missed":
        return None
    if 100 * done.failed / done.images <= night.failed_percent:
        return WELL
    share = percent(done.failed / done.images)
    what = f"{done.failed} of {number_of(done.images, 'image')} ({share}) could not be read"
    return Problem(what, "Results.csv says why of each; take or copy those pictures again.")


def drift(night: Night) -> Found:
    to_do = "Look at the report: has the camera, the light or the kind of picture changed?"
    return _watched([one.drift for one in night.watched], to_do)


def low_accuracy(night: Night) -> Found:
    to_do = "Judge the pictures that wait at the desk; then the figure is known, not estimated."
    return _watched([one.accuracy for one in night.watched], to_do)


def retrain_advised(night: Night) -> Found:
    # Without a name it would be another model's.
    commands = " and ".join(
        command("fashion_model.retrain", *filter(None, [one.model]))
        for one in night.watched
        if one.retrain
    )
    to_do = f"Correct what waits at the desk, then run {commands}."
    return _watched([one.retrain for one in night.watched], to_do)


def nothing_to_score(night: Night) -> Found:
    if night.state != "done":
        return None
    if night.ended.summary.images:
        return WELL
    return Problem(
        f"{night.name} found no new image", "If some should have come, see whether a share is off."
    )


def disk_nearly_full(night: Night) -> Found:
    if night.free_bytes is None:
        return None
    if night.free_bytes >= night.low_disk_bytes:
        return WELL
    what = f"only {night.free_bytes / 1e6:.0f} MB are free on the disk that is written to"
    return Problem(what, "Make room before the next run; it needs what its images need, and more.")


RUN_AGAIN = "the nightly run is done, as it should be"
# Judged in this order. Of a ledger that was restored the ledger itself knows (``writing``).
RULES: dict[RuleName, Rule] = {
    "run-failed": Rule(run_failed, "run", RUN_AGAIN),
    "run-partial": Rule(run_partial, "run", RUN_AGAIN),
    "run-missed": Rule(run_missed, "run", RUN_AGAIN),
    "error-share": Rule(error_share, "error-share", "nearly every image can be read again"),
    "drift": Rule(drift, "drift", "no drift is seen any more", lasts=True),
    "low-accuracy": Rule(
        low_accuracy, "low-accuracy", "accuracy is where it should be", lasts=True
    ),
    "retrain-advised": Rule(
        retrain_advised, "retrain-advised", "confidence is above its thresholds", lasts=True
    ),
    "nothing-to-score": Rule(
        nothing_to_score, "nothing-to-score", "there were new images to score", lasts=True
    ),
    "disk-nearly-full": Rule(
        disk_nearly_full, "disk-nearly-full", "there is room on the disk", lasts=True
    ),
}


def family_of(name: RuleName) -> list[RuleName]:
    """Return the rules that are well together with one."""
    return [other for other, rule in RULES.items() if rule.family == RULES[name].family]


def _ended_well(night: Night) -> Found:
    """A night is well again by a night, and by no run by hand."""
    return WELL if night.state == "done" and night.ended.due_dates else None


def _reason(night: Night) -> str:
    run, done = night.ended.run, night.ended.summary
    figures = f"{number_of(done.images, 'image')}, {done.failed} of them not read"
    return cut(on_one_line(run.reason), REASON) or figures


def _watched(found: list[str | None], to_do: str) -> Found:
    """Put the models' words together; well only where every model that was looked at is."""
    known = [words for words in found if words is not None]
    problems = [words for words in known if words]
    if problems:
        return Problem("; ".join(problems), to_do)
    return WELL if known else None
