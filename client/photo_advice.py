"""Which model a batch of photographs should have had, where its own was made for other pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

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
# One for other photographs takes some of its own for strange ones: more than every other.
ONE_IN_PHOTOGRAPHS = 2
LABELS_TOLD, MODELS_TOLD = 12, 3


class PhotoAdvice:
    """Says of a batch, in one line, that a model for photographs would know more of it.

    The server tells what it serves, once somebody needs to know. A server of this session has
    what this project has: its other bundles can be served by the next one.
    """

    def __init__(self, context: RunContext, out: Path | None = None) -> None:
        """Take the run's parts; ``out`` is the results file that is this batch's alone, if any."""
        self._context = context
        self._out = out

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
        own, scored = task.signature, sum(reviews.values())
        unlike, one_in = _not_made_for(own, reviews), _one_in(own)
        models = self._better(own) if one_in * unlike > scored else []
        if not models:
            return ""
        batch, first = task.batch.name, models[0]
        flags = ("--model", first.name, *self._context.way_there, *self._out_flag)
        command = scoring_command(batch, *flags)
        return (
            f'{batch}: {unlike} of {scored} are no pictures that "{own.name}" was made for.'
            f" {self._lead(own, models)}try {command}{_for_good(batch, first)};"
            f" {'; '.join(f'{one.name} knows {_listed(one)}' for one in models[:MODELS_TOLD])}"
        )

    def _lead(self, own: Signature, models: Sequence[Signature]) -> str:
        """Return what the command is good for, with the models' names where it is one of them."""
        there = "is served" if models[0].name in self._served else "is among the project's models"
        if is_for_photographs(own):
            return f"Another model for photographs {there}: {_names(models)}; "
        if len(models) == 1:
            return "If they are photographs, "
        return f"If they are photographs, a model for them {there}: {_names(models)}; "

    def _better(self, own: Signature) -> list[Signature]:
        """Return the model for photographs that has most classes of a model's by name.

        Where none has any of them, all there are: nobody knows what the pictures are of. What is
        served stands before what is not. A model for photographs that finds these strange is told
        of what is served only: all else there is may be for anything.
        """
        served = [one for one in self._served.values() if one.name != own.name]
        if is_for_photographs(own):
            return served
        known = [one for one in (*served, *self._not_served) if _in_common(own, one)]
        if known:
            return [max(known, key=lambda one: _in_common(own, one))]
        return served or self._not_served

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
    def _out_flag(self) -> tuple[str, ...]:
        """Return ``--out`` again, as far as it can be pasted."""
        return ("--out", str(self._out)) if self._out and str(self._out).isprintable() else ()


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


def _one_in(signature: Signature) -> int:
    return ONE_IN_PHOTOGRAPHS if is_for_photographs(signature) else ONE_IN


def _names(signatures: Sequence[Signature]) -> str:
    return ", ".join(one.name for one in signatures)


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
