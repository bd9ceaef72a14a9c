"""A batch of photographs that a model for other pictures scored is told of, with the way out."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import pytest
from msgspec import structs

from client import request
from client.api import ScoringClient
from client.photo_advice import PhotoAdvice
from client.run_context import RunContext, Task
from client.run_models import ask_for_models
from client.stop_signal import StopSignal
from client.tries import Tries
from scoring.batches.batch_models import table_header
from scoring.batches.image_folder import Batch
from scoring.protocol.commands import command
from scoring.protocol.errors import ExitCode
from scoring.protocol.signature import dump_signature, parse_signature
from scoring.records.events_log import EventsLog
from scoring.records.ledger import Ledger
from scoring.records.text import scoring_command
from scoring.settings import CODE_ROOT, load_settings
from tests.client.lying_server import Answer, answering, relay
from tests.conftest import BUNDLE, running_server
from tests.photographs import MODELS, clothing_stand_in, write_photographs

Serve = Callable[..., str]
DRAWN = CODE_ROOT / "image_batches" / "G1"

OWN = command("client.request")


@pytest.fixture
def serve(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Return what serves ``fashion`` and further bundles, and has the client's settings say so."""
    with ExitStack() as stack:

        def start(*more: Path) -> str:
            settings = load_settings(server={"models": (BUNDLE, *more)})
            url = stack.enter_context(running_server(settings))
            monkeypatch.setenv("SCORING_CLIENT__SERVER", url)
            monkeypatch.setenv("SCORING_CLIENT__RETRY_SECONDS", "0")
            monkeypatch.setenv("SCORING_SCHEDULE__SETTLE_SECONDS", "0")
            return url

        yield start


@pytest.fixture
def clothing(tmp_path: Path) -> Path:
    return clothing_stand_in(tmp_path / "models")


def add_product_pictures(folder: Path, count: int) -> None:
    """Add some of the pictures that ``fashion`` was made for."""
    folder.mkdir(exist_ok=True)
    for number in range(1, count + 1):
        (name,) = (path.name for path in DRAWN.glob(f"item-{number:03}.*"))
        shutil.copy(DRAWN / name, folder / name)


def advice(project: Path) -> list[tuple[str, str]]:
    """Return batch and text of the events that advise another model."""
    lines = (project / "logs" / "Events-log.txt").read_text(encoding="utf-8").splitlines()
    events = [line.split(", ", 5) for line in lines]
    return [(event[4], event[5]) for event in events if event[2] == "photographs"]


def recorded() -> list[tuple[str, str]]:
    """Return batch and advice of each batch of each run, as a report would read them."""
    with Ledger.from_settings(load_settings()) as ledger:
        return [(one.batch, one.advice) for one in ledger.batch_figures()]


@pytest.mark.parametrize("command", [["G7"], ["--nightly", "2026-11-20"], ["--every-batch"]])
def test_summary_event_and_record_name_the_model_and_the_command(
    project: Path,
    serve: Serve,
    clothing: Path,
    command: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = serve(clothing)
    write_photographs(project / "image_batches" / "G7", 4)
    add_product_pictures(project / "image_batches" / "G7", 2)
    assert request.main(command) == ExitCode.DONE
    told = (
        'G7: 4 of 6 are no pictures that "fashion" was made for. If they are photographs, try'
        f" {OWN} G7 --model clothing --server {url}, or"
        ' model = "clothing" below [batches.G7] in settings.local.toml; clothing knows dress, shirt'
    )
    assert f"  photographs?     {told}\n" in capsys.readouterr().out
    assert advice(project) == [("G7", told)]
    assert recorded() == [("G7", told)]


@pytest.mark.parametrize(("photographs", "others", "told"), [(1, 2, 0), (2, 3, 1), (1, 0, 1)])
def test_more_than_a_third_of_what_was_scored_is_the_limit(
    project: Path, serve: Serve, clothing: Path, photographs: int, others: int, told: int
) -> None:
    serve(clothing)
    folder = project / "image_batches" / "G7"
    write_photographs(folder, photographs)
    add_product_pictures(folder, others)
    # What cannot be read says nothing of the rest.
    (folder / "cut off.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    assert request.main(["G7"]) in (ExitCode.DONE, ExitCode.FAILED)
    assert len(advice(project)) == told


def test_only_what_a_run_scored_itself_counts(project: Path, serve: Serve, clothing: Path) -> None:
    serve(clothing)
    folder = project / "image_batches" / "G7"
    write_photographs(folder, 3)
    assert request.main(["--nightly", "2026-11-20"]) == ExitCode.DONE
    add_product_pictures(folder, 1)
    assert request.main(["--nightly", "2026-11-21"]) == ExitCode.DONE
    assert request.main(["--nightly", "2026-11-22"]) == ExitCode.DONE
    assert [text[:11] for _, text in recorded()] == ["G7: 3 of 3 ", ""]
    assert len(advice(project)) == 1


def test_strange_pictures_count_as_well(project: Path, serve: Serve, clothing: Path) -> None:
    serve(clothing)
    # A blank one has the background that it should have, and is no garment.
    folder = project / "image_batches" / "G7"
    add_product_pictures(folder, 1)
    (path,) = folder.iterdir()
    cv2.imwrite(str(path), np.zeros((28, 28), np.uint8))
    assert request.main(["G7"]) == ExitCode.DONE
    assert "not a garment?" in (project / "Results.csv").read_text(encoding="utf-8-sig")
    assert len(advice(project)) == 1


def test_a_batch_with_the_right_model_hears_nothing(
    project: Path, serve: Serve, clothing: Path
) -> None:
    serve(clothing)
    write_photographs(project / "image_batches" / "G7", 3)
    (project / "settings.local.toml").write_text('[batches.G7]\nmodel = "clothing"\n')
    assert request.main(["--nightly", "2026-11-20"]) == ExitCode.DONE
    assert request.main(["G7", "--model", "clothing"]) == ExitCode.DONE
    assert advice(project) == []
    assert recorded() == [("G7", ""), ("G7", "")]


def test_each_batch_is_told_of_once_a_run(project: Path, serve: Serve, clothing: Path) -> None:
    serve(clothing)
    home = project / "image_batches"
    for name in ("G7", "2026-11 returns"):
        write_photographs(home / name, 2)
    add_product_pictures(home / "G8", 2)
    assert request.main(["--every-batch", "--all"]) == ExitCode.DONE
    assert [batch for batch, _ in advice(project)] == ["2026-11 returns", "G7"]
    (quoted, _) = (text for _, text in advice(project))
    assert scoring_command("2026-11 returns", "--model", "clothing") in quoted
    assert 'model = "clothing" below [batches."2026-11 returns"]' in quoted
    assert request.main(["G7"]) == ExitCode.DONE
    assert [batch for batch, _ in advice(project)] == ["2026-11 returns", "G7", "G7"]


def test_a_batch_that_an_interrupted_run_had_told_of_is_not_told_of_again(
    project: Path, serve: Serve, clothing: Path
) -> None:
    url = serve(clothing)
    folder = project / "image_batches" / "G7"
    write_photographs(folder, 2)
    assert request.main(["G7"]) == ExitCode.DONE
    settings = load_settings()
    with ScoringClient(url) as client, Ledger.from_settings(settings) as ledger:
        models = ask_for_models(client, [""], Tries(client.options))
        events = EventsLog.from_settings(settings)
        context = RunContext(settings, client, models, ledger, events, StopSignal(), settings.now)
        run = ledger.runs(1)[0]
        assert run
        task = Task(0, Batch("G7", folder), models.main)
        PhotoAdvice(context).tell(run, task)
        assert len(advice(project)) == 1
        # One that was killed before it told is told of.
        ledger.advise(run.id, "G7", "")
        PhotoAdvice(context).tell(run, task)
    assert len(advice(project)) == 2
    assert advice(project)[0] == advice(project)[1]


def test_the_command_and_the_settings_do_what_they_promise(
    project: Path, serve: Serve, clothing: Path
) -> None:
    serve(clothing)
    write_photographs(project / "image_batches" / "G7", 2)
    assert request.main(["G7"]) == ExitCode.DONE
    ((_, text),) = advice(project)
    words = text.split(f"{OWN} ")[1].split(", or ")[0]
    assert request.main(words.split()) == ExitCode.DONE
    with Ledger.from_settings(load_settings()) as ledger:
        assert [one.model.name for one in ledger.batch_figures()] == ["fashion", "clothing"]
    line, header = text.split(", or ")[1].split(" in ")[0].split(" below ")
    written = f"{header}\n{line}\n"
    (project / "settings.local.toml").write_text(written, encoding="utf-8")
    assert load_settings().batches.models == {"G7": "clothing"}


def test_without_a_model_for_photographs_there_is_nothing_to_advise(
    project: Path, serve: Serve
) -> None:
    # Those that come with the code are none of that server's.
    serve(MODELS / "digits")
    write_photographs(project / "image_batches" / "G7", 3)
    assert request.main(["G7"]) == ExitCode.DONE
    assert advice(project) == []


def test_the_model_that_knows_most_of_the_same_things_is_advised(
    project: Path, serve: Serve, clothing: Path
) -> None:
    serve(MODELS / "cats_dogs", clothing)
    write_photographs(project / "image_batches" / "G7", 3)
    assert request.main(["G7"]) == ExitCode.DONE
    ((_, text),) = advice(project)
    assert "--model clothing" in text


def test_what_is_served_for_photographs_of_other_things_is_said_to_be_so(
    project: Path, serve: Serve
) -> None:
    serve(MODELS / "cats_dogs")
    write_photographs(project / "image_batches" / "G7", 3)
    assert request.main(["G7"]) == ExitCode.DONE
    ((_, text),) = advice(project)
    assert "--model cats_dogs" in text
    labels = parse_signature((MODELS / "cats_dogs" / "signature.json").read_bytes()).labels
    assert text.endswith(f"; cats_dogs knows {', '.join(labels)}")


def test_where_no_labels_are_shared_all_that_is_served_is_named(
    project: Path, serve: Serve, tmp_path: Path
) -> None:
    tools = clothing_stand_in(tmp_path / "models", "tools", ("hammer", "saw"))
    url = serve(MODELS / "digits", MODELS / "cats_dogs", tools)
    write_photographs(project / "image_batches" / "G7", 4)
    assert request.main(["G7", "--model", "digits"]) == ExitCode.DONE
    ((_, text),) = advice(project)
    assert text == (
        'G7: 4 of 4 are no pictures that "digits" was made for. If they are photographs, a model'
        f" for them is served: cats_dogs, tools; try {OWN} G7 --model cats_dogs"
        f" --server {url}, or"
        ' model = "cats_dogs" below [batches.G7] in settings.local.toml;'
        " cats_dogs knows cats, dogs; tools knows hammer, saw"
    )


def find_strange(own: Path, *, everything: bool) -> None:
    """Have a model find everything strange, or nothing."""
    file = own / "signature.json"
    signature = parse_signature(file.read_bytes())
    limits = structs.asdict(signature.thresholds)
    limits["outlier_score"] = 0.0 if everything else 1e9
    file.write_bytes(dump_signature(signature.renewed(thresholds=limits)))


def test_photographs_of_other_things_are_told_of_another_model_for_photographs(
    project: Path, serve: Serve, clothing: Path
) -> None:
    find_strange(clothing, everything=True)
    url = serve(clothing, MODELS / "cats_dogs")
    write_photographs(project / "image_batches" / "G7", 3)
    assert request.main(["G7", "--model", "clothing"]) == ExitCode.DONE
    told = (
        'G7: 3 of 3 are no pictures that "clothing" was made for. Another model for photographs is'
        f" served: cats_dogs; try {OWN} G7 --model cats_dogs"
        f' --server {url}, or model = "cats_dogs" below [batches.G7] in settings.local.toml;'
        " cats_dogs knows cats, dogs"
    )
    assert advice(project) == [("G7", told)]
    assert recorded() == [("G7", told)]


def test_photographs_that_are_the_models_own_hear_nothing_of_another(
    project: Path, serve: Serve, clothing: Path
) -> None:
    find_strange(clothing, everything=False)
    serve(clothing, MODELS / "cats_dogs")
    write_photographs(project / "image_batches" / "G7", 3)
    assert request.main(["G7", "--model", "clothing"]) == ExitCode.DONE
    assert advice(project) == []


def test_the_only_model_for_photographs_is_no_other(
    project: Path, serve: Serve, clothing: Path
) -> None:
    find_strange(clothing, everything=True)
    serve(clothing)
    write_photographs(project / "image_batches" / "G7", 3)
    assert request.main(["G7", "--model", "clothing"]) == ExitCode.DONE
    assert advice(project) == []


def test_the_results_file_that_was_named_is_in_the_command(
    project: Path, serve: Serve, clothing: Path, tmp_path: Path
) -> None:
    url = serve(clothing)
    write_photographs(project / "image_batches" / "G7", 2)
    out = tmp_path / "for the shop.csv"
    assert request.main(["G7", "--out", str(out)]) == ExitCode.DONE
    ((_, text),) = advice(project)
    flags = ("--model", "clothing", "--server", url, "--out", str(out.resolve()))
    command = scoring_command("G7", *flags)
    assert f"try {command}, or model =" in text
    pasted = shlex.split(command)[3:]
    assert request.main(pasted) == ExitCode.DONE
    assert not (project / "Results.csv").exists()
    items = [row.split(",")[3] for row in out.read_text(encoding="utf-8-sig").splitlines()[1:]]
    assert {*items} <= {"dress", "shirt"}


def test_a_results_file_of_several_batches_is_not_replaced_by_ones_own(
    project: Path, serve: Serve, clothing: Path, tmp_path: Path
) -> None:
    serve(clothing)
    write_photographs(project / "image_batches" / "G7", 2)
    add_product_pictures(project / "image_batches" / "G8", 2)
    assert request.main(["G7", "G8", "--out", str(tmp_path / "both.csv")]) == ExitCode.DONE
    ((_, text),) = advice(project)
    assert "--model clothing" in text
    assert "--out" not in text


@pytest.mark.slow
def test_a_server_of_this_run_is_told_of_all_that_the_project_has(project: Path) -> None:
    write_photographs(project / "image_batches" / "G7", 3)
    (project / "settings.local.toml").write_text("[server]\nport = 0\n", encoding="utf-8")
    assert request.main(["G7", "--model", "digits", "--start-server"]) == ExitCode.DONE
    ((_, text),) = advice(project)
    assert "a model for them is among the project's models: " in text
    names = text.split("project's models: ")[1].split(";")[0].split(", ")
    assert set(names) == {"cats_dogs", "clothing"}
    assert f"G7 --model {names[0]} --start-server, or" in text


@pytest.mark.slow
def test_a_server_of_this_run_can_have_what_the_project_has(project: Path) -> None:
    write_photographs(project / "image_batches" / "G7", 3)
    command = ["G7", "--start-server"]
    (project / "settings.local.toml").write_text("[server]\nport = 0\n", encoding="utf-8")
    assert request.main(command) == ExitCode.DONE
    own = clothing_stand_in(project / "models")
    assert request.main(command) == ExitCode.DONE
    ((_, text),) = advice(project)[-1:]
    assert f"G7 --model {own.name} --start-server, or model =" in text
    assert request.main(["G7", "--model", own.name, "--start-server"]) == ExitCode.DONE
    assert recorded()[-1] == ("G7", "")


def test_a_server_that_does_not_tell_what_it_serves_costs_no_batch(
    project: Path, serve: Serve, clothing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = serve(clothing)

    def spoil(path: str, answer: bytes, number: int) -> Answer | None:
        return (503, b"busy", {}) if path.endswith("/models/clothing") else None

    write_photographs(project / "image_batches" / "G7", 3)
    with answering(relay(real, spoil)) as spoilt:
        monkeypatch.setenv("SCORING_CLIENT__SERVER", spoilt)
        assert request.main(["G7"]) == ExitCode.DONE
    assert advice(project) == []
    assert recorded() == [("G7", "")]


def test_a_batch_named_like_a_setting_has_no_table() -> None:
    assert table_header("litter") == ""
    assert table_header("G_7") == "[batches.G_7]"
    assert table_header("2026.11") == '[batches."2026.11"]'
