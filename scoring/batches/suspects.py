"""Files that may have ended a run: they were in flight whenever one ended suddenly.

Any file may be in flight at one sudden end, the machine's power gone. In flight at two of them is
a suspect: it is decoded alone, by a process of its own, until that has gone well once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from scoring.batches.in_flight import BatchFile
from scoring.records.ledger import Ledger

STRIKES = 2
# The fact of the ledger that keeps the strikes from run to run.
FACT = "in_flight_at_sudden_ends"
# More than any machine has threads, times the ends that anybody remembers.
KEPT = 1_000


class Suspects:
    """Counts at how many sudden ends each file was in flight; threads may share it."""

    def __init__(self, strikes: dict[BatchFile, int]) -> None:
        self._strikes = strikes

    @classmethod
    def from_ledger(cls, ledger: Ledger) -> Suspects:
        """Return what the runs before have left."""
        kept = json.loads(ledger.fact(FACT) or "[]")
        return cls({(batch, path): count for batch, path, count in kept})

    def strike(self, files: Iterable[BatchFile]) -> None:
        """Count a sudden end against the files that were in flight."""
        for file in files:
            self._strikes[file] = self._strikes.get(file, 0) + 1

    def is_suspect(self, batch: str, path: str) -> bool:
        """Tell whether a file must be decoded alone."""
        return bool(self._strikes) and self._strikes.get((batch, path), 0) >= STRIKES

    def acquit(self, batch: str, path: str) -> None:
        """Forget a file that was read without harm."""
        if self._strikes:
            self._strikes.pop((batch, path), None)

    def save(self, ledger: Ledger) -> None:
        """Leave the counts to the runs to come, if they are not what the ledger has."""
        kept = [[batch, path, count] for (batch, path), count in self._strikes.items()][-KEPT:]
        text = json.dumps(kept)
        if text != (ledger.fact(FACT) or "[]"):
            ledger.set_fact(FACT, text)
