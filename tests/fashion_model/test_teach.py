"""The command as a person runs it: what it says, what it refuses, that it needs no TensorFlow."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from fashion_model import teach
from fashion_model.commands import STOPPED
from scoring.inference.bundle import load_bundle
from scoring.protocol.errors import ExitCode
from scoring.settings import CODE_ROOT
from tests.fashion_model.teaching.shop import (
    TINY,
    blunted,
    jpeg,
    photograph,
    write_shop,
    write_things,
)


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shop(tmp_path_factory.mktemp("shop") / "things", 12)


@pytest.fixture
def shop(things: Path, tmp_path: Path) -> Path:
    """Return a copy of the pictures that a test may change."""
    return Path(shutil.copytree(things, tmp_path / "things"))


def run(folder: Path, tmp_path: Path, *more: str) -> int:
    return teach.main(
        [
            *(str(folder), "--name", "shop", "--out", str(tmp_path / "models" / "shop")),
            *("--backbone", str(TINY), "--cache", str(tmp_path / "cache"), *more),
        ]
    )


def test_it_says_how_right_the_model_is_and_what_would_help(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.move(shop / "mug" / "1.jpg", shop / "vase" / "mislaid.jpg")
    assert run(shop, tmp_path) == ExitCode.DONE
    said = capsys.readouterr().out
    for text in (
        "36 photographs of 3 classes, in 36 groups",
        "95 % interval",
        "Learning curve:",
        "Classes:",
        "Confusions:",
        "More pictures wanted:",
        "labels may be wrong",
        "report.html",
    ):
        assert text in said
    version = load_bundle(tmp_path / "models" / "shop").signature.version
    assert said.endswith(f"shop: version {version}\n")


def test_it_gives_the_same_bundle_again_but_for_nothing(shop: Path, tmp_path: Path) -> None:
    versions = []
    for _ in range(2):
        assert run(shop, tmp_path) == ExitCode.DONE
        versions.append(load_bundle(tmp_path / "models" / "shop").signature.files)
    assert versions[0] == versions[1]


def test_a_table_teaches_as_folders_do(shop: Path, tmp_path: Path) -> None:
    assert run(shop, tmp_path) == ExitCode.DONE
    by_folders = load_bundle(tmp_path / "models" / "shop").signature
    rows = [f"{p.relative_to(shop).as_posix()},{p.parent.name}" for p in shop.rglob("*.jpg")]
    (shop / "table.csv").write_text("\n".join(["file,label", *sorted(rows)]), encoding="utf-8")
    assert run(shop / "table.csv", tmp_path) == ExitCode.DONE
    by_table = load_bundle(tmp_path / "models" / "shop").signature
    assert by_table.labels == by_folders.labels
    assert by_table.figures["accuracy"] == pytest.approx(by_folders.figures["accuracy"], abs=0.1)


def _one_class(shop: Path) -> None:
    shutil.rmtree(shop / "mug")
    shutil.rmtree(shop / "vase")


def _nine_of_one(shop: Path) -> None:
    for number in (0, 1, 2):
        (shop / "mug" / f"{number}.jpg").unlink()


def _nine_and_a_copy(shop: Path) -> None:
    _nine_of_one(shop)
    shutil.copyfile(shop / "mug" / "5.jpg", shop / "mug" / "5 (copy).jpg")


def _broken(shop: Path) -> None:
    (shop / "mug" / "torn one.jpg").write_bytes(jpeg(photograph("mug", 1))[:500])
    (shop / "vase" / "empty.png").write_bytes(b"")


def _copied(shop: Path) -> None:
    shutil.copytree(shop / "mug", shop / "cups")


def _resaved(shop: Path) -> None:
    for number in range(12):
        path = shop / "cups" / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(jpeg(photograph("mug", number), quality=70))


def _one_picture_many_times(shop: Path) -> None:
    for number in range(12):
        (shop / "mug" / f"{number}.jpg").write_bytes(jpeg(photograph("mug", 1), 70 + number))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_one_class, "holds the class 'plate' only"),
        (_nine_of_one, "needs 10 different readable pictures or more; too few has 'mug' (9)"),
        (_nine_and_a_copy, "too few has 'mug' (9)"),
        (_broken, "2 files cannot be read: mug/torn one.jpg ("),
        (_copied, "is a copy: 12 of its 12 pictures lie in"),
        (_resaved, "is a copy: 12 of its 12 pictures lie in"),
        (_one_picture_many_times, "class 'mug': all its pictures are near-copies"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused_in_one_line(
    change: object, why: str, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(shop)  # type: ignore[operator]
    assert run(shop, tmp_path) == ExitCode.USAGE
    said = capsys.readouterr()
    assert why in said.err.replace("\\", "/")
    assert said.err.count("error: ") == 1
    assert said.err.splitlines()[-1].startswith("error: ")
    assert not said.out
    assert not (tmp_path / "models").exists()


def test_unreadable_files_are_left_out_where_that_is_wanted(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _broken(shop)
    assert run(shop, tmp_path, "--skip-unreadable") == ExitCode.DONE
    said = capsys.readouterr().out.replace("\\", "/")
    assert "note: left out 2 files that cannot be read: mug/torn one.jpg (" in said


def test_a_bundles_backbone_is_taken_wherever_it_lies(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "models" / "backbones").mkdir(parents=True)
    assert run(shop, tmp_path) == ExitCode.DONE
    models = tmp_path / "models"
    again = ["--name", "again", "--out", str(models / "again"), "--backbone", str(models / "shop")]
    assert run(shop, tmp_path, *again) == ExitCode.DONE
    files = load_bundle(models / "again").signature.files
    assert files["model.tflite"] == load_bundle(models / "shop").signature.files["model.tflite"]


def test_too_few_readable_ones_are_told_with_those_that_are_not(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (0, 1, 2):
        (shop / "mug" / f"{number}.jpg").write_bytes(b"torn")
    assert run(shop, tmp_path, "--skip-unreadable") == ExitCode.USAGE
    said = capsys.readouterr().err.replace("\\", "/").splitlines()[-1]
    assert "too few has 'mug' (9); left out 3 files that cannot be read: mug/0.jpg (" in said


@pytest.mark.parametrize(
    ("backbone", "why"),
    [
        ("nothing.tflite", "no backbone: No such file"),
        (str(CODE_ROOT / "README.md"), "no backbone: "),
        (str(CODE_ROOT / "docs"), "no backbone, and no bundle that has one: "),
        (
            str(CODE_ROOT / "models" / "digits"),
            "no backbone for photographs: it takes images of 28",
        ),
    ],
)
def test_what_is_no_backbone_is_refused(
    backbone: str, why: str, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(shop, tmp_path, "--backbone", backbone) == ExitCode.USAGE
    assert why in capsys.readouterr().err


def test_without_any_backbone_it_says_where_to_put_one(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fashion_model.teaching.backbones.CODE_ROOT", tmp_path)
    assert run(shop, tmp_path, "--backbone", "auto") == ExitCode.USAGE
    assert "put one there, or name one with --backbone FILE" in capsys.readouterr().err


def test_the_backbone_that_suits_better_is_taken(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the stand-in lies one for which every picture is the same, nearly."""
    monkeypatch.setattr("fashion_model.teaching.backbones.CODE_ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "models" / "backbones"
    folder.mkdir(parents=True)
    good = TINY.read_bytes()
    (folder / "a.tflite").write_bytes(blunted(good))
    (folder / "b.tflite").write_bytes(good)
    assert run(shop, tmp_path, "--backbone", "auto") == ExitCode.DONE
    assert load_bundle(tmp_path / "models" / "shop").model == good


@pytest.mark.slow
def test_no_tensorflow_is_needed(things: Path, tmp_path: Path) -> None:
    absent = ("tensorflow", "keras", "matplotlib")
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({absent!r}));"
        "from fashion_model import teach; sys.exit(teach.main())"
    )
    arguments = ["--name", "shop", "--out", str(tmp_path / "shop"), "--backbone", str(TINY)]
    done = subprocess.run(
        [sys.executable, "-c", program, str(things), *arguments, "--cache", str(tmp_path / "c")],
        cwd=CODE_ROOT,
        env={**os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert load_bundle(tmp_path / "shop").signature.name == "shop"


def test_without_scikit_learn_it_says_what_to_install(things: Path, tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['sklearn'] = None;"
        "from fashion_model import teach; sys.exit(teach.main())"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            program,
            str(things),
            "--name",
            "shop",
            "--out",
            str(tmp_path / "x"),
        ],
        cwd=CODE_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == ExitCode.USAGE
    assert "this command needs sklearn, which is not installed" in done.stderr
    assert f"-m pip install -r {CODE_ROOT / 'requirements-teach.txt'}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_tensorflow_deep_says_what_to_install(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    assert run(shop, tmp_path, "--deep") == ExitCode.USAGE
    said = capsys.readouterr()
    assert said.err.splitlines()[-1] == (
        "error: this command needs tensorflow, which is not installed:"
        f" {sys.executable} -m pip install -r {CODE_ROOT / 'requirements.txt'}"
    )
    assert not said.out
    assert not (tmp_path / "models").exists()


def test_a_command_that_is_stopped_says_so_in_one_line(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped while the bundle is written: nothing half made is left."""

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("fashion_model.teaching.sealing.report_page", stopped)
        assert run(shop, tmp_path) == STOPPED
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == "stopped: give the same command again to go on with what is done"
    assert list((tmp_path / "models").iterdir()) == []
    assert run(shop, tmp_path) == ExitCode.DONE


def test_the_length_of_a_training_needs_one(things: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        teach.main([str(things), "--name", "shop", "--steps", "5"])
    assert ended.value.code == ExitCode.USAGE


@pytest.mark.parametrize("name", ["../shop", "a/b", "", "nul"])
def test_a_name_that_is_none_is_refused(name: str, things: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        teach.main([str(things), "--name", name])
    assert ended.value.code == ExitCode.USAGE


def test_pictures_in_other_formats_are_read_too(shop: Path, tmp_path: Path) -> None:
    for path in sorted((shop / "mug").glob("*.jpg"))[:4]:
        cv2.imwrite(str(path.with_suffix(".png")), np.asarray(cv2.imread(str(path))))
        path.unlink()
    write_things(shop / "plate" / "more", "plate", 3, seed=50)
    assert run(shop, tmp_path) == ExitCode.DONE
    assert load_bundle(tmp_path / "models" / "shop").signature.figures["measured_images"] == 39
