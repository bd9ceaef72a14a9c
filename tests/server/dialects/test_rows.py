"""What callers may ask to be told of each row beside the usual."""

from __future__ import annotations

import pytest

from scoring.protocol.errors import BadRequest
from server.dialects.original import OriginalRequest
from tests.server.dialects.test_own import PIXELS
from tests.server.dialects.test_tensor_forms import FRAME, decode


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ({}, (False, 0)),
        ({"probabilities": "1"}, (True, 0)),
        ({"probabilities": "True"}, (True, 0)),
        ({"probabilities": "0"}, (False, 0)),
        ({"top": "3"}, (False, 3)),
        ({"top": "999999", "probabilities": "true"}, (True, 999_999)),
    ],
)
def test_more_may_be_asked_for(query: dict[str, str], detail: tuple[bool, int]) -> None:
    wanted = decode({"instances": PIXELS}, query=query).detail
    assert (wanted.probabilities, wanted.top) == detail


@pytest.mark.parametrize(
    "query",
    [
        {"probabilities": "2"},
        {"probabilities": ""},
        {"top": "0"},
        {"top": "-1"},
        {"top": ""},
        {"top": "1.5"},
        {"top": "all"},
        {"top": "\u0663"},
        {"top": "9" * 5_000},
        {"probability": "1"},
        {"imageName": "numba6.jpg"},
        {"": ""},
    ],
)
def test_what_is_asked_for_wrongly_is_refused(query: dict[str, str]) -> None:
    (name,) = query
    known = name in ("probabilities", "top")
    with pytest.raises(BadRequest, match=f"{name} is" if known else "probabilities, top"):
        decode({"instances": PIXELS}, query=query)


@pytest.mark.parametrize(
    ("beside", "query", "detail"),
    [
        ({"top": 2}, {}, (False, 2)),
        ({"top": "2", "probabilities": True}, {}, (True, 2)),
        ({"top": 2.0}, {"top": "2"}, (False, 2)),
        ({"probabilities": False, "signature_name": "x"}, {}, (False, 0)),
        ({"probabilities": True}, {"top": "2"}, (True, 2)),
        ({"probabilities": True, "top": 2}, {"probabilities": "1", "top": "2"}, (True, 2)),
    ],
)
def test_it_may_stand_beside_a_form_of_json(
    beside: dict[str, object], query: dict[str, str], detail: tuple[bool, int]
) -> None:
    wanted = decode({"instances": PIXELS, **beside}, query=query).detail
    assert (wanted.probabilities, wanted.top) == detail


@pytest.mark.parametrize(
    ("beside", "query", "said"),
    [
        ({"top": 0}, {}, "top is a whole number"),
        ({"top": 1.5}, {}, "top is a whole number"),
        ({"top": None}, {}, "top is a whole number"),
        ({"top": [3]}, {}, "top is a whole number"),
        ({"probabilities": 2}, {}, "probabilities is 1 or 0"),
        ({"top": 1e300}, {}, "top is a whole number"),
        ({"top": True}, {"top": "1"}, "top is one thing in the address and another in the body"),
        ({"top": 3}, {"top": "4"}, "top is one thing in the address and another in the body"),
    ],
)
def test_what_is_asked_for_wrongly_beside_a_form_is_refused(
    beside: dict[str, object], query: dict[str, str], said: str
) -> None:
    """It was passed over, and whoever had asked got an answer without it."""
    with pytest.raises(BadRequest, match=said):
        decode({"instances": PIXELS, **beside}, query=query)


def test_the_originals_answer_has_no_room_for_more() -> None:
    assert isinstance(decode(FRAME.to_json()), OriginalRequest)
    with pytest.raises(BadRequest, match="dataframe_split"):
        decode(FRAME.to_json(), query={"top": "3"})
