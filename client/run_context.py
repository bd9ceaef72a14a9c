"""What one run works with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct, field

from client.api import ScoringClient
from client.likely_pictures import LikelyPictures
from client.run_models import RunModels
from client.seen_spool import SeenSpool
from client.stop_signal import StopSignal
from scoring.batches.image_folder import Batch
from scoring.protocol.signature import Signature
from scoring.records.events_log import EventsLog
from scoring.records.ledger import Ledger
from scoring.settings import Settings


class Task(Struct, frozen=True):
    """A batch, its place within the run, and the model that scores it."""

    position: int
    batch: Batch
    signature: Signature


class RunContext(Struct, frozen=True):
    """The parts of one run; ``now`` tells the time in the schedule's zone.

    ``own_server``: the server was started for this session, from this project. ``seen``: what is
    remembered of images until pictures of them are kept; ``likely`` finds those beside the flagged.
    """

    settings: Settings
    client: ScoringClient
    models: RunModels
    ledger: Ledger
    events: EventsLog
    stop: StopSignal
    now: Callable[[], datetime]
    own_server: bool = False
    seen: SeenSpool = field(default_factory=lambda: SeenSpool(most=0))
    likely: LikelyPictures = field(default_factory=LikelyPictures)

    @property
    def way_there(self) -> tuple[str, ...]:
        """Return the flags that lead a later command to such a server as this one."""
        if not self.own_server:
            return ("--server", self.settings.client.server) if self.settings.client.server else ()
        # A server that is never stopped has the port.
        return () if self.settings.schedule.stop_after == "never" else ("--start-server",)
