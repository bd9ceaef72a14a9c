"""``/pictures/<id>``: one picture, what was said of it and by whom; it is corrected here."""

from __future__ import annotations

import re
from functools import partial

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from desk import sessions
from desk.access import sent_to
from desk.context import the_desk, the_ledger
from desk.pages.picture_files import seen_pixels
from desk.pages.pictures import address_of
from desk.pages.review_state import answer_in_words, nothing_of
from desk.queue import picture_of
from desk.reviewing import the_reviewing
from scoring.protocol.errors import BadRequest
from scoring.records.answers import CANNOT_TELL, NOT_A_GARMENT, WORDS, Answer
from scoring.records.labels import Labels, PictureKey, Review, ReviewConflict, ReviewRefused
from scoring.records.ledger import Ledger
from scoring.records.picture_search import said_of

PLAIN_NAME = re.compile(r"\w[\w./-]*")

pages = Blueprint("picture", __name__)


@pages.get("/pictures/<id_>")
def page(id_: str) -> str:
    """Return the page of a picture."""
    return _page(id_)


@pages.post("/pictures/<id_>")
def correct(id_: str) -> ResponseReturnValue:
    """Write down what a person says of it, where what he saw stands still."""
    reviewer = sessions.reviewer()
    if reviewer is None:
        return sent_to("sign_in.who")
    expected = request.form.get("expected", type=int)
    try:
        _write(picture_of(id_), request.form.get("answer", ""), expected, reviewer)
    except ReviewConflict as conflict:
        return _page(id_, f"{_told(conflict)}. Nothing was written; decide again."), 409
    except ReviewRefused as error:
        raise BadRequest(str(error), code=error.code) from error
    return redirect(url_for("picture.page", id_=id_), 303)


def _write(picture: PictureKey, given: str, expected: int | None, reviewer: str) -> None:
    labels = Labels(the_ledger())
    if given == "undo" and expected is not None:
        labels.undo(expected, reviewer)
        return
    kind, _, label = given.partition(":")
    answer = Answer("label", label) if kind == "label" else _verdict(given)
    labels.add(
        picture, answer.verdict, answer.label, reviewer=reviewer, source="desk", expected=expected
    )


def _verdict(given: str) -> Answer:
    for verdict in WORDS:
        if given == verdict:
            return Answer(verdict)
    raise BadRequest("choose what it is", code="bad_answer")


def _page(id_: str, told: str = "") -> str:
    picture = picture_of(id_)
    ledger, reviewing = the_ledger(), the_reviewing()
    reviewing.look(ledger, the_desk().now())
    labels = Labels(ledger)
    said, history = said_of(ledger, picture), labels.history(picture)
    if not said and not history:
        abort(404)
    version = said[0].model_version if said else history[-1].said.model_version
    return render_template(
        "picture.html",
        id_=id_,
        picture=picture,
        address=address_of(picture),
        said=said,
        seen_by={
            one.model_version
            for one in said
            if seen_pixels(picture.content_hash, one.model_version) is not None
        },
        history=history,
        in_words=partial(_in_words, ledger),
        standing=labels.current(picture),
        labels=labels.labels_of(picture),
        verdicts={NOT_A_GARMENT: nothing_of(ledger, version), CANNOT_TELL: CANNOT_TELL},
        is_hidden=reviewing.hides(id_),
        argument=_as_argument(picture),
        told=told,
    )


def _told(conflict: ReviewConflict) -> str:
    """Return what a conflict says, in the words of the picture's model."""
    if conflict.standing is None:
        return str(conflict)
    said = _in_words(the_ledger(), conflict.standing)
    return f"{conflict.standing.reviewer} has decided meanwhile: {said}"


def _in_words(ledger: Ledger, review: Review) -> str:
    return answer_in_words(ledger, review.answer, review.said.model_version)


def _as_argument(picture: PictureKey) -> str:
    """Return what a command line takes for the picture: its name where any shell reads it alike."""
    name = f"{picture.batch}/{picture.path}"
    return name if PLAIN_NAME.fullmatch(name) else picture.content_hash
