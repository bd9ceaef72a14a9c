from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from client.own_server import ServerPlace, own_server
from fashion_model import reseal
from scoring.processes.readiness import read_readiness
from scoring.protocol.errors import NoServer, UsageError
from scoring.protocol.signature import dump_signature, parse_signature
from scoring.settings import Settings, load_settings
from tests.conftest import BUNDLE


def settings_for() -> Settings:
    """Return settings whose server takes a free port."""
    return load_settings(server={"port": 0})


def served(place: ServerPlace) -> list[str]:
    """Return what the server says that it serves, once it has proved that it is ours."""
    peer = read_readiness(place.url, 60, place.secret)
    assert peer
    assert peer.ready
    assert not peer.foreign
    return [model.name for model in peer.models]


@pytest.mark.slow
def test_it_serves_the_settings_models_and_ends_with_the_run(project: Path) -> None:
    with own_server(settings_for(), [""]) as place:
        assert served(place) == ["fashion"]
    assert read_readiness(place.url) is None


@pytest.mark.slow
def test_it_serves_the_model_that_is_asked_for_though_no_setting_names_it(project: Path) -> None:
    folder = project / "models" / "hats"
    folder.mkdir(parents=True)
    for name in ("signature.json", "model.tflite", "model.keras", "head.npz"):
        shutil.copy(BUNDLE / name, folder / name)
    assert reseal.main(["--bundle", str(folder), "--set", "name=hats"]) == 0
    with own_server(settings_for(), ["hats"]) as place:
        assert served(place) == ["hats"]


def test_a_model_that_nobody_has_starts_nothing(project: Path) -> None:
    with pytest.raises(UsageError, match=r"no model is named 'socks'; there are: .*fashion"):
        with own_server(settings_for(), ["socks"]):
            pytest.fail("it was started")
    assert not (project / "logs").exists()


@pytest.mark.slow
def test_a_run_that_fails_leaves_no_server_behind(project: Path) -> None:
    with pytest.raises(ZeroDivisionError), own_server(settings_for(), [""]) as place:
        raise ZeroDivisionError
    assert read_readiness(place.url) is None


@pytest.mark.slow
def test_of_several_models_it_serves_those_that_there_are(project: Path) -> None:
    with own_server(settings_for(), ["digits", "socks", "cats_dogs"]) as place:
        assert served(place) == ["digits", "cats_dogs"]
    with own_server(settings_for(), ["digits", ""]) as place:
        assert served(place) == ["fashion", "digits"]


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_costs_no_other(project: Path) -> None:
    broken = project / "models" / "hats"
    broken.mkdir(parents=True)
    signature = parse_signature((BUNDLE / "signature.json").read_bytes()).renewed(name="hats")
    (broken / "signature.json").write_bytes(dump_signature(signature))
    for others in ("", "fashion"):
        with own_server(settings_for(), ["hats", "socks", others]) as place:
            assert served(place) == ["fashion"]
        assert set(place.absent) == {"hats", "socks"}
        assert place.absent["hats"].startswith("with it, the server ended with exit code ")
        assert str(broken) in place.absent["hats"]
        assert place.absent["socks"].startswith("no model is named 'socks'; ")
    with own_server(settings_for(), ["hats", "", "digits"]) as place:
        assert served(place) == ["fashion", "digits"]
    assert set(place.absent) == {"hats"}
    with own_server(settings_for(), ["hats", "digits"]) as place:
        assert served(place) == ["digits"]
    with pytest.raises(NoServer, match=re.escape(str(broken))):
        with own_server(settings_for(), ["hats"]):
            pytest.fail("nothing that it has is asked for")
