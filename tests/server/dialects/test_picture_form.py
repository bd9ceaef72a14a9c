"""Forms as browsers, curl and scripts send them: their files' names, their other fields."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from scoring.protocol.errors import ApiError
from scoring.protocol.signature import parse_signature
from scoring.settings import Settings
from server.dialects import picture_form
from server.dialects.dialect import Call
from server.dialects.pictures import PictureRequest
from server.prediction_request import Detail, RequestLimits
from tests.conftest import BUNDLE, running_server
from tests.deadlines import DEADLINE
from tests.scoring.preprocessing.image_files import encoded, scene

SIGNATURE = parse_signature((BUNDLE / "signature.json").read_bytes())
LIMITS = RequestLimits(rows=20, json_depth=8, image_pixels=10_000_000)
PICTURE = encoded(scene(), ".png")
END = b"--B--\r\n"
CONTENT_TYPE = "multipart/form-data; boundary=B"
FILE = b'form-data; name="file"; filename="a.png"'


def part(disposition: bytes, data: bytes = PICTURE, *lines: bytes) -> bytes:
    head = b"\r\n".join([b"--B", b"Content-Disposition: " + disposition, *lines])
    return head + b"\r\n\r\n" + data + b"\r\n"


def field(name: str, value: str) -> bytes:
    return part(f'form-data; name="{name}"'.encode(), value.encode())


def mailed(encoding: bytes) -> bytes:
    """Return a form as a library for mail writes it."""
    return part(FILE, b"iVBORw0K", b"Content-Transfer-Encoding: " + encoding) + END


def read(*parts: bytes, end: bytes = END, **query: str) -> PictureRequest:
    call = Call(b"".join(parts) + end, query=query, headers={"content-type": CONTENT_TYPE})
    return picture_form.decode(call, SIGNATURE, LIMITS)


def refusal(*parts: bytes, end: bytes = END, **query: str) -> ApiError:
    with pytest.raises(ApiError) as refused:
        read(*parts, end=end, **query)
    return refused.value


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running_server(Settings(project=BUNDLE.parent)) as url:
        yield url


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/shirt.png", "shirt.png"),
        ("C:\\Users\\me\\shirt.png", "shirt.png"),
        ("衣服 Größe.png", "衣服 Größe.png"),
        ("a\tb.png", "a\\tb.png"),
        ("n" * 2_000, "n" * 1_000),
    ],
)
def test_a_name_comes_back_without_its_folders(name: str, shown: str) -> None:
    assert picture_form.shown_name(name) == shown


@pytest.mark.parametrize(
    ("parameter", "id_"),
    [
        (b'filename="a.png"', "a.png"),
        (b"filename=a.png", "a.png"),
        ('filename="衣.png"'.encode(), "衣.png"),
        ('filename="é.png"'.encode("latin-1"), "é.png"),
        (b"filename*=UTF-8''na%C3%AFve%20%E8%A1%A3.png", "naïve 衣.png"),
        (b'filename="my\\shirt.png"', "shirt.png"),
        (b'filename="C:\\pics\\new\\a.png"', "a.png"),
        (b'filename="C:\\\\pics\\\\a.png"', "a.png"),
        (b'filename="\\\\share\\pics\\a.png"', "a.png"),
        (b'filename="dir/\\"odd\\".png"', '"odd".png'),
        (b'filename="%22odd%22.png"', '"odd".png'),
        (b'filename="100%.png"', "100%.png"),
        (b'filename="a;b=c.png"', "a;b=c.png"),
        (b'filename="a\rb.png"', "a\\rb.png"),
        (b'filename="a\nb.png"', "a\\nb.png"),
        (b'filename="a%0D%0Ab.png"', "a\\r\\nb.png"),
        (b'filename=""', 0),
    ],
)
def test_a_name_is_taken_as_it_was_sent(parameter: bytes, id_: str | int) -> None:
    assert read(part(b'form-data; name="file"; ' + parameter)).ids == [id_]


def test_one_name_in_another_charset_costs_no_other_file() -> None:
    odd = 'form-data; name="file"; filename="Größe.png"'.encode("cp1252")
    assert read(part(FILE), part(odd), part(FILE)).ids == ["a.png", "Größe.png", "a.png"]


@pytest.mark.parametrize("encoding", [b"binary", b"8bit", b"7bit"])
def test_a_part_may_say_that_its_bytes_are_as_they_are(encoding: bytes) -> None:
    sent = part(FILE, PICTURE, b"Content-Transfer-Encoding: " + encoding)
    assert read(sent).ids == ["a.png"]


def test_lines_may_end_as_on_unix() -> None:
    form = part(b'form-data; name="file"; filename="b.png"', b"x").replace(b"\r\n", b"\n")
    (outcome,) = read(form + part(FILE).replace(b"\r\n", b"\n", 3), end=b"--B--\n").outcomes[:1]
    assert outcome.id == "b.png"


@pytest.mark.parametrize(
    ("disposition", "id_"),
    [(b'form-data; name="shirt"', "shirt"), (b'form-data; name=""', 0), (b"form-data", 0)],
)
def test_a_part_that_says_it_is_a_picture_is_one(disposition: bytes, id_: str | int) -> None:
    assert read(part(disposition, PICTURE, b"Content-Type: Image/PNG")).ids == [id_]


def test_what_is_asked_for_may_stand_in_the_form() -> None:
    asked = [field("top", "3"), field("probabilities", "1")]
    assert read(*asked, part(FILE)).detail == Detail(probabilities=True, top=3)
    assert read(part(FILE), asked[0], top="3").detail == Detail(top=3)
    assert read(part(FILE), asked[0], probabilities="1").detail == Detail(True, 3)


def test_what_a_browser_sends_by_itself_is_passed_over() -> None:
    empty = part(b'form-data; name="other"; filename=""', b"", b"Content-Type: image/png")
    sent = [field("submit", "Send"), field("MAX_FILE_SIZE", "1000"), field("top", "")]
    assert read(*sent, empty, part(FILE)).ids == ["a.png"]


@pytest.mark.parametrize(
    ("sent", "query", "said"),
    [
        ([field("model", "digits")], {}, "/models/{name}/predict"),
        ([field("tpo", "3")], {}, "'tpo'"),
        ([field("Top", "3")], {}, "'Top'"),
        ([field("top", "many")], {}, "whole number"),
        ([field("top", "3")], {"top": "4"}, "one thing in the address and another in the form"),
        ([field("imageName", "a.png")], {}, "'imageName'"),
        ([], {"imageName": "a.png"}, "parameters"),
    ],
)
def test_what_would_change_nothing_is_refused(
    sent: list[bytes], query: dict[str, str], said: str
) -> None:
    error = refusal(*sent, part(FILE), end=END, **query)
    assert (error.status, said in error.message) == (400, True), error.message


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (part(FILE)[:-300], "its last boundary is missing"),
        (part(FILE), "its last boundary is missing"),
        (b"--B", "names is not in it"),
        (b"--X\r\n" + part(FILE)[5:], "names is not in it"),
        (b"--B\r\nContent-Type: image/png\r\n\r\nx\r\n--B--", "no Content-Disposition header"),
        (mailed(b"base64"), "in base64 (Content-Transfer-Encoding)"),
        (mailed(b"Quoted-Printable"), "send its bytes as they are"),
    ],
)
def test_a_form_that_is_not_whole_is_told_why(form: bytes, said: str) -> None:
    error = refusal(form, end=b"")
    assert (error.status, error.wire_code) == (400, "bad_form")
    assert said in error.message
    assert "State." not in error.message


def test_a_form_without_a_file_is_told_what_is_missing() -> None:
    error = refusal(part(b'form-data; name="file"'))
    assert (error.status, error.wire_code) == (400, "no_file")
    for said in ("filename", "'file'", "curl -F", "enctype"):
        assert said in error.message


def test_too_many_parts_are_no_rows() -> None:
    error = refusal(part(FILE), *[field("f", "1")] * 200)
    assert (error.status, error.limit) == (413, LIMITS.rows)
    assert "parts" in error.message


def test_a_form_asks_through_http_too(url: str) -> None:
    sent = requests.post(
        f"{url}/predict",
        files={"file": ("a.png", PICTURE)},
        data={"top": "2", "submit": "Send"},
        timeout=DEADLINE,
    )
    assert len(sent.json()["predictions"][0]["top"]) == 2
    refused = requests.post(
        f"{url}/predict",
        files={"file": ("a.png", PICTURE)},
        data={"model": "digits"},
        timeout=DEADLINE,
    )
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "bad_request")
