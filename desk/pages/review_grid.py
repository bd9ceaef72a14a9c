"""``/review/grid``: many pictures that the model gave one class; all that stay ticked are accepted.

It shows what the model said, so it is there only where the settings let flagged pictures show it;
never for the audit sample.
"""

from __future__ import annotations

import secrets
from collections import Counter

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from desk import sessions
from desk.access import sent_to
from desk.context import the_desk, the_ledger
from desk.pages.review_state import item_of
from desk.queue import picture_of
from desk.review_queue import Ask
from desk.reviewing import the_reviewing
from scoring.protocol.errors import BadRequest
from scoring.records.answers import Answer

AT_ONCE = 48

pages = Blueprint("review_grid", __name__)


@pages.get("/review/grid")
def page() -> ResponseReturnValue:
    """Return the page with pictures of one class, by default the one that most wait of."""
    reviewing = the_reviewing()
    if reviewing.blind:
        return render_template("grid_blind.html")
    ledger = the_ledger()
    if sessions.reviewer() is None:
        return sent_to("sign_in.who")
    reviewing.look(ledger, the_desk().now())
    ask = Ask(sessions.holder(), secrets.token_urlsafe(9), "flagged", request.args.get("batch"))
    labels: Counter[str] = reviewing.queue.labels(ask)
    label = request.args.get("label") or (labels.most_common(1)[0][0] if labels else None)
    items = reviewing.queue.take(ask.of_label(label, AT_ONCE)) if label else []
    return render_template(
        "grid.html",
        ask=ask,
        label=label,
        labels=labels,
        items=[(item_of(reviewing, item), item.candidate.confidence) for item in items],
        accepted=request.args.get("accepted", type=int),
        others=request.args.get("others", 0, type=int),
        foreign=request.args.get("foreign", 0, type=int),
    )


@pages.post("/review/grid")
def accept() -> ResponseReturnValue:
    """Accept the model's class for the pictures that are ticked; those that are not wait still."""
    reviewing, reviewer = the_reviewing(), sessions.reviewer()
    label = request.form.get("label")
    if reviewing.blind or not label:
        raise BadRequest("give a label; desk.blind has to be off for it")
    if reviewer is None:
        return sent_to("sign_in.who")
    pictures = [picture_of(id_) for id_ in request.form.getlist("picture")]
    accepted = reviewing.answer_all(the_ledger(), pictures, Answer("label", label), reviewer)
    reviewing.queue.leave(sessions.holder(), request.form.get("visit", ""))
    there = url_for(
        "review_grid.page",
        label=label,
        batch=request.form.get("batch") or None,
        accepted=accepted.stands,
        others=accepted.conflicts,
        foreign=accepted.foreign,
    )
    return redirect(there, 303)
