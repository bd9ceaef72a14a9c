"""The form of the upload page, read without a server."""

from __future__ import annotations

import pytest
import requests

from scoring.protocol.errors import BadRequest, TooLarge
from server.dialects.upload_form import read_upload


def body_of(files: list[tuple[str, bytes]], **fields: str) -> tuple[bytes, str]:
    """Return a form as a browser sends it, and its content type."""
    parts = [("file", file) for file in files]
    request = requests.Request("POST", "http://localhost/", files=parts, data=fields).prepare()
    assert isinstance(request.body, bytes)
    return request.body, request.headers["Content-Type"]


def test_pictures_come_with_the_models_that_are_ticked() -> None:
    files = [("a/b.png", b"1"), ("c.jpg", b"2")]
    ticked = {"model.fashion": "on", "model.cats_dogs": "on", "send": ""}
    upload = read_upload(*body_of(files, **ticked), most=2)
    assert [(one.id, one.data) for one in upload.pictures] == [("b.png", b"1"), ("c.jpg", b"2")]
    assert upload.models == ("fashion", "cats_dogs")


def test_nothing_need_be_ticked_and_names_show_what_cannot_be_seen() -> None:
    upload = read_upload(*body_of([("<b>\u202egnp.exe", b"1")]), most=1)
    assert upload.models == ()
    assert upload.pictures[0].id == "<b>\\u202egnp.exe"


def test_a_form_without_files_and_one_with_too_many_are_refused() -> None:
    with pytest.raises(BadRequest) as refused:
        read_upload(*body_of([("", b"")], **{"model.fashion": "on"}), most=1)
    assert refused.value.wire_code == "no_file"
    with pytest.raises(TooLarge):
        read_upload(*body_of([("a", b"1"), ("b", b"2")]), most=1)
