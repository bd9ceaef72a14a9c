"""A lesson becomes a bundle: whole, sealed, with card and report, or not at all."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from fashion_model.teaching import sealing
from fashion_model.teaching.backbones import Backbone
from fashion_model.teaching.diagrams import confusion_diagram
from fashion_model.teaching.lesson import Lesson
from fashion_model.teaching.preparing import best_lesson
from fashion_model.teaching.sealing import require_free, seal_bundle
from fashion_model.teaching.sources import CannotTeach
from scoring.inference.bundle import BundleError, load_bundle
from scoring.inference.predictor import Predictor
from scoring.protocol.signature import PreprocessingRef
from scoring.settings import CODE_ROOT
from tests.fashion_model.teaching.shop import TINY, photograph

HOSTILE = "T-shirt/Top <script>alert(1)</script> | *x*"


@pytest.fixture(scope="module")
def lesson(things: Path, tmp_path_factory: pytest.TempPathFactory) -> Lesson:
    """Return a lesson of three classes, one of a name that is no folder's, one picture mislaid."""
    folder = tmp_path_factory.mktemp("lesson")
    shop = folder / "shop"
    shutil.copytree(things, shop)
    (shop / "classes.csv").write_text(f'Folder,Label\nmug,"{HOSTILE}"\n')
    mislaid = shop / "vase" / "mislaid.jpg"
    shutil.move(shop / "plate" / "3.jpg", mislaid)
    found, notes = best_lesson(shop, str(TINY), folder / "out", folder / "cache", False)
    assert notes == []
    return found


def test_a_bundle_is_loaded_as_it_was_taught(lesson: Lesson, tmp_path: Path) -> None:
    signature = seal_bundle(lesson, "shop", tmp_path / "shop", [])
    bundle = load_bundle(tmp_path / "shop")
    assert bundle.signature == signature
    assert signature.labels == tuple(sorted(signature.labels))
    assert signature.preprocessing == PreprocessingRef("photo", 2)
    assert signature.input.shape == (48, 48, 3)
    assert signature.figures["measured_images"] == 42
    assert signature.reference.count == 42
    low, high = signature.figures["accuracy_low"], signature.figures["accuracy_high"]
    assert low < signature.figures["accuracy"] < high
    predictor = Predictor(bundle)
    noise = np.random.default_rng(0).integers(0, 256, (20, 48 * 48 * 3), np.uint8)
    strange = predictor.predict(noise).outlier_score > signature.thresholds.outlier_score
    predictor.close()
    assert strange.all()


def test_the_backbone_is_shared_where_backbones_lie(lesson: Lesson, tmp_path: Path) -> None:
    alone, models = tmp_path / "alone" / "shop", tmp_path / "models"
    (models / "backbones").mkdir(parents=True)
    seal_bundle(lesson, "shop", alone, [])
    seal_bundle(lesson, "shop", models / "shop", [])
    seal_bundle(lesson, "shop2", models / "shop2", [])
    assert (alone / "model.tflite").read_bytes() == TINY.read_bytes()
    digest = Backbone(TINY).digest
    assert [path.name for path in (models / "backbones").iterdir()] == [f"{digest}.tflite"]
    assert not list(models.glob("shop*/model.tflite"))
    assert load_bundle(models / "shop2").model == TINY.read_bytes()


def test_card_and_report_show_other_peoples_words_as_they_stand(
    lesson: Lesson, tmp_path: Path
) -> None:
    seal_bundle(lesson, "shop", tmp_path / "shop", ["passed over: <b>x</b>"])
    page = (tmp_path / "shop" / "report.html").read_text(encoding="utf-8")
    card = (tmp_path / "shop" / "README.md").read_text(encoding="utf-8")
    for text in (page, card):
        assert "<script" not in text
        assert "<b>" not in text
        assert "&lt;script&gt;" in text
    assert r"&lt;script&gt;alert(1)&lt;/script&gt; \| \*x\*" in card
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    assert policy[1].startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "style=" not in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")


def test_the_report_shows_the_mislaid_picture_first(lesson: Lesson, tmp_path: Path) -> None:
    suspects = [lesson.photographs.files[one.picture].path.name for one in lesson.suspects]
    assert suspects[0] == "mislaid.jpg"
    assert lesson.photographs.labels[lesson.suspects[0].rather] == "plate"
    seal_bundle(lesson, "shop", tmp_path / "shop", [])
    page = (tmp_path / "shop" / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == len(suspects)
    assert page.index("vase/mislaid.jpg: labelled vase") > page.index("data:image/jpeg")


def test_a_report_stands_also_where_a_picture_is_gone(lesson: Lesson, tmp_path: Path) -> None:
    path = lesson.photographs.files[lesson.suspects[0].picture].path
    away = path.with_suffix(".away")
    path.rename(away)
    try:
        seal_bundle(lesson, "shop", tmp_path / "shop", [])
    finally:
        away.rename(path)
    page = (tmp_path / "shop" / "report.html").read_text(encoding="utf-8")
    assert "vase/mislaid.jpg: labelled vase" in page


def test_the_pictures_of_the_card_are_there_and_well_formed(lesson: Lesson, tmp_path: Path) -> None:
    seal_bundle(lesson, "shop", tmp_path / "shop", [])
    card = (tmp_path / "shop" / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"!\[[^]]*\]\(([^)]+)\)", card)
    assert len(links) == 3
    for link in links:
        drawing = ElementTree.parse(tmp_path / "shop" / link).getroot()
        assert drawing.tag.endswith("svg")
        assert [part.text for part in drawing.iter() if part.text]


def test_what_was_taught_under_that_name_is_replaced(lesson: Lesson, tmp_path: Path) -> None:
    out = tmp_path / "shop"
    for _ in range(2):
        require_free(out, "shop")
        seal_bundle(lesson, "shop", out, [])
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


@pytest.mark.parametrize("moment", [1, 2])
def test_what_a_command_left_that_was_killed_as_the_bundle_took_its_place_is_put_in_order(
    lesson: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    out = tmp_path / "shop"
    before = seal_bundle(lesson, "shop", out, ["first"])
    (tmp_path / ".shop.0a.part").mkdir()
    # As a kill after the first or the second renaming leaves it.
    if moment == 1:
        out.rename(tmp_path / ".shop.0a.old")
    else:
        shutil.copytree(out, tmp_path / ".shop.0a.old")

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(sealing, "write_head", broken)
        with pytest.raises(OSError, match="No space left"):
            seal_bundle(lesson, "shop", out, ["second"])
    assert load_bundle(out).signature == before
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


def test_a_full_disk_is_told_with_the_bundles_name(
    lesson: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sealing, "write_head", full)
    with pytest.raises(OSError, match="cannot be written: No space left on device") as error:
        seal_bundle(lesson, "shop", tmp_path / "shop", [])
    assert error.value.filename == str(tmp_path / "shop")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("place", "named"),
    [(".shop.{}.part/head.npz", "shop"), ("backbones/tiny.tflite", "backbones/tiny.tflite")],
)
def test_an_error_keeps_the_name_of_a_file_that_is_not_the_bundles(
    lesson: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, named: str
) -> None:
    def refused(part: Path, *_: object) -> None:
        file = tmp_path / place.format(part.name.split(".")[2])
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(sealing, "write_head", refused)
    with pytest.raises(PermissionError) as error:
        seal_bundle(lesson, "shop", tmp_path / "shop", [])
    assert error.value.filename == str(tmp_path / named)
    told = "cannot be written: Permission denied" if named == "shop" else "Permission denied"
    assert error.value.strerror == told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_what_it_leads_to_is_replaced(
    lesson: Lesson, tmp_path: Path, there: bool
) -> None:
    disk, link = tmp_path / "disk" / "shop", tmp_path / "models" / "shop"
    for folder in (disk if there else disk.parent, link.parent):
        folder.mkdir(parents=True)
    try:
        link.symlink_to(disk, target_is_directory=True)
    except OSError:
        pytest.skip("the system lets nobody make links")
    for _ in range(2):
        require_free(link, "shop")
        signature = seal_bundle(lesson, "shop", link, [])
        assert link.is_symlink()
        assert load_bundle(disk).signature == load_bundle(link).signature == signature
    assert [path.name for path in link.parent.iterdir()] == ["shop"]
    assert [path.name for path in disk.parent.iterdir()] == ["shop"]


def test_what_a_killed_command_left_behind_is_in_nobodys_way(
    lesson: Lesson, tmp_path: Path
) -> None:
    seal_bundle(lesson, "shop", tmp_path / "shop", [])
    shutil.copytree(tmp_path / "shop", tmp_path / ".shop.0123.part")
    require_free(tmp_path / "shop", "shop")
    seal_bundle(lesson, "shop", tmp_path / "shop", [])
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


def test_a_bundle_that_cannot_be_served_changes_nothing(
    lesson: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "shop"
    before = seal_bundle(lesson, "shop", out, [])

    def broken(folder: Path, *arrays: np.ndarray) -> None:
        (folder / "head.npz").write_bytes(b"half a head")

    monkeypatch.setattr(sealing, "write_head", broken)
    with pytest.raises(BundleError):
        seal_bundle(lesson, "shop", out, [])
    assert load_bundle(out).signature == before
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


def _taught(lesson: Lesson, out: Path, name: str) -> None:
    seal_bundle(lesson, name, out, [])


@pytest.mark.parametrize(
    ("there", "why"),
    [
        ("notes.txt", "holds something else than a bundle 'shop'"),
        ("signature.json", "holds something else"),
    ],
)
def test_a_folder_with_another_thing_is_left_alone(tmp_path: Path, there: str, why: str) -> None:
    out = tmp_path / "shop"
    out.mkdir()
    (out / there).write_text("mine")
    with pytest.raises(CannotTeach, match=why):
        require_free(out, "shop")


def test_other_models_are_left_alone(lesson: Lesson, tmp_path: Path) -> None:
    _taught(lesson, tmp_path / "shop", "shop")
    with pytest.raises(CannotTeach, match="holds something else than a bundle 'hats'"):
        require_free(tmp_path / "shop", "hats")
    with pytest.raises(CannotTeach, match="is named 'shop' already"):
        require_free(tmp_path / "shop2", "shop")
    (tmp_path / "shop" / "my notes.txt").write_text("mine")
    with pytest.raises(CannotTeach, match="holds something else"):
        require_free(tmp_path / "shop", "shop")


@pytest.mark.parametrize(
    ("out", "name"),
    [
        (CODE_ROOT / "fashion_model", "fashion"),
        (CODE_ROOT / "models" / "digits", "digits"),
        (CODE_ROOT / "models" / "backbones", "shop"),
        (CODE_ROOT / "README.md", "shop"),
    ],
)
def test_the_projects_own_folders_are_left_alone(out: Path, name: str) -> None:
    with pytest.raises(CannotTeach):
        require_free(out, name)


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    require_free(tmp_path / "shop", "shop")


def test_the_stand_in_sees_the_things() -> None:
    backbone = Backbone(TINY)
    small = np.ascontiguousarray(photograph("mug", 0)[:48, :48])
    assert (backbone.shape, backbone.width) == ((48, 48, 3), 40)
    assert backbone.features(small.reshape(-1)).std() > 0


def test_what_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(CannotTeach, match=r"cannot be written: .*give --out another folder"):
        require_free(tmp_path / "notes.txt" / "models" / "shop", "shop")
    require_free(tmp_path / "models" / "shop", "shop")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_hundreds_of_classes_make_no_page_of_megabytes() -> None:
    labels = [f"class {place}" for place in range(300)]
    counts = np.diag(np.full(300, 10)) + np.eye(300, k=1, dtype=np.int64)
    drawing = confusion_diagram(counts, labels)
    assert len(drawing) < 400_000
    texts = [part.text for part in ElementTree.fromstring(drawing).iter() if part.text]
    assert texts.count("10") == 300
    assert texts.count("1") == 299
