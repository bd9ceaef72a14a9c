from __future__ import annotations

import pytest

from scoring.protocol.errors import BadRequest
from scoring.protocol.names import check_name


@pytest.mark.parametrize("name", ["G1", "_", "cats_dogs", "v2.1 - final", "console", "a" * 100])
def test_a_plain_name_stays_as_it_is(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "../G1", "G1/..", "a..b", "/etc", "a/b", "a\\b", "C:", "C:G1"),
        *(".hidden", "-rf", " G1", "G1 ", "G1.", "G1\n", "G1\0", "Größe", "a" * 101),
        *("CON", "con.txt", "Aux.tar.gz", "nul", "com1", "LPT9.png"),
    ],
)
def test_a_name_that_reaches_elsewhere_or_opens_a_device_is_refused(name: str) -> None:
    with pytest.raises(BadRequest, match="no path or device"):
        check_name(name)
