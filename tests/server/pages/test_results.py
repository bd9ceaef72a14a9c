"""The table that is saved: what a spreadsheet reads of it, and that it runs nothing."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from scoring.inference.bundle import load_bundle
from scoring.protocol.signature import Signature
from scoring.records.results_csv import CsvFormat
from server.pages.results import COLUMNS, Seen, Shown, as_csv, by_picture
from tests.conftest import BUNDLE


@pytest.fixture(scope="module")
def signature() -> Signature:
    return load_bundle(BUNDLE).signature


def seen(id_: int | str, signature: Signature, **row: Any) -> Seen:
    return Seen(signature.name, {"id": id_, **row}, "", 28, 28)


def answered(id_: str, signature: Signature, **more: Any) -> Seen:
    shares = dict.fromkeys(signature.labels, 0.0) | {"Coat": 0.75, "Shirt": 0.25}
    row = {"label": "Coat", "confidence": 0.75, "second_label": "Shirt", "second_confidence": 0.25}
    return seen(id_, signature, **row, review=None, probabilities=shares, **more)


def read(data: bytes, separator: str = ",") -> list[list[str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig")), delimiter=separator))


def test_each_picture_is_a_row_for_each_model_with_every_class(signature: Signature) -> None:
    good = Shown("coat.png", (answered("coat.png", signature),))
    error = {"code": "corrupt_image", "message": "it ends too early"}
    bad = Shown("bad.png", (seen("bad.png", signature, error=error),))
    header, first, second = read(as_csv([good, bad], [signature], CsvFormat()))
    assert header == [*COLUMNS, *(f"{label} %" for label in signature.labels)]
    assert first[:8] == ["coat.png", "fashion", "Coat", "75.00", "Shirt", "25.00", "", ""]
    assert first[8:] == [{"Coat": "75.00", "Shirt": "25.00"}.get(one, "0.00")
                         for one in signature.labels]  # fmt: skip
    assert second == ["bad.png", "fashion", *[""] * 5, "it ends too early", *[""] * 10]


def test_it_is_written_as_the_settings_have_it(signature: Signature) -> None:
    shown = [Shown("a;b.png", (answered("a;b.png", signature),))]
    rows = read(as_csv(shown, [signature], CsvFormat(";", ",")), ";")
    assert rows[1][:4] == ["a;b.png", "fashion", "Coat", "75,00"]


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0.png", "+1.png", "-1", "@x", "\uff1d1"])
def test_no_name_is_a_formula(signature: Signature, name: str) -> None:
    rows = read(as_csv([Shown(name, (answered(name, signature),))], [signature], CsvFormat()))
    assert rows[1][0] == f"'{name}"


def test_what_all_models_say_alike_is_said_once(signature: Signature) -> None:
    broken = seen("a", signature, error={"message": "it is cut off"})
    other = seen("a", signature, error={"message": "it is too large"})
    fine = answered("b", signature)
    first, second = by_picture([[broken, fine], [broken, fine]])
    assert (first.error, second.error) == ("it is cut off", None)
    (third,) = by_picture([[broken], [other]])
    assert third.error is None


def test_a_picture_without_a_name_has_a_number(signature: Signature) -> None:
    (shown,) = by_picture([[seen(3, signature, error={"message": "x"})]])
    assert shown.name == "picture 3"
