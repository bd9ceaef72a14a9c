"""The models a server serves, by name; the first answers where none is named.

A retrained bundle that was promoted serves in the place of the one whose name it has.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from scoring.inference.bundle import Backbones, Bundle, BundleError, load_bundle
from scoring.inference.interpreter_pool import Networks
from scoring.inference.predictor import Predictor
from scoring.preprocessing.fit import PreprocessingMismatch, check_fit
from scoring.protocol.bundle_names import bundle_name, served_bundles
from scoring.protocol.errors import NotFound, SettingsError
from scoring.protocol.names import check_name
from scoring.protocol.signature import Signature
from scoring.settings import Settings
from server.promoted_models import PromotedModels


class ModelTable:
    """Predictors by the name in their signature, in the order they were given."""

    def __init__(self, predictors: Iterable[Predictor]) -> None:
        self._by_name: dict[str, Predictor] = {}
        for predictor in predictors:
            name = predictor.signature.name
            if name in self._by_name:
                raise SettingsError(f"two of the models to serve are named {name!r}")
            self._by_name[name] = predictor
        if not self._by_name:
            raise SettingsError("no model to serve; name a bundle folder with --model")

    def find(self, name: str = "") -> Predictor:
        """Return the predictor of a model, by default the first.

        Raises NotFound, naming those there are; a name that looks like a path is a BadRequest.
        """
        if not name:
            return next(iter(self._by_name.values()))
        check_name(name)
        try:
            return self._by_name[name]
        except KeyError:
            known = ", ".join(self._by_name)
            raise NotFound(
                f"no model of that name; served here: {known}", code="unknown_model"
            ) from None

    def all(self) -> list[Predictor]:
        """Return every predictor, in the order they were given."""
        return list(self._by_name.values())

    def signatures(self) -> list[Signature]:
        """Return every model's signature, in the same order."""
        return [predictor.signature for predictor in self._by_name.values()]

    def close(self) -> None:
        """End every predictor's threads; the table is of no use afterwards."""
        for predictor in self._by_name.values():
            predictor.close()


def load_served(settings: Settings) -> ModelTable:
    """Load and verify the bundles that the settings name, each by the promoted one in its place.

    Raises as `load_models`; a promoted bundle that cannot serve is told of, and is no error.
    """
    folders = served_bundles(settings)
    return load_models(folders, settings.server.inference_threads, PromotedModels.of(settings))


def load_models(
    folders: Iterable[Path], threads: int, promoted: PromotedModels | None = None
) -> ModelTable:
    """Load and verify every bundle.

    Raises BundleError, PreprocessingMismatch or SettingsError with the reason.
    """
    # Bundles with the same network share its bytes and its interpreters.
    backbones, networks = Backbones(), Networks()

    def predictor(folder: Path) -> Predictor:
        name = bundle_name(folder)
        if promoted and promoted.version(name):
            try:
                bundle = _fitting(promoted.load(name, backbones))
                return Predictor(bundle, threads, networks)
            except (BundleError, PreprocessingMismatch) as error:
                version = promoted.version(name)[:12]
                promoted.tell(f"{name}: {folder} serves, and not the promoted {version}: {error}")
        return Predictor(_fitting(load_bundle(folder, backbones)), threads, networks)

    return ModelTable(map(predictor, folders))


def _fitting(bundle: Bundle) -> Bundle:
    try:
        check_fit(bundle.signature.preprocessing, bundle.signature.input)
    except PreprocessingMismatch as error:
        raise PreprocessingMismatch(f"{bundle.folder}: {error}") from error
    return bundle
