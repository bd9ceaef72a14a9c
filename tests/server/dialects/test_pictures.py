"""Pictures as files: through HTTP as through the batch job, each with its own outcome."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import requests
from msgspec.structs import replace
from PIL import Image

from client import request
from client.pictures import PictureSource
from scoring.preprocessing import registry
from scoring.preprocessing.errors import DecodeError
from scoring.preprocessing.pixels import DecodeLimits, Pixels
from scoring.preprocessing.reading import preprocessed
from scoring.protocol.errors import ApiError, BadRequest, ExitCode, TooLarge, Unavailable
from scoring.protocol.signature import PreprocessingRef, parse_signature
from scoring.settings import CODE_ROOT, BatchesSettings, ClientSettings, Settings
from server.dialects import pictures
from server.dialects.dialect import Call
from server.dialects.pictures import Picture, read_pictures
from server.prediction_request import RequestLimits
from tests.conftest import BUNDLE, running_server
from tests.deadlines import DEADLINE
from tests.scoring.preprocessing.image_files import encoded, jpeg_with_exif, png, scene

GREY = scene()[:, :, 1]
SIGNATURE = parse_signature((BUNDLE / "signature.json").read_bytes())
LIMITS = RequestLimits(rows=20, json_depth=8, image_pixels=10_000_000)
BROKEN = encoded(scene(), ".png")[:200]


def by_pillow(form: str) -> bytes:
    file = io.BytesIO()
    frames = [Image.fromarray(scene(seed=seed)) for seed in (1, 2)]
    frames[0].save(file, form, save_all=True, append_images=frames[1:])
    return file.getvalue()


def with_alpha() -> bytes:
    alpha = np.where(GREY > 128, 255, 0).astype(np.uint8)
    return encoded(np.dstack([scene(), alpha]), ".png")


def every_kind() -> dict[str, bytes]:
    """One file of every kind, in order and not."""
    return {
        "alpha.png": with_alpha(),
        "broken.png": BROKEN,
        "empty.png": b"",
        "film.gif": by_pillow("GIF"),
        "grey.bmp": encoded(GREY, ".bmp"),
        "pages.tiff": by_pillow("TIFF"),
        "photo.jpg": encoded(scene(800, 640), ".jpg"),
        "picture.webp": encoded(scene(), ".webp"),
        "sixteen.png": encoded(GREY.astype(np.uint16) * 257, ".png"),
        "small.png": encoded(np.asarray(cv2.resize(GREY, (28, 28)), np.uint8), ".png"),
        "text.jpg": b"this is no image",
        "turned.jpg": jpeg_with_exif(encoded(scene(), ".jpg"), 6),
    }


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    models = [str(BUNDLE), str(CODE_ROOT / "models" / "digits")]
    with running_server(Settings(project=BUNDLE.parent, server={"models": models})) as url:
        yield url


def send(url: str, *files: tuple[str, bytes], path: str = "/predict") -> requests.Response:
    return requests.post(url + path, files=[("file", file) for file in files], timeout=DEADLINE)


def test_a_picture_is_seen_as_through_the_batch_job(
    project: Path, server_url: str, tmp_path: Path
) -> None:
    """Every kind of file, its remarks and errors too."""
    files = every_kind()
    folder = project / "image_batches" / "G1"
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    assert request.main(["G1"]) in (ExitCode.DONE, ExitCode.FAILED)
    with (project / "Results.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["Image"]: row for row in csv.DictReader(file)}
    answers = send(server_url, *files.items()).json()["predictions"]
    assert [answer["id"] for answer in answers] == list(files)
    assert set(rows) == set(files)
    for answer in answers:
        row = rows[answer["id"]]
        if "error" in answer:
            assert answer["error"]["message"] == row["Error"]
            continue
        assert (answer["label"], answer["review"] or "") == (row["Item"], row["Review"])
        assert f"{100 * answer['confidence']:.2f}" == row["Confidence %"]
    failed = {answer["id"]: answer["error"]["code"] for answer in answers if "error" in answer}
    assert failed == {
        "broken.png": "truncated_image",
        "empty.png": "empty_file",
        "text.jpg": "unknown_format",
    }


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("shape", [(64, 64, 3), (48, 80, 3)])
def test_a_photograph_has_the_same_pixels_in_client_and_upload(
    version: int, shape: tuple[int, int, int], tmp_path: Path
) -> None:
    """From a folder, from bytes in hand, and sent as a file: byte for byte."""
    files = every_kind() | {"turned photo.jpg": jpeg_with_exif(encoded(scene(640, 800), ".jpg"), 8)}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    signature = replace(
        SIGNATURE,
        preprocessing=PreprocessingRef("photo", version),
        input=replace(SIGNATURE.input, shape=shape),
    )
    source = PictureSource(signature, ClientSettings(), BatchesSettings())
    from_folder = {row.path: row for chunk in source.chunks(tmp_path) for row in chunk.rows}
    in_hand = [row for chunk in source.chunks(list(files.values())) for row in chunk.rows]
    sent = [Picture(name, data) for name, data in files.items()]
    outcomes = read_pictures(sent, signature, LIMITS).outcomes
    assert set(from_folder) == set(files)
    for outcome, held in zip(outcomes, in_hand, strict=True):
        row = from_folder[str(outcome.id)]
        if outcome.error:
            assert row.error == held.error == str(outcome.error)
            continue
        assert row.review == held.review == outcome.remark
        assert row.pixels is not None
        np.testing.assert_array_equal(row.pixels, outcome.pixels)
        np.testing.assert_array_equal(held.pixels, outcome.pixels)
    assert sum(outcome.error is None for outcome in outcomes) == len(files) - 3


@pytest.mark.parametrize(
    "content_type", ["image/png", "image/x-whatever", "", "application/octet-stream"]
)
def test_a_body_may_be_the_picture_itself(url: str, content_type: str) -> None:
    data = encoded(scene(), ".png")
    headers = {"Content-Type": content_type} if content_type else {}
    raw = requests.post(f"{url}/predict", data=data, headers=headers, timeout=DEADLINE).json()
    (form,) = send(url, ("a.png", data)).json()["predictions"]
    assert raw["predictions"] == [{**form, "id": 0}]
    assert raw["prediction"] == {name: form[name] for name in ("label", "confidence")}


@pytest.mark.parametrize("content_type", ["image/png", "application/octet-stream"])
@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "empty_file"), (b"\x00\x01", "unknown_format"), (BROKEN, "truncated_image")],
)
def test_a_broken_picture_is_no_broken_json(
    url: str, content_type: str, data: bytes, code: str
) -> None:
    headers = {"Content-Type": content_type}
    response = requests.post(f"{url}/predict", data=data, headers=headers, timeout=DEADLINE)
    assert (response.status_code, response.json()["error"]["code"]) == (422, code)


@pytest.mark.parametrize("content_type", ["", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("data", [b"", b"\x00\x01", encoded(GREY, ".png")[1:], b"top=3", b"7"])
def test_what_may_be_either_is_told_both_ways(url: str, content_type: str, data: bytes) -> None:
    """As curl --data-binary sends it, and curl -d, which leaves out bytes."""
    headers = {"Content-Type": content_type} if content_type else {}
    response = requests.post(f"{url}/predict", data=data, headers=headers, timeout=DEADLINE)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (400, "invalid_json")
    assert "instances" in error["message"]
    assert "--data-binary" in error["message"]
    assert ("is empty" if not data else repr(data[:12])) in error["message"]


def test_a_json_that_is_broken_is_told_so(url: str) -> None:
    for content_type in ("", "application/octet-stream", "application/x-www-form-urlencoded"):
        headers = {"Content-Type": content_type} if content_type else {}
        sent = requests.post(f"{url}/predict", data=b' {"a": ', headers=headers, timeout=DEADLINE)
        assert "not valid JSON" in sent.json()["error"]["message"]


def test_a_digit_is_told_as_a_number(url: str) -> None:
    seven = np.zeros((28, 28), np.uint8)
    cv2.line(seven, (7, 6), (20, 6), 255, 2)
    cv2.line(seven, (20, 6), (12, 23), 255, 2)
    answer = send(url, ("7.png", encoded(seven, ".png")), path="/models/digits/predict").json()
    assert answer["digit"] == answer["prediction"]["digit"] == 7
    assert answer["prediction"]["label"] == answer["predictions"][0]["label"] == "7"


def test_several_have_no_prediction_of_one(url: str) -> None:
    data = encoded(scene(), ".png")
    answer = send(url, ("a.png", data), ("a.png", data)).json()
    assert [row["id"] for row in answer["predictions"]] == ["a.png", "a.png"]
    assert "prediction" not in answer


def test_none_of_several_can_be_read(url: str) -> None:
    response = send(url, ("a.png", BROKEN), ("b.png", b""))
    assert response.status_code == 200
    codes = [row["error"]["code"] for row in response.json()["predictions"]]
    assert codes == ["truncated_image", "empty_file"]


@pytest.mark.parametrize(
    ("data", "code"), [(BROKEN, "truncated_image"), (b"", "empty_file"), (b"x", "unknown_format")]
)
def test_one_alone_that_cannot_be_read_is_refused(url: str, data: bytes, code: str) -> None:
    response = send(url, ("a.png", data))
    assert (response.status_code, response.json()["error"]["code"]) == (422, code)


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b"", "multipart/form-data", "bad_form"),
        (b"", "multipart/form-data; boundary=", "bad_form"),
        (b"", f"multipart/form-data; boundary={'b' * 71}", "bad_form"),
        (b"", "multipart/form-data; boundary=b", "bad_form"),
        (b"--b\r\n", "multipart/form-data; boundary=b", "bad_form"),
        (b"--b\r\n\r\nx\r\n--b--\r\n", "multipart/form-data; boundary=b", "bad_form"),
        (
            b"--b\r\nContent-Disposition: \xff\r\n\r\nx\r\n--b--",
            "multipart/form-data; boundary=b",
            "no_file",
        ),
        (b"--b--\r\n", "multipart/form-data; boundary=b", "no_file"),
        (
            b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
            "no_file",
        ),
        (
            b'--b\r\nContent-Disposition: form-data; name="file"; filename=""\r\n\r\n\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
            "no_file",
        ),
    ],
)
def test_a_form_without_a_file_is_refused(
    url: str, body: bytes, content_type: str, code: str
) -> None:
    headers = {"Content-Type": content_type}
    response = requests.post(f"{url}/predict", data=body, headers=headers, timeout=DEADLINE)
    assert (response.status_code, response.json()["error"]["code"]) == (400, code)


def test_rows_of_base64_are_pictures_or_pixels() -> None:
    data = encoded(scene(), ".png")
    pixels = bytes(range(256)) * 3 + bytes(16)
    rows = [{"b64": base64.b64encode(one).decode()} for one in (data, pixels, b"x")]
    request = pictures.read_base64(rows, SIGNATURE, LIMITS)
    assert [outcome.error is None for outcome in request.outcomes] == [True, True, False]
    assert request.ids == [0, 1]
    assert request.pixels[1].tobytes() == pixels
    wrongs: tuple[Any, ...] = ({"b64": 1}, {}, 3, {"b64": "not base64"})
    for wrong in wrongs:
        with pytest.raises(BadRequest):
            pictures.read_base64([wrong], SIGNATURE, LIMITS)
    with pytest.raises(TooLarge):
        pictures.read_base64(rows * 7, SIGNATURE, LIMITS)


def alone(data: bytes, limits: RequestLimits) -> pictures.PictureRequest:
    call = Call(data, headers={"content-type": "image/png"})
    return pictures.decode(call, SIGNATURE, limits)


def test_pixels_and_memory_are_bounded_before_a_picture_is_decoded() -> None:
    bomb = png(20_000, 20_000, 8, 0, bytes(20_000 * 20_000 // 2_000_000))
    with pytest.raises(ApiError) as refused:
        alone(bomb, LIMITS)
    assert (refused.value.status, refused.value.wire_code) == (422, "too_many_pixels")

    taken: list[int] = []
    limits = replace(LIMITS, take=taken.append)
    sizes = [scene(100, 100), scene(200, 100), scene(50, 50), scene(200, 200)]
    files = [pictures.Picture(0, encoded(size, ".png")) for size in sizes]
    pictures.read_pictures(files, SIGNATURE, limits)
    # The largest so far is what they take, for one is decoded after another.
    assert taken == [80_000, 80_000, 160_000]

    def scarce(count: int) -> None:
        raise TooLarge("rows", limit=80_000)

    with pytest.raises(pictures.UnreadablePicture, match="under 10,000 pixels") as too_many:
        alone(encoded(scene(), ".png"), replace(LIMITS, take=scarce))
    assert (too_many.value.wire_code, too_many.value.limit) == ("too_many_pixels", 10_000)

    def full(count: int) -> None:
        raise Unavailable("full", code="full")

    with pytest.raises(Unavailable):
        alone(encoded(scene(), ".png"), replace(LIMITS, take=full))


def test_where_memory_is_short_the_caller_is_asked_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def short(*_: Any) -> Pixels:
        raise MemoryError

    monkeypatch.setattr("scoring.preprocessing.reading.preprocessed", short)
    with pytest.raises(Unavailable):
        alone(encoded(scene(), ".png"), LIMITS)


def test_a_bug_is_one_pictures_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(preprocess: Any, data: bytes, *_: Any) -> Pixels:
        if data == b"bug":
            raise ZeroDivisionError
        return Pixels(np.zeros(784, np.uint8), None)

    monkeypatch.setattr("scoring.preprocessing.reading.preprocessed", broken)
    files = [pictures.Picture(0, b"bug"), pictures.Picture(1, b"fine")]
    first, second = pictures.read_pictures(files, SIGNATURE, LIMITS).outcomes
    assert first.error is not None
    assert "please report it" in first.error.message
    assert second.error is None


def test_a_form_of_too_many_files_is_refused() -> None:
    settings = Settings(project=BUNDLE.parent, server={"max_rows": 3})
    with running_server(settings) as url:
        response = send(url, *[("a.png", b"x")] * 4)
        assert (response.status_code, response.json()["error"]["limit"]) == (413, 3)
        response = send(url, *[("a.png", b"x")] * 200)
        assert (response.status_code, response.json()["error"]["limit"]) == (413, 3)


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Serve a folder of pictures by their names."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "images").mkdir()
    (folder / "images" / "numba6.jpg").write_bytes(encoded(scene(), ".jpg"))
    (folder / "images" / "Größe 衣.png").write_bytes(encoded(scene(), ".png"))
    (folder / "images" / "text.png").write_bytes(b"no picture")
    (folder / "images" / ".hidden.png").write_bytes(encoded(scene(), ".png"))
    (folder / "images" / "folder.png").mkdir()
    (folder / "secret.png").write_bytes(encoded(scene(), ".png"))
    server = {"models": [str(BUNDLE)], "images": "images"}
    with running_server(Settings(project=folder, server=server)) as url:
        yield url, folder


def ask(url: str, name: str | None) -> requests.Response:
    parameters = {} if name is None else {"imageName": name}
    return requests.get(f"{url}/predictint", params=parameters, timeout=DEADLINE)


def test_a_picture_of_the_folder_is_scored_by_its_name(named: tuple[str, Path]) -> None:
    url, folder = named
    for name in ("numba6.jpg", "Größe 衣.png"):
        sent = send(url, (name, (folder / "images" / name).read_bytes())).json()
        answer = ask(url, name).json()
        assert answer["prediction"] == sent["prediction"]
        assert answer["predictions"] == sent["predictions"]
        assert answer["predictions"][0]["id"] == name
    by_model = requests.get(
        f"{url}/models/fashion/predictint", params={"imageName": "numba6.jpg"}, timeout=DEADLINE
    )
    assert by_model.json()["prediction"] == ask(url, "numba6.jpg").json()["prediction"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../a.png", "slash"),
        ("a\\b.png", "backslash"),
        ("a.png:stream", "colon"),
        ("a\0b.png", "zero byte"),
        (".hidden.png", "dot"),
        ("end.", "ends with a dot"),
        ("end ", "space"),
        ("CON.png", "device"),
        ("lpt1", "device"),
        ("n" * 300, "255 bytes"),
        ("衣" * 86, "255 bytes"),
    ],
)
def test_a_name_that_is_none_is_told_why(named: tuple[str, Path], name: str, said: str) -> None:
    response = ask(named[0], name)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "bad_name")
    assert said in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        (None, 400, "bad_request"),
        ("", 400, "bad_request"),
        ("../secret.png", 400, "bad_name"),
        ("..\\secret.png", 400, "bad_name"),
        ("/etc/passwd", 400, "bad_name"),
        ("C:secret.png", 400, "bad_name"),
        (".hidden.png", 400, "bad_name"),
        ("..", 400, "bad_name"),
        ("con.png", 400, "bad_name"),
        ("a\0b.png", 400, "bad_name"),
        ("n" * 300, 400, "bad_name"),
        ("nothing.png", 404, "unknown_image"),
        ("folder.png", 404, "unknown_image"),
        ("text.png", 422, "unknown_format"),
    ],
)
def test_a_name_is_never_a_path(
    named: tuple[str, Path], name: str | None, status: int, code: str
) -> None:
    response = ask(named[0], name)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="no links here")
def test_a_link_out_of_the_folder_is_not_followed(named: tuple[str, Path]) -> None:
    url, folder = named
    (folder / "images" / "link.png").symlink_to(folder / "secret.png")
    assert ask(url, "link.png").status_code == 404


def test_without_the_setting_no_name_is_answered(url: str) -> None:
    response = ask(url, "numba6.jpg")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "no_images")
    assert "server.images" in response.json()["error"]["message"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl (apt install curl)")
def test_curl_sends_a_form_a_body_and_a_stream(url: str, tmp_path: Path) -> None:
    path = tmp_path / 'large, "odd" näme.png'
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3), dtype=np.uint8)
    path.write_bytes(encoded(noise, ".png"))
    assert path.stat().st_size > 2**20  # curl then asks first: Expect: 100-continue
    ways = (
        ["-F", f'file=@"{tmp_path}/large, \\"odd\\" näme.png"'],
        ["--data-binary", f"@{path}"],
        [
            "-H",
            "Transfer-Encoding: chunked",
            "-H",
            "Content-Type: image/png",
            "--data-binary",
            f"@{path}",
        ],
    )
    answers = []
    for way in ways:
        done = subprocess.run(
            ["curl", "-sS", "--max-time", "30", f"{url}/predict", *way],
            capture_output=True,
            check=True,
        )
        answers.append(json.loads(done.stdout)["prediction"])
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.slow
@pytest.mark.parametrize("kind", [".png", ".jpg"])
def test_what_the_limit_of_pixels_admits_is_read(kind: str) -> None:
    """A picture of 100 million pixels fits into the memory that is set by default."""
    settings = Settings(project=BUNDLE.parent)
    side = math.isqrt(settings.server.max_image_pixels)
    data = encoded(np.full((side, side), 200, np.uint8), kind)
    with running_server(settings) as url:
        assert send(url, ("large", data)).status_code == 200
        assert send(url, ("large", data), ("small", encoded(scene(), ".png"))).status_code == 200


def test_a_damaged_picture_of_many_pixels_is_told_as_in_a_batch(url: str) -> None:
    damaged = png(99_000_000, 1, 8, 0, b"")
    with pytest.raises(DecodeError) as told:
        preprocessed(
            registry.find_for(SIGNATURE.preprocessing, SIGNATURE.input),
            damaged,
            SIGNATURE.input.shape,
            DecodeLimits(100_000_000, 10**9),
        )
    error = send(url, ("large.png", damaged)).json()["error"]
    assert (error["code"], error["message"]) == (told.value.code, str(told.value))
