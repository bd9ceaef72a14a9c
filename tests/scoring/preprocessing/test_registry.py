import pytest

from scoring.preprocessing.registry import UnknownPreprocessing, find


@pytest.mark.parametrize(
    ("name", "version"), [("garment", 1), ("garment", 2), ("digit", 1), ("photo", 1), ("photo", 2)]
)
def test_a_preprocessing_is_found_by_name_and_version(name: str, version: int) -> None:
    found = find(name, version)
    assert (found.name, found.version) == (name, version)


@pytest.mark.parametrize(("name", "version"), [("garment", 99), ("Garment", 1), ("", 0)])
def test_an_unknown_one_is_refused_by_naming_what_there_is(name: str, version: int) -> None:
    with pytest.raises(UnknownPreprocessing, match="garment 1"):
        find(name, version)
