"""What a run is asked for: which batches, with which models, and where the results go."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from msgspec import Struct, field

from scoring.batches.image_folder import Batch
from scoring.records.ledger import Scope
from scoring.records.run_life import RunPlan


class RunRequest(Struct, frozen=True):
    """What to score: ``due_date`` for a nightly run, ``scope`` "new" for unscored images only.

    ``models`` are names by the names of batches.
    """

    batches: tuple[Batch, ...]
    scope: Scope
    due_date: date | None = None
    fresh: bool = False
    out: Path | None = None
    models: Mapping[str, str] = field(default_factory=dict)

    def model_of(self, batch: Batch) -> str:
        """Return the name of the model that is to score a batch; "" is the server's first."""
        return self.models.get(batch.name, "")

    @property
    def own_out(self) -> Path | None:
        """Return the results file that has its one batch alone; None where it has more."""
        return self.out if len(self.batches) == 1 else None

    @property
    def model_names(self) -> tuple[str, ...]:
        """Return the names of all models that are to score, each once."""
        return tuple(dict.fromkeys(map(self.model_of, self.batches))) or ("",)

    @property
    def plan(self) -> RunPlan:
        """Return what the ledger is told of it."""
        names = tuple(batch.name for batch in self.batches)
        return RunPlan(names, self.scope, self.due_date, self.fresh, self.out)
