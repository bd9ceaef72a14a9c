"""What a run comes to in one sentence, and what was different from usual: facts → words.

The sentence is for somebody who reads nothing else. What went wrong comes first, then what wants a
person, then what is out of the ordinary; a night of which nothing is to be said says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from scoring.monitoring.differences import differences, for_the_sentence
from scoring.monitoring.facts import ReportFacts
from scoring.monitoring.usual import FEWEST_NIGHTS
from scoring.monitoring.words import (
    capitalised,
    count,
    days,
    listed,
    number_of,
    short_day,
    wants_a_person,
)
from scoring.protocol.commands import command

# calm: nothing to do; look: a person is wanted; trouble: the run itself is not what it should be.
Tone = Literal["calm", "look", "trouble"]

# More of them is itself the news, whatever was usual.
MANY = 1 / 3
# So many unread files are no accident.
MANY_FAILED = 1 / 6
# Of single things that are out of the ordinary the sentence names so many.
NAMED = 2


class Verdict(Struct, frozen=True):
    """The words of a report's first screen.

    Attributes:
        sentence: what the run came to.
        tone: how it is to be taken.
        why: the run's own reason, where it has one.
        different: what is out of the ordinary, one sentence each.
        usual: what stands there where nothing is.
        to_do: what somebody should do about it, one sentence each.
    """

    sentence: str
    tone: Tone
    why: str
    different: tuple[str, ...]
    usual: str
    to_do: tuple[str, ...]


def judge_run(facts: ReportFacts) -> Verdict:
    """Return the words for a run."""
    found = differences(facts)
    sentence, tone = _sentence(facts, for_the_sentence(found))
    return Verdict(
        sentence=sentence,
        tone=tone,
        why=capitalised(facts.run.reason) if _has_why(facts) else "",
        different=tuple(one.long for one in found),
        usual=_usual(facts),
        to_do=tuple(_to_do(facts)),
    )


# The sentence


def _sentence(facts: ReportFacts, odd: list[str]) -> tuple[str, Tone]:
    state, totals = facts.run.state, facts.totals
    if state == "missed":
        return _missed(facts), "trouble"
    if state == "failed":
        return _failed(facts), "trouble"
    if state == "partial":
        return _partial(facts), "trouble"
    if not totals.images:
        return _nothing(facts)
    return _as_it_came(facts, odd)


def _as_it_came(facts: ReportFacts, odd: list[str]) -> tuple[str, Tone]:
    """Say what a run scored that went as it should."""
    scored, look = _scored(facts), _look(facts)
    if odd:
        also = f"; {look}" if look else ""
        return f"{scored}, but {listed(odd, NAMED)}{also}.", "look"
    known = facts.nights >= FEWEST_NIGHTS and not _is_new_version(facts)
    if look:
        rest = ", and nothing else is out of the ordinary" if known else ""
        return f"{scored}; {look}{rest}.", "look"
    rest = " and nothing is out of the ordinary" if known else ""
    return f"{scored}; none wants a person{rest}.", "calm"


def _missed(facts: ReportFacts) -> str:
    nights = facts.run.nights
    if len(nights) > 1:
        return (
            f"{len(nights)} nights were missed, {days(nights)}: nothing was scored, and what came"
            " in then is left for the next run."
        )
    when = f"of {days(nights)} " if nights else ""
    return (
        f"The run {when}was missed: nothing was scored, and what came in is left for the next run."
    )


def _failed(facts: ReportFacts) -> str:
    totals = facts.totals
    if not totals.images:
        return "The run failed and nothing was scored: what came in waits for the next run."
    if not totals.scored:
        return f"The run failed: none of {_pictures(totals.images)} could be read."
    if totals.failed > MANY_FAILED * totals.images:
        return (
            f"{count(totals.failed)} of {_pictures(totals.images)} could not be read, too many for"
            f" a good run; the other {count(totals.scored)} were scored{_and(_look(facts))}."
        )
    return f"The run failed after {_pictures(totals.scored)} were scored{_and(_look(facts))}."


def _partial(facts: ReportFacts) -> str:
    totals = facts.totals
    waiting = f"{count(totals.waiting)} wait for the next run"
    if not totals.images:
        return (
            f"The run ended before anything was scored{f'; {waiting}' if totals.waiting else ''}."
        )
    done = f"The run ended before all was done: {_pictures(totals.scored)} were scored"
    left = waiting if totals.waiting else "the next run takes what is left"
    look = _look(facts)
    return f"{done}, and {left}{f'; {look}' if look else ''}."


def _nothing(facts: ReportFacts) -> tuple[str, Tone]:
    if facts.totals.waiting:
        waiting = _pictures(facts.totals.waiting)
        return f"Nothing was scored: {waiting} were still being written and wait.", "look"
    gone = [event for event in facts.events if event.code == "batches-gone"]
    if gone:
        return "Nothing came in, and a folder that had pictures has none: is a share off?", "look"
    if facts.run.kind == "manual" and "new" not in facts.run.reason:
        batches = listed(facts.run.batches) or "the batches"
        return f"There are no pictures in {batches}, so there was nothing to score.", "look"
    return "Nothing new came in, so the results are as they were.", "calm"


def _scored(facts: ReportFacts) -> str:
    totals, first = facts.totals, facts.run.earlier == 0
    opening = "The first run: " if first else ""
    if facts.run.kind == "manual":
        of = f" of {listed([one.name for one in facts.batches])}" if facts.batches else ""
        what = f"{_pictures(totals.images)}{of} {_were(totals.images)} scored by hand"
    else:
        what = f"{_pictures(totals.images)} came in and {_were(totals.images)} scored"
    if totals.failed:
        what += f" except {count(totals.failed)} that could not be read"
    return capitalised(opening + what)


def _look(facts: ReportFacts) -> str:
    """Say how many want a person; "" where none does."""
    flagged = facts.totals.flagged
    return f"{wants_a_person(flagged)}{_how_many(facts)}{_strangers(facts)}" if flagged else ""


def _how_many(facts: ReportFacts) -> str:
    """Say whether that is many; of several models only each one's own nights could tell."""
    if len(facts.models) == 1:
        share = next((one for one in facts.models[0].measures if one.name == "flagged"), None)
        if share and share.low is not None:
            return {1: ", far more than usual", -1: ", far fewer than usual"}.get(share.odd, "")
    return ", which is many" if facts.totals.flagged > MANY * facts.totals.scored else ""


def _strangers(facts: ReportFacts) -> str:
    """Say how many of them the model takes for something else, where that is most of the news."""
    said = [
        f'{count(model.strangers)} of them as "{model.stranger}"'
        for model in facts.models
        if model.strangers > 1 and 2 * model.strangers > model.totals.flagged
    ]
    return f" ({listed(said)})" if said else ""


def _has_why(facts: ReportFacts) -> bool:
    """Tell whether the run's reason says more than the sentence."""
    totals = facts.totals
    too_many = facts.run.state == "failed" and totals.failed > MANY_FAILED * totals.images
    return bool(facts.run.reason) and facts.run.state != "done" and not (totals.images and too_many)


# What is usual


def _usual(facts: ReportFacts) -> str:
    """Say why nothing stands under what is different."""
    if not facts.totals.images:
        return ""
    what = "nights" if facts.run.kind == "nightly" else "earlier runs of these batches"
    if facts.nights < FEWEST_NIGHTS:
        return (
            f"Too few {what} to know what is usual: {facts.nights} so far; from"
            f" {FEWEST_NIGHTS} on it is said here."
        )
    if _is_new_version(facts):
        so_far = min(model.nights for model in facts.models)
        return (
            f"Nothing in how many came in. Of what the model says too few {what} of its version are"
            f" known: {so_far} so far; from {FEWEST_NIGHTS} on it is said here."
        )
    return f"Nothing: all is as it was in the last {count(facts.nights)} {what}."


def _is_new_version(facts: ReportFacts) -> bool:
    """Tell whether a model's version has too few nights to know what is usual of it."""
    return any(model.nights < FEWEST_NIGHTS for model in facts.models)


# What to do


def _to_do(facts: ReportFacts) -> Iterator[str]:
    run, totals = facts.run, facts.totals
    if run.state == "missed":
        yield "See that the machine and the scheduler are on at the time of the run."
    if run.state == "failed" and not totals.images:
        yield f"Mend that and run {command('scheduler', '--once')}, or wait for the next run."
    if totals.failed > MANY_FAILED * totals.images and totals.images:
        yield "Ask whoever delivers the pictures: so many that cannot be read are no accident."
    if any(event.code == "batches-gone" for event in facts.events):
        yield "Look whether the folder or its network drive is there."


# Small words


def _pictures(number: int) -> str:
    return number_of(number, "picture")


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _and(text: str) -> str:
    return f", and {text}" if text else ""


def title(facts: ReportFacts) -> str:
    """Return the short name of a report: the night, or when it was by hand."""
    run = facts.run
    if run.nights:
        first, last = run.nights[0], run.nights[-1]
        span = short_day(last) if first == last else f"{short_day(first)} to {short_day(last)}"
        return f"Night of {span} {last.year}"
    return f"By hand, {short_day(run.started_at.date())} {run.started_at.year}"
