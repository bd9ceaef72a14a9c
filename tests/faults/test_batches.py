"""Rows 47, 50, 51, 52 and 61: batches of strangers, on drives of strangers."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest

from scoring.protocol.errors import ExitCode
from tests.deep_folders import deep_folder
from tests.faults.desk import LINUX, LONG_AGO, MOUNTS, Project
from tests.faults.oracle import assert_truth, read_whole_results

pytestmark = pytest.mark.usefixtures("server_url")

PICTURE = np.random.default_rng(5).integers(0, 255, (40, 30, 3), np.uint8)
JPEG = cv2.imencode(".jpg", PICTURE)[1].tobytes()
CLIENT = ("-m", "client.request")
NIGHT = ("--nightly", "2026-11-20")

# Every Python process of the test has it: one kind of file ends whatever program decodes it, as a
# fault within a decoder does.
DEADLY_DECODER = """
import os, signal
import simplejpeg
decode = simplejpeg.decode_jpeg
def deadly(data, *arguments, **options):
    if b"DEADLY" in data:
        os.kill(os.getpid(), signal.SIGKILL)
    return decode(data, *arguments, **options)
simplejpeg.decode_jpeg = deadly
"""


# Gives up what lets root read everything, and is the client then.
AS_NOBODY = """
import ctypes, sys
CAPABILITIES = (1, 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH (capability.h)
libc = ctypes.CDLL(None, use_errno=True)
class Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]
class Data(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]
header, data = Header(0x20080522, 0), (Data * 2)()
assert libc.capget(ctypes.byref(header), data) == 0
for capability in CAPABILITIES:
    data[0].effective &= ~(1 << capability)
assert libc.capset(ctypes.byref(header), data) == 0
from client import request
sys.exit(request.main(sys.argv[1:]))
"""


def images_of(faulty: Project) -> set[tuple[str, str]]:
    """Return batch and image of every row of Results.csv."""
    return {(row[1], row[2]) for row in read_whole_results(faulty.results)}


def errors_of(faulty: Project) -> dict[str, str]:
    """Return the images of Results.csv that have an error, with it."""
    return {row[2]: row[6] for row in read_whole_results(faulty.results) if row[6]}


def write(folder: Path, *names: str, data: bytes = JPEG) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (LONG_AGO, LONG_AGO))


@LINUX
def test_row_47_a_file_that_ended_a_run(
    faulty: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = faulty.write("G1", 20)
    write(folder, "deadly.jpg", data=JPEG + b"DEADLY")
    write(folder, "whole.jpg")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(DEADLY_DECODER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    for _ in range(2):
        assert faulty.run(*CLIENT, *NIGHT).returncode == -signal.SIGKILL
    done = faulty.run(*CLIENT, *NIGHT)
    assert done.returncode == ExitCode.DONE, done.stderr
    errors = errors_of(faulty)
    assert list(errors) == ["deadly.jpg"]
    assert "ends the program that does it" in errors["deadly.jpg"]
    assert "G1/deadly.jpg" in faulty.events(), "the first sudden end names it already"
    assert_truth(faulty.settings)
    # Neither the next night nor a run by hand dies of it once more.
    assert faulty.run(*CLIENT, "--nightly", "2026-11-21").returncode == ExitCode.DONE
    assert faulty.run(*CLIENT, "G1").returncode == ExitCode.DONE
    assert list(errors_of(faulty)) == ["deadly.jpg"]
    assert_truth(faulty.settings)


@MOUNTS
def test_row_50_a_batch_that_cannot_be_listed(faulty: Project) -> None:
    """A user who may not read it: root may, so the run is somebody else's."""
    faulty.write("G1", 3)
    closed = faulty.write("G2", 3)
    faulty.write("G3", 3)
    closed.chmod(0)
    done = faulty.run_mounted("", "-c", AS_NOBODY, *NIGHT)
    closed.chmod(0o755)
    assert done.returncode == ExitCode.PARTIAL, done.stderr
    assert {batch for batch, _ in images_of(faulty)} == {"G1", "G3"}
    assert "G2: its folder cannot be read: Permission denied" in faulty.latest_run().reason


@LINUX
def test_row_50_a_folder_too_deep_to_recurse_into_or_to_open(faulty: Project) -> None:
    faulty.write("G1", 3)
    deep, deeper = faulty.write("G2", 3), faulty.write("G3", 3)
    with deep_folder(deep, "d", 1_100, JPEG) as picture, deep_folder(deeper, "e" * 200, 25, JPEG):
        assert faulty.score(*NIGHT) == ExitCode.PARTIAL
    images = images_of(faulty)
    assert ("G2", picture) in images
    assert len(images) == 10
    assert "parts of G3 could not be read (1 File name too long: eee" in faulty.latest_run().reason
    assert ", G3, 1 File name too long" in faulty.events()


@LINUX
def test_row_51_images_by_content_not_by_suffix(faulty: Project) -> None:
    folder = faulty.write("G1", 1)
    names = ("saved.jfif", "old.jpe", "no-suffix", "got.jpg?width=200", "blank.jpg ", "again.jpg.1")
    write(folder, *names)
    write(folder, "film.mp4", "notes.txt", "notes2.txt", data=b"no picture")
    write(folder, "empty.jpg", data=b"")
    write(folder, "destroyed.jpg", data=b"\0" * 1000)
    assert faulty.score("G1") == ExitCode.FAILED, "two of nine have failed"
    images = {image for _, image in images_of(faulty)}
    assert images == {"img_1.png", "empty.jpg", "destroyed.jpg", *names}
    assert set(errors_of(faulty)) == {"empty.jpg", "destroyed.jpg"}
    assert "not images: 2 .txt, 1 .mp4" in faulty.events()
    assert_truth(faulty.settings)


def test_row_52_litter_of_desktops_and_network_drives(faulty: Project) -> None:
    folder = faulty.write("G1", 2)
    write(folder, "@eaDir/img_1.png/SYNOPHOTO_THUMB_M.jpg", "#recycle/gone.jpg", "._img_1.jpg")
    write(folder, "$RECYCLE.BIN/S-1-5/gone.jpg", "lost+found/old.jpg", "__MACOSX/img_1.jpg")
    write(folder, ".Trash-1000/files/gone.jpg", "half.jpg.part", "Thumbs.db")
    write(faulty.batches, "@eaDir/x.jpg", "#Recycle/x.jpg", "System Volume Information/x.jpg")
    assert faulty.score(*NIGHT) == ExitCode.DONE
    assert images_of(faulty) == {("G1", "img_1.png"), ("G1", "img_2.png")}
    told = [line for line in faulty.events().splitlines() if ", litter-left-out, " in line]
    assert len(told) == 2, "once for the batches, once for what lies in one"
    assert "1 #recycle, 1 @eaDir, 1 System Volume Information" in told[0]
    assert_truth(faulty.settings)


def test_row_61_a_mount_that_is_gone(faulty: Project) -> None:
    faulty.write("G1", 2)
    faulty.write("G2", 2)
    assert faulty.score(*NIGHT) == ExitCode.DONE
    before = faulty.results.read_bytes()
    assert "batches-gone" not in faulty.events()
    shutil.rmtree(faulty.batches / "G1")
    shutil.rmtree(faulty.batches / "G2")
    (faulty.batches / "G2").mkdir()
    for day, told in (("2026-11-21", 1), ("2026-11-22", 1)):
        assert faulty.score("--nightly", day) == ExitCode.DONE
        assert faulty.events().count(" WARNING, batches-gone, ") == told, "once, not every night"
    assert "(is a share off?): G1, G2" in faulty.events()
    assert faulty.results.read_bytes() == before
    faulty.write("G1", 2)
    assert faulty.score("--nightly", "2026-11-23") == ExitCode.DONE
    shutil.rmtree(faulty.batches)
    faulty.batches.mkdir()
    assert faulty.score("--nightly", "2026-11-24") == ExitCode.DONE
    assert faulty.events().count(" WARNING, batches-gone, ") == 2
    assert_truth(faulty.settings)


# The client in a process whose memory has an end, as `ulimit -v` or a small machine gives it one.
WITH_LITTLE_MEMORY = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]), int(sys.argv[1])))
from client import request
sys.exit(request.main(sys.argv[2:]))
"""


@LINUX
@pytest.mark.parametrize(("memory", "failed"), [(2_000_000_000, 0), (1_000_000_000, 3)])
def test_row_50_pictures_that_memory_has_no_room_for(
    faulty: Project, monkeypatch: pytest.MonkeyPatch, memory: int, failed: int
) -> None:
    """Four threads would decode three of them at once, 300 MB each and more to make them small."""
    monkeypatch.setenv("SCORING_CLIENT__DECODE_THREADS", "4")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # its threads take address space, each
    folder = faulty.write("G1", 20)
    faulty.write("G2", 5)
    data = cv2.imencode(".png", np.full((9_900, 10_000, 3), 250, np.uint8))[1].tobytes()
    write(folder, "large1.png", "large2.png", "large3.png", data=data)
    done = faulty.run("-c", WITH_LITTLE_MEMORY, str(memory), *NIGHT)
    assert done.returncode == ExitCode.DONE, done.stderr
    assert len(images_of(faulty)) == 28
    errors = errors_of(faulty)
    assert len(errors) == failed
    assert all("not enough memory" in error for error in errors.values())
    assert_truth(faulty.settings)
