"""Rows 17 to 26: the folder of images."""

from __future__ import annotations

import errno
import os
import shutil
import struct
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from scoring.batches import image_reader
from scoring.protocol.errors import ExitCode
from scoring.records.regular_file import open_regular
from tests.client.lying_server import Answer, answering, is_predict, relay
from tests.faults.desk import LONG_AGO, POSIX, Project
from tests.faults.oracle import assert_truth, read_whole_results

pytestmark = pytest.mark.usefixtures("server_url")


def errors_of(faulty: Project) -> dict[str, str]:
    """Return the images of Results.csv that have an error, with it."""
    return {row[2]: row[6] for row in read_whole_results(faulty.results) if row[6]}


def test_row_17_the_batch_folder_is_missing(faulty: Project) -> None:
    faulty.write("G1", 3)
    faulty.score("G1")
    before = faulty.results.read_bytes()
    assert faulty.score("G9") == ExitCode.BATCH_MISSING
    assert faulty.results.read_bytes() == before
    assert "batch-missing" in faulty.events()
    assert_truth(faulty.settings)
    shutil.rmtree(faulty.batches)
    assert faulty.score("--nightly", "2026-11-20") == ExitCode.BATCH_MISSING
    assert faulty.latest_run().state == "failed"
    assert faulty.results.read_bytes() == before


def test_row_18_the_batch_folder_is_empty(faulty: Project) -> None:
    faulty.write("G1", 3)
    (faulty.batches / "empty").mkdir()
    assert faulty.score("--nightly", "2026-11-20") == ExitCode.DONE
    before = faulty.results.read_bytes()
    shutil.rmtree(faulty.batches / "G1")
    assert faulty.score("--nightly", "2026-11-21") == ExitCode.DONE
    assert faulty.latest_run().reason == "0 new images"
    assert faulty.results.read_bytes() == before
    assert faulty.score("empty") == ExitCode.DONE
    assert faulty.results.read_bytes() == before, "an empty batch took another's rows away"
    assert_truth(faulty.settings)
    faulty.write("G1", 2)
    for image in (faulty.batches / "G1").iterdir():
        image.unlink()
    assert faulty.score("G1") == ExitCode.DONE
    assert read_whole_results(faulty.results) == [], "its own rows have nothing behind them"
    assert_truth(faulty.settings)


def test_row_19_one_corrupt_image_among_ten_thousand(faulty: Project) -> None:
    folder = faulty.batches / "G1"
    first = faulty.write("G1", 100)
    images = [path.read_bytes() for path in first.iterdir()]
    for number in range(101, 10_001):
        (folder / f"img_{number}.png").write_bytes(images[number % 100])
    (folder / "img_5000.png").write_bytes(images[0][:60] + b"not an image any more")
    assert faulty.score("G1") == ExitCode.DONE
    assert len(read_whole_results(faulty.results)) == 10_000
    assert list(errors_of(faulty)) == ["img_5000.png"]
    assert_truth(faulty.settings)


def test_row_20_most_images_are_corrupt(faulty: Project) -> None:
    folder = faulty.write("G1", 10)
    for number in range(11, 41):
        (folder / f"img_{number}.png").write_bytes(b"broken")
    assert faulty.score("G1") == ExitCode.FAILED
    assert len(errors_of(faulty)) == 30
    assert ", ERROR, run-failed, " in faulty.events()
    assert "30 of 40 images failed, more than 20 %" in faulty.events()
    assert_truth(faulty.settings)


def test_row_21_a_file_of_zero_bytes(faulty: Project) -> None:
    folder = faulty.write("G1", 9)
    for suffix in ("png", "jpg"):
        (folder / f"nothing.{suffix}").touch()
    assert faulty.score("G1") == ExitCode.DONE
    assert set(errors_of(faulty)) == {"nothing.jpg", "nothing.png"}
    assert_truth(faulty.settings)


def png_bomb(width: int, height: int) -> bytes:
    """Return a correct PNG of one bit a pixel, all black."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    packer = zlib.compressobj(9)
    row = bytes(1 + width // 8)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def jpeg_bomb(width: int, height: int) -> bytes:
    """Return a small JPEG whose header says that it is large."""
    data = bytearray(cv2.imencode(".jpg", np.zeros((8, 8), np.uint8))[1].tobytes())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


# The kernel's mark of this very process: ru_maxrss would count the parent's memory before exec.
PEAK = """
import sys, time
from client import request
code = request.main(["G1"])
status = open("/proc/self/status").read()
sys.stderr.write(f"peak {int(status.split('VmHWM:')[1].split()[0]) // 1024} MB, ")
sys.stderr.write(f"work {time.process_time():.1f} s")
sys.exit(code)
"""


@POSIX
def test_row_22_an_image_bomb(faulty: Project) -> None:
    folder = faulty.write("G1", 20)
    (folder / "bomb.png").write_bytes(png_bomb(25_000, 20_000))
    (folder / "bomb.jpg").write_bytes(jpeg_bomb(25_000, 20_000))
    assert (folder / "bomb.png").stat().st_size < 100_000
    done = faulty.run("-c", PEAK)
    assert done.returncode == ExitCode.DONE, done.stderr
    assert set(errors_of(faulty)) == {"bomb.png", "bomb.jpg"}
    assert all("pixels" in error for error in errors_of(faulty).values())
    # The 500 million pixels would be 500 MB in grey alone.
    assert int(done.stderr.rsplit("peak ", 1)[1].split()[0]) < 300
    assert_truth(faulty.settings)


def test_row_23_a_truncated_jpeg(faulty: Project) -> None:
    folder = faulty.write("G1", 12)
    picture = np.random.default_rng(1).integers(0, 255, (64, 64), np.uint8)
    whole = cv2.imencode(".jpg", picture)[1].tobytes()
    for share in (30, 60, 95):
        (folder / f"cut_{share}.jpg").write_bytes(whole[: len(whole) * share // 100])
    (folder / "whole.jpg").write_bytes(whole)
    assert faulty.score("G1") == ExitCode.DONE
    assert set(errors_of(faulty)) == {"cut_30.jpg", "cut_60.jpg", "cut_95.jpg"}
    assert_truth(faulty.settings)


def test_row_24_a_file_vanishes_or_is_still_being_copied(
    faulty: Project, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = faulty.write("G1", 20)
    copied = (folder / "img_3.png").read_bytes()
    (folder / "img_3.png").write_bytes(copied[:80])
    # It is looked at sooner than that, however slow the machine is.
    monkeypatch.setenv("SCORING_SCHEDULE__SETTLE_SECONDS", "3600")
    monkeypatch.setenv("SCORING_CLIENT__CHUNK_ROWS", "2")

    def remove_one(path: str, _: bytes, __: int) -> Answer | None:
        if is_predict(path):
            (folder / "img_20.png").unlink(missing_ok=True)
        return None

    with answering(relay(server_url, remove_one)) as url:
        assert faulty.score("--nightly", "2026-11-20", "--server", url) == ExitCode.DONE
    errors = errors_of(faulty)
    assert errors.pop("img_3.png").startswith("not scored yet")
    assert "cannot be read" in errors.pop("img_20.png")
    assert not errors
    assert_truth(faulty.settings, vanished=["G1/img_20.png"])
    # Run by hand, the half file is taken as it is; whole and settled, the next night takes it.
    assert faulty.score("G1") == ExitCode.DONE
    assert list(errors_of(faulty)) == ["img_3.png"]
    (folder / "img_3.png").write_bytes(copied)
    os.utime(folder / "img_3.png", (LONG_AGO, LONG_AGO))
    assert faulty.score("--nightly", "2026-11-21") == ExitCode.DONE
    assert errors_of(faulty) == {}
    assert_truth(faulty.settings)


def test_row_24_a_known_file_that_was_out_of_reach_for_a_night(
    faulty: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is new once it is back, and yet its row must lose the error of that night."""
    folder = faulty.write("G1", 12)
    assert faulty.score("--nightly", "2026-11-20") == ExitCode.DONE
    known = read_whole_results(faulty.results)

    def refuse_two(path: str) -> tuple[int, os.stat_result]:
        if path.endswith(("img_3.png", "img_5.png")):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return open_regular(path)

    with monkeypatch.context() as fault:
        fault.setattr(image_reader, "open_regular", refuse_two)
        assert faulty.score("--nightly", "2026-11-21") == ExitCode.FAILED
    assert set(errors_of(faulty)) == {"img_3.png", "img_5.png"}
    assert faulty.score("--nightly", "2026-11-22") == ExitCode.DONE
    assert read_whole_results(faulty.results) == known
    assert_truth(faulty.settings)
    # Nor must it say "not scored yet" for ever of what was touched while others came.
    monkeypatch.setenv("SCORING_SCHEDULE__SETTLE_SECONDS", "3600")
    shutil.copy(folder / "img_1.png", folder / "new.png")
    os.utime(folder / "new.png", (LONG_AGO, LONG_AGO))
    os.utime(folder / "img_7.png")
    assert faulty.score("--nightly", "2026-11-23") == ExitCode.DONE
    assert set(errors_of(faulty)) == {"img_7.png"}
    os.utime(folder / "img_7.png", (LONG_AGO, LONG_AGO))
    assert faulty.score("--nightly", "2026-11-24") == ExitCode.DONE
    assert errors_of(faulty) == {}
    assert len(read_whole_results(faulty.results)) == 13
    assert_truth(faulty.settings)


@POSIX
def test_row_25_links_pipes_and_folders_named_like_images(faulty: Project, tmp_path: Path) -> None:
    folder = faulty.write("G1", 5)
    secret = tmp_path / "secret.png"
    shutil.copy(folder / "img_1.png", secret)
    (folder / "link.png").symlink_to(secret)
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    if sys.platform != "win32":
        os.mkfifo(folder / "pipe.png")
    (folder / "folder.png").mkdir()
    shutil.copy(folder / "img_1.png", folder / "folder.png" / "inside.png")
    assert faulty.score("G1") == ExitCode.DONE
    names = [row[2] for row in read_whole_results(faulty.results)]
    assert names == ["folder.png/inside.png", *(f"img_{number}.png" for number in range(1, 6))]
    assert "files-skipped" in faulty.events()
    assert "not images: 2 links, 1 pipe" in faulty.events()
    assert_truth(faulty.settings)


@POSIX
def test_row_25_a_batch_that_is_a_link(faulty: Project, tmp_path: Path, server_url: str) -> None:
    """It is left out and told once a run, unless settings name it."""
    faulty.write("G1", 2)
    shutil.copytree(faulty.batches / "G1", tmp_path / "share")
    (faulty.batches / "G2").symlink_to(tmp_path / "share", target_is_directory=True)
    for day, told in (("2026-11-20", 1), ("2026-11-21", 2)):
        assert faulty.score("--nightly", day) == ExitCode.DONE
        assert faulty.events().count(" WARNING, batches-skipped, ") == told
    assert {row[1] for row in read_whole_results(faulty.results)} == {"G1"}
    assert "no batches" in faulty.events()
    (faulty.batches / "loop").symlink_to("loop")
    faulty.write("Łódź 夏 €", 2, seed=7)
    assert faulty.score("--nightly", "2026-11-22") == ExitCode.DONE
    assert {row[1] for row in read_whole_results(faulty.results)} == {"Łódź 夏 €"}
    assert "G2, loop" in faulty.events()
    assert_truth(faulty.settings)


def test_row_26_hostile_names(faulty: Project) -> None:
    folder = faulty.write("G1", 2)
    names = ["=cmd().png", "+1.png", "-2.png", "@x.png", "c,d;e.png", "ümlaut 中.png"]
    if os.name != "nt":
        names += ["a\nb.png", "t\tab.png", '"q".png', "back\\slash.png", "bell\x07.png"]
    for name in names:
        shutil.copy(folder / "img_1.png", folder / name)
    not_utf8 = 0
    if sys.platform == "linux":
        shutil.copy(folder / "img_1.png", os.fsdecode(os.fsencode(folder) + b"/caf\xe9.png"))
        not_utf8 = 1
    assert faulty.score("G1") == ExitCode.DONE
    rows = read_whole_results(faulty.results)
    assert len(rows) == 2 + len(names) + not_utf8
    assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for row in rows for cell in row)
    assert_truth(faulty.settings)
