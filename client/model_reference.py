"""What a model said of held-out images goes into the ledger: who watches it has no model."""

from __future__ import annotations

import hashlib

import requests

from client.retry_policy import reason
from client.run_context import RunContext
from scoring.protocol.errors import LedgerError, ScoringError
from scoring.protocol.signature import REFERENCE_NAME, Signature
from scoring.records import model_references


class ReferenceKeeping:
    """Asks the server once for what the ledger has not got; trouble is an event and no more."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._asked: set[str] = set()

    def keep(self, signature: Signature, run_id: str) -> None:
        """Let the ledger have the reference of a model, if it brings one."""
        database, version = self._context.ledger.database, signature.version
        digest = signature.files.get(REFERENCE_NAME)
        if digest is None or version in self._asked or model_references.is_known(database, version):
            return
        self._asked.add(version)
        try:
            content = self._ask(signature, digest)
        except LedgerError:
            raise
        except (ScoringError, requests.RequestException) as error:
            text = f"{signature.name}: its reference is not known, so nothing is estimated"
            self._context.events.warning("no-reference", f"{text}: {reason(error)}", run=run_id)
        else:
            model_references.keep(database, version, content)

    def _ask(self, signature: Signature, digest: str) -> bytes:
        # It reads archives; a run whose ledger has the reference already needs none of that.
        from scoring.protocol.reference import BadReference, Reference

        content = self._context.client.reference(signature)
        if hashlib.sha256(content).hexdigest() != digest:
            raise BadReference("what the server sent is not what the model's signature says")
        Reference.from_bytes(content, len(signature.labels))
        return content
