"""Which pictures go: those of images that the ledger has forgotten, and what is too much."""

from __future__ import annotations

from datetime import datetime

from scoring.records.labels import Labels, PictureKey
from scoring.records.ledger import Ledger
from scoring.records.picture_store import PictureStore
from scoring.records.times import ago
from scoring.settings import Settings

KNOWN = "SELECT 1 FROM predictions WHERE batch = ? AND path = ? AND content_hash = ? LIMIT 1"


def prune_pictures(settings: Settings, ledger: Ledger, store: PictureStore, now: datetime) -> int:
    """Remove pictures as ``records`` in the settings says; return how many went.

    What a person has judged stays, and is told of by the store's size. Raises PicturesError.
    """
    labels = Labels(ledger)

    def known(batch: str, path: str, content_hash: str) -> bool:
        return bool(ledger.database.query(KNOWN, (batch, path, content_hash)))

    def reviewed(batch: str, path: str, content_hash: str) -> bool:
        return labels.current(PictureKey(batch, path, content_hash)) is not None

    # What the ledger has forgotten was scored before that day, and kept when its run had ended.
    before = ago(now, settings.records.keep_days - 1)
    most = settings.records.pictures_bytes
    return store.prune(most_bytes=most, before=before, known=known, reviewed=reviewed)
