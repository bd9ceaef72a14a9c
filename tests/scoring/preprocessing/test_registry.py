import pytest

from scoring.preprocessing.registry import UnknownPreprocessing, find


def test_a_preprocessing_is_found_by_name_and_version() -> None:
    found = find("garment", 1)
    assert (found.name, found.version) == ("garment", 1)


@pytest.mark.parametrize(("name", "version"), [("garment", 99), ("Garment", 1), ("", 0)])
def test_an_unknown_one_is_refused_by_naming_what_there_is(name: str, version: int) -> None:
    with pytest.raises(UnknownPreprocessing, match="garment 1"):
        find(name, version)
