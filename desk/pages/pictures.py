"""``/pictures``: pictures by name, batch, class and reason.

What a model said of a picture that waits to be reviewed blind is shown nowhere, and no search tells
it: who looks for a class or a reason is shown none of those that wait.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlencode

from flask import Blueprint, render_template, request, url_for
from msgspec import Struct

from desk import sessions
from desk.context import the_desk, the_ledger
from desk.pages.review_state import answer_in_words
from desk.queue import picture_id
from desk.review_queue import Ask, Part
from desk.reviewing import Reviewing, the_reviewing
from scoring.monitoring import words
from scoring.records import model_facts
from scoring.records.ledger import Ledger
from scoring.records.picture_search import FAILED, Found, Wanted, batches, search
from scoring.records.reviews import PictureKey

PICTURES_SHOWN = 60
SHOWS = {"": "all", "waiting": "waiting", "reviewed": "reviewed"}
WAITS = "waits for review"

pages = Blueprint("pictures", __name__)


class Card(Struct, frozen=True):
    """One picture: what stands on it, and beside it; ``address`` is None where none is kept."""

    id: str
    picture: PictureKey
    address: str | None
    said: str
    beside: str = ""
    wants_a_person: bool = False


class Shown(Struct, frozen=True):
    """Some pictures; ``more`` is the address of the next page, ``rest`` how many have no page."""

    cards: list[Card]
    more: str | None = None
    rest: int = 0
    passes_over: bool = False


@pages.get("/pictures")
def page() -> str:
    """Return a page of pictures."""
    ledger, reviewing = the_ledger(), the_reviewing()
    reviewing.look(ledger, the_desk().now())
    wanted = _wanted()
    show = request.args.get("show", "")
    found = _waiting(reviewing, wanted) if show == "waiting" else _found(reviewing, ledger, wanted)
    return render_template(
        "pictures.html",
        wanted=wanted,
        show=show,
        shows=SHOWS,
        shown=found,
        blind=reviewing.blind,
        is_asked=any(
            request.args.get(name) for name in ("name", "batch", "label", "reason", "show")
        ),
        batches=batches(ledger),
        labels=model_facts.all_labels(ledger.database),
        reasons=_reasons(reviewing, ledger),
    )


def _reasons(reviewing: Reviewing, ledger: Ledger) -> list[str]:
    """Return what pictures are asked for by: the models' words, those of what waits, failure."""
    of_models = model_facts.all_review_words(ledger.database)
    waiting = reviewing.queue.reasons(Ask(sessions.holder(), ""))
    return list(dict.fromkeys((*of_models, *sorted(waiting), FAILED)))


def _wanted() -> Wanted:
    names = ("name", "batch", "label", "reason")
    # What is copied out of a page or a mail brings blanks along.
    asked = {name: request.args.get(name, "").strip() for name in names}
    # Review has them around the slash.
    asked["name"] = asked["name"].replace(" / ", "/")
    return Wanted(**asked, reviewed=request.args.get("show") == "reviewed")


def _found(reviewing: Reviewing, ledger: Ledger, wanted: Wanted) -> Shown:
    """Return what the ledger has; where that would tell what a model said, none that waits."""

    def takes(one: Found) -> bool:
        return not (wanted.tells_what_was_said and reviewing.hides(picture_id(one.picture)))

    before = request.args.get("before", type=int)
    found = search(ledger, wanted, before=before, limit=PICTURES_SHOWN, takes=takes)
    more = f"{url_for('pictures.page')}?{urlencode({**request.args, 'before': found.before})}"
    return Shown(
        cards=[_card(reviewing, ledger, one) for one in found.found],
        more=more if found.before is not None else None,
        passes_over=wanted.tells_what_was_said and not wanted.reviewed,
    )


def _waiting(reviewing: Reviewing, wanted: Wanted) -> Shown:
    """Return what waits, in the order in which it is reviewed, by what is asked for there."""
    part: Part = "all" if reviewing.blind else "flagged"
    ask = Ask(sessions.holder(), "", part, wanted.batch or None, wanted.reason or None)
    waiting = reviewing.queue.waiting(ask)
    items = [item for item in waiting if wanted.is_named(item.candidate.picture)]
    cards = [_waiting_card(item.id, item.candidate.picture) for item in items[:PICTURES_SHOWN]]
    return Shown(cards, rest=len(items) - len(cards))


def _card(reviewing: Reviewing, ledger: Ledger, one: Found) -> Card:
    id_ = picture_id(one.picture)
    if reviewing.hides(id_):
        return _waiting_card(id_, one.picture)
    said, beside = _said(ledger, one)
    return Card(
        id=id_,
        picture=one.picture,
        address=address_of(one.picture),
        said=said,
        beside=beside,
        wants_a_person=one.answer is None and reviewing.queue.is_waiting(id_),
    )


def _waiting_card(id_: str, picture: PictureKey) -> Card:
    return Card(id_, picture, address_of(picture), WAITS, wants_a_person=True)


def _said(ledger: Ledger, one: Found) -> tuple[str, str]:
    """Return what stands on a picture, a person's word before a model's; and what stands by it."""
    model = f"{one.label} {words.percent(one.confidence)}" if one.label else one.error or "nothing"
    if one.answer:
        answer = answer_in_words(ledger, one.answer, one.model_version)
        return answer, f"{one.reviewer}; the model: {model}"
    if one.label is None:
        return "not read", one.error or ""
    beside: Iterable[str | None] = (words.percent(one.confidence), one.flagged)
    return one.label, " · ".join(filter(None, beside))


def address_of(picture: PictureKey) -> str | None:
    """Return where the picture itself is shown; None where it is not kept."""
    if not the_desk().pictures.has(picture.content_hash):
        return None
    return url_for("picture_files.thumbnail", content_hash=picture.content_hash)
