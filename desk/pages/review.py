"""``/review``: the pictures that wait, one after another; ``/review/audit``: those of the audit.

A script sends JSON and gets JSON; a form without one gets the page again. Both use the same paths.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from functools import partial
from typing import Any, cast

from flask import Blueprint, Response, abort, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from desk import sessions
from desk.access import sent_to, wants_page
from desk.context import the_desk, the_ledger
from desk.pages.review_state import Sentence, state_of, told_of, told_of_standing
from desk.pages.sent import Sent
from desk.queue import picture_of
from desk.review_queue import Ask, Part
from desk.reviewing import Outcome, the_reviewing
from scoring.monitoring import words
from scoring.protocol.errors import BadRequest, NotFound, Unauthorized
from scoring.records.answers import CANNOT_TELL, NOT_A_GARMENT, Answer
from scoring.records.labels import Labels, ReviewRefused, UnknownPicture

MOST_WANTED = 200
LATER = "later"
# A held picture is asked for again so many times before it would be offered to others.
RENEWALS = 3

pages = Blueprint("review", __name__)


@pages.get("/review")
def page() -> ResponseReturnValue:
    """Return the page with the first picture of the queue."""
    return _page(audit="")


@pages.get("/review/audit")
def audit() -> ResponseReturnValue:
    """Return the page of the audit sample, where it has one of its own."""
    return redirect(url_for("review.page"), 303) if the_reviewing().blind else _page(audit="1")


@pages.post("/review/more")
def more() -> ResponseReturnValue:
    """Hold what a page has still, and return what it may have besides."""
    sent = Sent.now()
    the_reviewing().look(the_ledger(), the_desk().now())
    return _go_on(sent, _ask(sent))


@pages.post("/review/answer")
def answer() -> ResponseReturnValue:
    """Write an answer down, and return what comes next."""
    sent, ask, reviewer = Sent.now(), _ask(Sent.now()), _reviewer()
    picture = picture_of(sent.text("picture") or "")
    reviewing = the_reviewing()
    _look_once()
    if sent.text("verdict") == LATER:
        reviewing.later(ask, picture)
        return _go_on(sent, ask)
    try:
        outcome = reviewing.answer(
            the_ledger(), ask, picture, _answer(sent), reviewer, sent.number("seconds")
        )
    except UnknownPicture as error:
        raise NotFound(str(error), code=error.code) from error
    except ReviewRefused as error:
        raise BadRequest(str(error), code=error.code) from error
    return _go_on(sent, ask, outcome)


@pages.post("/review/undo")
def undo() -> ResponseReturnValue:
    """Take an answer back, by default the last one of this reviewer, and return to its picture."""
    sent, ask = Sent.now(), _ask(Sent.now())
    review = sent.number("review")
    _look_once()
    try:
        outcome = the_reviewing().undo(
            the_ledger(), ask, None if review is None else int(review), _reviewer()
        )
    except ReviewRefused as error:
        raise BadRequest(str(error), code=error.code) from error
    return _go_on(sent, ask, outcome)


@pages.post("/review/leave")
def leave() -> ResponseReturnValue:
    """Let others have what a page that was left had before it."""
    visit = Sent.now().text("visit")
    the_reviewing().queue.leave(sessions.holder(), visit or "")
    return "", 204


def _page(audit: str) -> ResponseReturnValue:
    # Where there is none, a name helps nobody.
    ledger = the_ledger()
    reviewer = sessions.reviewer()
    if reviewer is None:
        return sent_to("sign_in.who")
    visit = secrets.token_urlsafe(9)
    ask = _ask(Sent({**request.args, "visit": visit, "audit": audit}, False))
    reviewing = the_reviewing()
    reviewing.look(ledger, the_desk().now())
    state = _state(ask, reviewer)
    told, undoes = _told_before(reviewer)
    return render_template(
        "review.html",
        ask=ask,
        audit=audit,
        blind=reviewing.blind,
        batches=state["counts"]["batch"],
        reasons=state["counts"]["reason"],
        here=partial(_other, audit, ask),
        item=state["items"][0] if state["items"] else None,
        state=state,
        told=told,
        undoes=undoes,
        lease=words.seconds(the_desk().settings.desk.lease_seconds),
        renew=the_desk().settings.desk.lease_seconds / RENEWALS,
    )


def _told_before(reviewer: str) -> tuple[Sentence, int | None]:
    """Return what is told of the review that a form without a script came from, and its id.

    Of what came second nothing was written, also where he had answered himself before.
    """
    id_, stands = request.args.get("told", type=int), "stands" in request.args
    review = Labels(the_ledger()).get(id_) if id_ else None
    if review is None:
        return told_of_standing(the_ledger(), None, reviewer, 0.0) if stands else [], None
    if review.reviewer == reviewer and not stands:
        return told_of(the_ledger(), review), review.id if review.verdict != "undone" else None
    return told_of_standing(the_ledger(), review, reviewer, _seconds_since(review.decided_at)), None


def _go_on(sent: Sent, ask: Ask, outcome: Outcome | None = None) -> ResponseReturnValue:
    """Return what comes next: to a script as JSON, to a form as the page."""
    if not sent.is_script:
        review = (outcome.review or outcome.standing) if outcome else None
        stands = 1 if outcome and outcome.is_conflict else None
        return redirect(_here(sent, told=review.id if review else None, stands=stands), 303)
    told = _outcome(outcome, _reviewer()) if outcome else {}
    back = told.pop("back", None)
    state = _state(ask, _reviewer(), back)
    return jsonify({**state, **told}), 409 if outcome and outcome.is_conflict else 200


def _other(audit: str, ask: Ask, **changed: str | None) -> str:
    """Return the address of the page with another batch or reason."""
    picked = {"batch": ask.batch, "reason": ask.reason, **changed}
    endpoint = "review.audit" if audit else "review.page"
    return url_for(endpoint, batch=picked["batch"], reason=picked["reason"])


def _here(sent: Sent, told: int | None, stands: int | None) -> str:
    endpoint = "review.audit" if sent.text("audit") else "review.page"
    batch, reason = sent.text("batch"), sent.text("reason")
    return url_for(endpoint, told=told, stands=stands, batch=batch, reason=reason)


def _state(ask: Ask, reviewer: str, back: Any = None) -> dict[str, Any]:
    reviewing = the_reviewing()
    items = reviewing.queue.take(ask)
    return state_of(reviewing, the_ledger(), ask, reviewer, items, back)


def _outcome(outcome: Outcome, reviewer: str) -> dict[str, Any]:
    if outcome.review is None:
        standing = outcome.standing
        ago = _seconds_since(standing.decided_at) if standing else 0.0
        return {"stands": True, "told": told_of_standing(the_ledger(), standing, reviewer, ago)}
    return {
        "saved": outcome.review.id,
        "told": told_of(the_ledger(), outcome.review),
        "back": outcome.back,
    }


def _ask(sent: Sent) -> Ask:
    part: Part = "all"
    if not the_reviewing().blind:
        part = "audit" if sent.text("audit") else "flagged"
    return Ask(
        holder=sessions.holder(),
        visit=sent.text("visit") or "",
        part=part,
        batch=sent.text("batch"),
        reason=sent.text("reason"),
        wanted=min(max(int(sent.number("wanted") or 1), 1), MOST_WANTED),
        holding=sent.texts("holding") if sent.is_script else (),
    )


def _answer(sent: Sent) -> Answer:
    label, verdict = sent.text("label"), sent.text("verdict")
    if verdict in (NOT_A_GARMENT, CANNOT_TELL):
        return Answer(NOT_A_GARMENT if verdict == NOT_A_GARMENT else CANNOT_TELL)
    if label is None or verdict not in (None, "label"):
        raise BadRequest("an answer has a label, or a verdict", code="bad_answer")
    return Answer("label", label)


def _reviewer() -> str:
    """Return who answers; a form is sent where it gives a name, a script keeps what it has.

    Raises Unauthorized for a script.
    """
    reviewer = sessions.reviewer()
    if reviewer is None and wants_page():
        abort(cast(Response, sent_to("sign_in.who")))
    if reviewer is None:
        raise Unauthorized("give your name first, at /who", code="no_name")
    return reviewer


def _look_once() -> None:
    """Read the queue where a desk was started again while a page was open."""
    if not the_reviewing().queue.is_read():
        the_reviewing().look(the_ledger(), the_desk().now())


def _seconds_since(decided_at: str) -> float:
    return (the_desk().now() - datetime.fromisoformat(decided_at)).total_seconds()
