"""The end of a run → how right each of its models probably was, and whether its images are usual.

A listener, first of those who hear of a run's end: what it finds stands in the ledger
(``run_monitoring``) before metrics log, report and messages are made from it. Trouble here costs a
run nothing but its estimate.
"""

from __future__ import annotations

from scoring.protocol.errors import LedgerError
from scoring.records import batch_figures, run_monitoring
from scoring.records.events_log import EventsLog
from scoring.records.ledger import Ledger
from scoring.records.run_life import RunEnded
from scoring.settings import Settings


class Watch:
    """Hears of the end of runs, and writes down what it finds of each model of theirs."""

    def __init__(self, settings: Settings, ledger: Ledger, events: EventsLog) -> None:
        self._settings = settings
        self._ledger = ledger
        self._events = events

    def __call__(self, ended: RunEnded) -> None:
        """Look at one run, again where it is told again; raises LedgerError."""
        if ended.run.state == "missed":
            return
        versions = self._ledger.batch_versions(ended.run.id).values()
        for version in sorted({version for version in versions if version}):
            try:
                self._look_at(ended, version)
            except LedgerError:
                raise
            except Exception as error:
                text = f"model {version[:12]} could not be watched: {error!r}"
                self._events.error("watch-failed", text, run=ended.run.id)

    def _look_at(self, ended: RunEnded, version: str) -> None:
        # Arrays and tests: nobody needs them before a run's results are in place.
        from scoring.monitoring.thresholds import Thresholds, advice
        from scoring.monitoring.watched_model import WatchedModel

        run, database = ended.run, self._ledger.database
        signature = self._ledger.model_facts(version)
        if signature is None:
            return
        watched = WatchedModel(self._settings, self._ledger, run, version, signature)
        facts = watched.facts()
        run_monitoring.keep(database, run.id, version, facts)
        batch_figures.write_estimates(database, run.id, watched.batches())
        batch_figures.write_audited(database, version, watched.audits())
        thresholds = Thresholds.from_json(facts["thresholds"])
        if thresholds.is_new:
            text = advice(signature["name"], thresholds)
            self._events.warning("retrain-advised", text, run=run.id)
