from __future__ import annotations

import os
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from scoring.batches.image_folder import (
    all_batches,
    expected_batches,
    find_batch,
    list_images,
    natural_key,
)
from scoring.protocol.errors import BatchMissing
from scoring.records.regular_file import open_regular
from scoring.records.text import printable
from scoring.settings import BatchesSettings

RULES = BatchesSettings()
posix_only = pytest.mark.skipif(os.name == "nt", reason="needs POSIX file kinds")


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_candidates_are_images_in_natural_order_below_the_folder(tmp_path: Path) -> None:
    touch(tmp_path, "img10.png", "img2.PNG", "img1.jpeg", "b/1.tif", "a 3/x.webp", "notes.txt")
    touch(tmp_path, ".hidden.png", ".git/1.png", "thumbs.db", "1.bmp", "2.tiff", "3.jpg")
    images = list_images(tmp_path, RULES)
    assert list(images) == [
        *("1.bmp", "2.tiff", "3.jpg", "a 3/x.webp", "b/1.tif"),
        *("img1.jpeg", "img2.PNG", "img10.png"),
    ]
    assert images.left_out.kinds == {".txt": 1}
    assert images.left_out.litter == {"hidden": 2, "Thumbs.db*": 1}


@posix_only
def test_linked_folders_are_no_batches_but_are_named(tmp_path: Path) -> None:
    home = tmp_path / "image_batches"
    touch(home, "G1/1.png", "G1.labels.csv")
    for link, target in (
        ("G2", home / "G1"),
        ("gone", tmp_path / "share"),
        ("G2.labels.csv", home / "G1.labels.csv"),
        (".hidden", home / "G1"),
    ):
        (home / link).symlink_to(target)
    batches, found = all_batches(home, RULES)
    assert [batch.name for batch in batches] == ["G1"]
    assert found.links == ["G2", "gone"]


@posix_only
def test_links_pipes_and_folders_named_like_images_are_skipped(tmp_path: Path) -> None:
    touch(tmp_path, "1.png")
    (tmp_path / "x.png").mkdir()
    (tmp_path / "link.png").symlink_to(tmp_path / "1.png")
    (tmp_path / "out.png").symlink_to("/etc/hostname")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    images = list_images(tmp_path, RULES)
    assert list(images) == ["1.png"]
    assert images.left_out.kinds == {"link": 3, "pipe": 1}


@posix_only
def test_a_name_that_is_not_utf8_is_a_candidate_like_any_other(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))).write_bytes(b"x")
    images = list_images(tmp_path, RULES)
    assert len(images) == 1
    assert (tmp_path / images[0]).read_bytes() == b"x"
    assert list(images.printable_paths()) == ["caf\\udce9.png"]


def test_natural_key_sorts_numbers_by_value() -> None:
    names = [b"a2", b"A10", b"a11", b"a1b", b"a1a", b"b", b"a", b"a0", b"a.png", b"a12345678901"]
    assert sorted(names, key=natural_key) == [
        *(b"a", b"a.png", b"a0", b"a1a", b"a1b", b"a2", b"A10", b"a11", b"a12345678901", b"b"),
    ]


def test_a_batch_is_a_name_or_a_path(tmp_path: Path) -> None:
    home = tmp_path / "image_batches"
    touch(home, "G1/1.png")
    touch(tmp_path, "elsewhere/1.png")
    assert find_batch("G1", home).name == "G1"
    assert find_batch(str(home / "G1"), home).name == "G1"
    assert find_batch(str(tmp_path / "elsewhere"), home).name == str(tmp_path / "elsewhere")
    with pytest.raises(BatchMissing, match="no batch G7"):
        find_batch("G7", home)
    with pytest.raises(BatchMissing):
        find_batch("", home)
    with pytest.raises(BatchMissing, match="file"):
        find_batch(str(home / "G1" / "1.png"), home)


def mind_no_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have folders answer to their names in capitals, too, as those of exFAT and shares do."""
    stat = os.stat

    def stat_alike(path: Any, **options: Any) -> os.stat_result:
        if isinstance(path, int) or os.path.lexists(path):
            return stat(path, **options)
        named = str(path).replace("RETURNS", "Returns").replace("HOME", "home")
        return stat(named, **options)

    monkeypatch.setattr(os, "stat", stat_alike)


def test_one_folder_is_one_batch_whatever_its_file_system_lets_it_be_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its images would be scored twice, and stand in Results.csv twice."""
    touch(tmp_path, "home/Returns/1.png", "elsewhere/Returns/1.png")
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    mind_no_capitals(monkeypatch)
    for name in ("Returns", "RETURNS", str(home / "RETURNS"), str(tmp_path / "HOME" / "RETURNS")):
        assert find_batch(name, home).name == "Returns"
    assert find_batch(str(elsewhere / "RETURNS"), home).name == str(elsewhere / "Returns")


def test_who_gives_a_path_is_told_that_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, here = tmp_path / "image_batches", tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    for path in ("./mine", "mine/", "../here/mine"):
        with pytest.raises(BatchMissing) as caught:
            find_batch(path, home)
        assert f"there is no folder {here / 'mine'} or {home}" in str(caught.value)
    with pytest.raises(BatchMissing) as caught:
        find_batch("mine", home)
    assert str(caught.value) == f"no batch mine: there is no folder {home / 'mine'}"


def test_a_dot_is_the_folder_one_stands_in_not_all_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "image_batches"
    touch(home, "G1/1.png", "G2/1.png")
    monkeypatch.chdir(home / "G1")
    assert find_batch(".", home).name == "G1"


def test_all_batches_leaves_out_files_and_hidden_folders(tmp_path: Path) -> None:
    touch(tmp_path, "G10/1.png", "G2/1.png", ".mine/1.png", "__pycache__/x.pyc", "G2.labels.csv")
    touch(tmp_path, "@eaDir/1.png", "#Recycle/1.png", "LOST+FOUND/1.png", "$recycle.bin/x/1.png")
    batches, found = all_batches(tmp_path, RULES)
    assert [batch.name for batch in batches] == ["G2", "G10"]
    assert found.litter == {"@eaDir": 1, "#recycle": 1, "lost+found": 1, "$RECYCLE.BIN": 1}
    with pytest.raises(BatchMissing):
        all_batches(tmp_path / "none", RULES)


def test_a_batch_that_settings_name_may_be_missing_beside_others(tmp_path: Path) -> None:
    touch(tmp_path, "G1/1.png")
    assert [batch.name for batch in expected_batches(["G9", "G1"], tmp_path)] == ["G9", "G1"]
    with pytest.raises(BatchMissing, match="no batch G8"):
        expected_batches(["G8", "G9"], tmp_path)


@posix_only
def test_what_turned_into_a_pipe_or_a_link_since_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    touch(tmp_path, "1.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "1.png")
    for name in ("pipe.png", "link.png", "gone.png"):
        with pytest.raises(OSError, match=r".*"):
            open_regular(tmp_path / name)
    os.close(open_regular(tmp_path / "1.png")[0])


def test_a_name_takes_less_than_150_bytes(tmp_path: Path) -> None:
    touch(tmp_path, *(f"image_{number:05d}.png" for number in range(3000)))
    tracemalloc.start()
    images = list_images(tmp_path, RULES)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(images) == 3000
    assert peak / 3000 < 150, f"{sys.version}: {peak / 3000:.0f} bytes a name"


@posix_only
@pytest.mark.parametrize("name", ["back\\slash", "new\nline", "esc\x1b[31m"])
def test_a_batch_is_found_by_its_name_as_results_show_it(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    shown = find_batch(name, tmp_path).name
    assert shown == printable(name) != name
    assert find_batch(shown, tmp_path) == find_batch(name, tmp_path)
