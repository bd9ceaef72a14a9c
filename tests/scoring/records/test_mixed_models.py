from __future__ import annotations

import pytest

from scoring.protocol.commands import command
from scoring.records.mixed_models import tell_mixed


@pytest.mark.parametrize(
    ("batch", "argument"),
    [
        ("G1", "G1"),
        ("a/b-c", "a/b-c"),
        ("-G", "-- -G"),
        ("Ä", "Ä"),
        ("lat\\udce9", "'lat\\udce9'"),
    ],
)
def test_a_line_names_batch_models_and_command(batch: str, argument: str) -> None:
    assert tell_mixed(batch, {"digits": 2, "fashion": 1}) == (
        f"{batch} has answers of digits (2) and fashion (1); the model of the settings scores all"
        f" of it anew with: {command('client.request')} {argument}"
    )


def test_the_command_leads_to_the_server_that_was_used() -> None:
    line = tell_mixed("G2", {"digits": 2, "fashion": 1}, "--server", "http://127.0.0.1:5001")
    assert line.endswith(
        f" anew with: {command('client.request', 'G2')} --server http://127.0.0.1:5001"
    )
