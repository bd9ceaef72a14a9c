"""The models that score a run, as its server has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from msgspec import Struct

from client.api import ScoringClient
from client.tries import Tries
from scoring.preprocessing.fit import PreprocessingMismatch
from scoring.preprocessing.registry import UnknownPreprocessing, find_for
from scoring.protocol.errors import ModelNotServed, ScoringError
from scoring.protocol.signature import Signature

# What is wrong with one model alone: batches that others score are none the worse for it.
OF_ONE_MODEL = (ModelNotServed, UnknownPreprocessing, PreprocessingMismatch)


class RunModels(Struct, frozen=True):
    """Signatures by the names that are asked for ("" is the server's first), or what is wrong."""

    signatures: Mapping[str, Signature]
    troubles: Mapping[str, ScoringError]

    @property
    def main(self) -> Signature:
        """Return the first that can score."""
        return next(iter(self.signatures.values()))

    @property
    def distinct(self) -> list[Signature]:
        """Return each model once, however it was asked for."""
        return list({one.name: one for one in self.signatures.values()}.values())

    def versions(self, names: Mapping[str, str]) -> dict[str, str]:
        """Return batch → version of the model that scores it; ``names`` are batch → name."""
        found = ((batch, self.signatures.get(name)) for batch, name in names.items())
        return {batch: signature.version for batch, signature in found if signature}

    def find(self, name: str) -> Signature:
        """Return the model of that name; raises one of ``OF_ONE_MODEL`` where it cannot score."""
        if name in self.troubles:
            raise self.troubles[name]
        return self.signatures[name]


def ask_for_models(
    client: ScoringClient,
    names: Sequence[str],
    tries: Tries,
    absent: Mapping[str, str] = MappingProxyType({}),
) -> RunModels:
    """Ask a server for each of some models; raises what is wrong where none of them can score.

    ``absent`` says why those are not there that whoever started the server could not give it.
    """
    signatures: dict[str, Signature] = {}
    troubles: dict[str, ScoringError] = {}
    for name in names:
        try:
            signature = client.signature(name, tries)
            find_for(signature.preprocessing, signature.input)
        except OF_ONE_MODEL as error:
            is_known = isinstance(error, ModelNotServed) and name in absent
            troubles[name] = _told(name, absent[name]) if is_known else error
        else:
            signatures[name] = signature
    if not signatures:
        raise next(iter(troubles.values()))
    return RunModels(signatures, troubles)


def _told(name: str, why: str) -> ModelNotServed:
    return ModelNotServed(f"{name} is not served: {why}")
