"""Find a preprocessing by the name and version that a model's signature asks for."""

from scoring.preprocessing.digit import Digit
from scoring.preprocessing.fit import check_fit
from scoring.preprocessing.garment import GarmentOnDark
from scoring.preprocessing.photo import PaddedPhoto, Photo
from scoring.preprocessing.pixels import Preprocess
from scoring.preprocessing.product_photo import ProductPhoto
from scoring.protocol.errors import ScoringError
from scoring.protocol.signature import InputSpec, PreprocessingRef

_ALL: tuple[Preprocess, ...] = (GarmentOnDark(), ProductPhoto(), Digit(), Photo(), PaddedPhoto())


class UnknownPreprocessing(ScoringError):
    """No such name and version here. The message names what there is."""

    code = "preprocessing"

    def __init__(self, name: str, version: int) -> None:
        known = ", ".join(f"{p.name} {p.version}" for p in _ALL)
        super().__init__(f"no preprocessing {name!r} version {version}; there is: {known}")


def find(name: str, version: int) -> Preprocess:
    """Return the preprocessing with exactly this name and version.

    Raises UnknownPreprocessing: a model must never be fed pixels made another way.
    """
    for preprocess in _ALL:
        if (preprocess.name, preprocess.version) == (name, version):
            return preprocess
    raise UnknownPreprocessing(name, version)


def find_for(wanted: PreprocessingRef, spec: InputSpec) -> Preprocess:
    """Return the preprocessing that a signature wants for its input.

    Raises UnknownPreprocessing, or PreprocessingMismatch where it cannot make such images.
    """
    check_fit(wanted, spec)
    return find(wanted.name, wanted.version)
