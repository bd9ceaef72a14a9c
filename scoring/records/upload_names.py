"""What uploads are called in the ledger, where no run and no folder can be called so."""

from __future__ import annotations

# No id of a run begins so.
RUN_PREFIX = "uploads-"
# A batch is a folder's name, which has no slash.
BATCH_PREFIX = "uploads/"


def is_upload(batch: str) -> bool:
    """Tell whether pictures of a batch were uploaded, so that no folder holds them."""
    return batch.startswith(BATCH_PREFIX)
