"""A preprocessing is held against a signature's input by what it really makes."""

import pytest

from scoring.preprocessing.fit import FORMS, PreprocessingMismatch, check_fit
from scoring.preprocessing.pixels import DecodeLimits
from scoring.preprocessing.registry import _ALL, find, find_for
from scoring.protocol.signature import ColumnNames, InputSpec, PreprocessingRef
from tests.scoring.preprocessing.image_files import encoded, scene

SHAPES = [(28, 28, 1), (28, 28, 3), (28, 20, 1), (28, 20, 3), (28, 28, 4), (180, 180, 3)]


def spec(shape: tuple[int, int, int]) -> InputSpec:
    return InputSpec(shape, "uint8", ColumnNames("pixel", 0))


def test_every_preprocessing_says_what_it_makes() -> None:
    assert set(FORMS) == {(one.name, one.version) for one in _ALL}


@pytest.mark.parametrize("made_by", FORMS)
@pytest.mark.parametrize("shape", SHAPES)
def test_what_fits_is_what_it_makes(made_by: tuple[str, int], shape: tuple[int, int, int]) -> None:
    picture, limits = encoded(scene(), ".png"), DecodeLimits(10**7, 10**7)
    try:
        values = find(*made_by)(picture, shape, limits).values
        makes = (values.size, values.dtype.name) == (shape[0] * shape[1] * shape[2], "uint8")
    except ValueError:
        makes = False
    if makes:
        assert find_for(PreprocessingRef(*made_by), spec(shape)) == find(*made_by)
    else:
        with pytest.raises(PreprocessingMismatch, match="does not fit this model"):
            find_for(PreprocessingRef(*made_by), spec(shape))


def test_the_message_names_those_that_fit() -> None:
    with pytest.raises(PreprocessingMismatch, match=r"28 x 28 x 1; those that fit: garment:1, "):
        check_fit(PreprocessingRef("photo", 1), spec((28, 28, 1)))
