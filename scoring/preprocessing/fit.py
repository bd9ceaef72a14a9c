"""Which inputs each preprocessing can fill: held against a signature before anything is scored.

It needs no image library, so that a server can ask without loading one.
"""

from msgspec import Struct

from scoring.protocol.commands import command
from scoring.protocol.errors import ScoringError
from scoring.protocol.signature import InputSpec, PreprocessingRef


class PreprocessingMismatch(ScoringError):
    """The signature's preprocessing cannot make the signature's input."""

    code = "preprocessing"


class Form(Struct, frozen=True):
    """The uint8 images that a preprocessing makes; ``words`` say which."""

    channels: int
    square: bool
    words: str

    def holds(self, shape: tuple[int, int, int]) -> bool:
        """Tell whether images of (height, width, channels) are of this form."""
        height, width, channels = shape
        return channels == self.channels and (height == width or not self.square)


GREY_SQUARE = Form(1, True, "square grey images (as many rows as columns, 1 channel)")
COLOUR = Form(3, False, "colour images (3 channels)")
FORMS = {
    ("garment", 1): GREY_SQUARE,
    ("garment", 2): GREY_SQUARE,
    ("digit", 1): GREY_SQUARE,
    ("photo", 1): COLOUR,
    ("photo", 2): COLOUR,
}


def check_fit(wanted: PreprocessingRef, spec: InputSpec) -> None:
    """Raise PreprocessingMismatch if ``wanted`` cannot fill ``spec``, an input of uint8.

    One that is not known here passes: who needs its pixels looks for it, and says so.
    """
    form = FORMS.get((wanted.name, wanted.version))
    if form is not None and not form.holds(spec.shape):
        shape = " x ".join(map(str, spec.shape))
        fitting = ", ".join(f"{name}:{version}" for name, version in _fitting(spec)) or "none here"
        raise PreprocessingMismatch(
            f"preprocessing {wanted.name} {wanted.version} does not fit this model: it makes"
            f" {form.words}, the input is {shape}; those that fit: {fitting}"
            f" ({command('fashion_model.reseal', '--preprocessing NAME:VERSION')})"
        )


def _fitting(spec: InputSpec) -> list[tuple[str, int]]:
    return [made_by for made_by, form in FORMS.items() if form.holds(spec.shape)]
