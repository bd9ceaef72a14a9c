"""Which model a batch of photographs should have had, where its own was made for other pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property

from client.run_context import RunContext, Task
from client.tries import Tries
from scoring.batches.batch_models import table_header
from scoring.preprocessing.photo import PHOTO
from scoring.preprocessing.pixels import UNCONTROLLED_BACKGROUND
from scoring.preprocessing.registry import find_for
from scoring.protocol.bundle_names import known_signatures
from scoring.protocol.errors import ScoringError
from scoring.protocol.prediction import split_reasons
from scoring.protocol.signature import Signature
from scoring.records.ledger import Run
from scoring.records.text import scoring_command
from scoring.settings import LOCAL_FILE

CODE = "photographs"
# More than one in so many images that the model was not made for: it is the wrong model.
ONE_IN = 3
LABELS_TOLD = 12


class PhotoAdvice:
    """Says of a batch, in one line, that a model for photographs would know more of it.

    The server tells what it serves, once somebody needs to know. A server of this session has
    what this project has: its other bundles can be served by the next one.
    """

    def __init__(self, context: RunContext) -> None:
        self._context = context

    def tell(self, run: Run, task: Task) -> None:
        """Write the advice down and make an event of it, where a batch needs some.

        The event comes once a run and batch, also where the run was interrupted meanwhile.
        """
        ledger, batch = self._context.ledger, task.batch.name
        line = self._line(task, ledger.reviews(run.id, batch))
        if not line:
            return
        if batch not in ledger.advice(run.id):
            self._context.events.warning(CODE, line, run=run.id, batch=batch)
        ledger.advise(run.id, batch, line)

    def _line(self, task: Task, reviews: Mapping[str | None, int]) -> str:
        """Return what to do about a batch; "" where nothing is, or nothing can be done."""
        own = task.signature
        scored = sum(reviews.values())
        unlike = _not_made_for(own, reviews)
        if is_for_photographs(own) or ONE_IN * unlike <= scored:
            return ""
        better = self._best_for(own)
        if better is None:
            return ""
        batch = task.batch.name
        command = scoring_command(batch, "--model", better.name, *self._way_there)
        return (
            f'{batch}: {unlike} of {scored} are no pictures that "{own.name}" was made for. If they'
            f" are photographs, try {command}{_for_good(batch, better)};"
            f" {better.name} knows {_listed(better)}"
        )

    def _best_for(self, own: Signature) -> Signature | None:
        """Return the model for photographs that has most classes of a model's by name.

        What is served stands before what is not, which must have some of them: the project's
        bundles may be for anything.
        """
        found = (one for one in self._not_served if _in_common(own, one))
        candidates = [*self._served.values(), *found]
        return max(candidates, key=lambda one: _in_common(own, one), default=None)

    @cached_property
    def _served(self) -> dict[str, Signature]:
        """The server's models for photographs, by name; none where it does not tell."""
        context = self._context
        tries = Tries(context.settings.client.changed(tries=1), context.stop)
        known = {one.name: one for one in context.models.distinct}
        signatures: dict[str, Signature] = {}
        # The batch is scored: nothing that goes wrong here may cost it.
        with suppress(ScoringError):
            for model in context.client.models(tries):
                signatures[model.name] = known.get(model.name) or context.client.signature(
                    model.name, tries
                )
        return {name: one for name, one in signatures.items() if _is_of_use(one)}

    @cached_property
    def _not_served(self) -> list[Signature]:
        """The project's other models for photographs; none where the server is somebody else's."""
        if not self._context.own_server:
            return []
        signatures = known_signatures(self._context.settings)
        return [one for one in signatures if one.name not in self._served and _is_of_use(one)]

    @property
    def _way_there(self) -> tuple[str, ...]:
        """Return the flags that lead a later command to such a server as this one."""
        settings = self._context.settings
        if not self._context.own_server:
            return ("--server", settings.client.server) if settings.client.server else ()
        # A server that is never stopped has the port.
        return () if settings.schedule.stop_after == "never" else ("--start-server",)


def is_for_photographs(signature: Signature) -> bool:
    """Tell whether a model takes a photograph as it is, on any background."""
    return signature.preprocessing.name == PHOTO


def _is_of_use(signature: Signature) -> bool:
    """Tell whether it is for photographs, and this program can make its pixels."""
    if not is_for_photographs(signature):
        return False
    try:
        find_for(signature.preprocessing, signature.input)
    except ScoringError:
        return False
    return True


def _not_made_for(signature: Signature, reviews: Mapping[str | None, int]) -> int:
    """Return how many images have a background that cannot be judged, or are strange."""
    signs = {UNCONTROLLED_BACKGROUND, signature.review.outlier}
    return sum(count for review, count in reviews.items() if signs & {*split_reasons(review)})


def _in_common(one: Signature, other: Signature) -> int:
    """Return how many words two models' labels share: Shirt and t-shirt share one."""
    return len({*_words(one)} & {*_words(other)})


def _words(signature: Signature) -> Iterator[str]:
    for label in signature.labels:
        yield from re.findall(r"\w+", label.casefold())


def _listed(signature: Signature) -> str:
    more = len(signature.labels) - LABELS_TOLD
    return ", ".join([*signature.labels[:LABELS_TOLD], *([f"{more} more"] if more > 0 else [])])


def _for_good(batch: str, model: Signature) -> str:
    header = table_header(batch)
    return f', or model = "{model.name}" below {header} in {LOCAL_FILE}' if header else ""
