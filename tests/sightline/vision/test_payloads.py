"""The payloads of the original services keep their meaning, and never read local files."""

from __future__ import annotations

import json
from base64 import b64encode, encodebytes
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline import storage
from sightline.errors import InvalidInput
from sightline.storage import Location
from sightline.vision import ImageRef, Limits, Reason, Rejected, expand, fetch
from tests.images import image_file

PNG = image_file()
TEXT = b64encode(PNG).decode()
URLS = ["https://example.org/a.png", "s3://bucket/b.png"]


def reason_of(ref: ImageRef) -> Reason:
    with pytest.raises(Rejected) as caught:
        fetch(ref, Limits())
    return caught.value.reason


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        encodebytes(PNG).decode(),
        encodebytes(PNG).decode().replace("\n", "\r\n"),
        f"  {TEXT}\n",
        f"data:image/png;base64,{TEXT}",
        f"DATA:image/png;charset=utf-8;BASE64,{TEXT}",
    ],
)
@pytest.mark.parametrize("wrap", [lambda text: text, lambda text: [text], lambda text: [{"image_data": text}]])
def test_common_base64_notations_are_read(text: str, wrap: Any) -> None:
    (ref,) = expand({"images": wrap(text)})
    assert (ref.uri, fetch(ref, Limits())) == ("inline:0", PNG)


@given(st.binary(min_size=1, max_size=200))
def test_base64_preserves_any_content(content: bytes) -> None:
    (ref,) = expand({"images": [b64encode(content).decode()]})
    assert fetch(ref, Limits()) == content


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ("", Reason.EMPTY),
        ("====", Reason.BAD_BASE64),
        ("iVBOR*w0", Reason.BAD_BASE64),
        (TEXT[:-3], Reason.BAD_BASE64),
        ("data:image/png,raw", Reason.BAD_BASE64),
        ("päng", Reason.BAD_BASE64),
        ({"image_data": 5}, Reason.BAD_BASE64),
        ({"image_data": ""}, Reason.UNSUPPORTED_URI),
        ({"s3_bucket": "bucket"}, Reason.UNSUPPORTED_URI),
        ({"s3_bucket": "", "s3_key": "a.png"}, Reason.UNSUPPORTED_URI),
        ({"s3_bucket": 1, "s3_key": 2}, Reason.UNSUPPORTED_URI),
        ({"s3_bucket": "bucket", "s3_key": "\ud800"}, Reason.UNSUPPORTED_URI),
        (None, Reason.UNSUPPORTED_URI),
        (7, Reason.UNSUPPORTED_URI),
        ([], Reason.UNSUPPORTED_URI),
    ],
)
def test_invalid_item_does_not_affect_others(item: Any, reason: Reason) -> None:
    before, bad, after = expand({"images": [TEXT, item, TEXT]})
    assert reason_of(bad) is reason
    assert [fetch(ref, Limits()) for ref in (before, after)] == [PNG, PNG]


def test_bucket_and_key_name_an_object(s3_bucket: Location) -> None:
    keys = ["test/bicycle_s_000513.png", "a folder/ü+%20#?.png", "a//b.png"]
    for key in keys:
        s3_bucket.client.client.put_object(Bucket=s3_bucket.bucket, Key=key, Body=PNG)
    items = [{"image_data": "", "s3_bucket": s3_bucket.bucket, "s3_key": key} for key in keys]
    for source in ({"images": items}, {"images": json.loads(json.dumps(items))}):
        refs = expand(source)
        assert [ref.uri for ref in refs] == [f"{storage.uri_of(s3_bucket)}/{key}" for key in keys]
        assert [fetch(ref, Limits()) for ref in refs] == [PNG] * 3
    assert [fetch(ref, Limits()) for item in items for ref in expand(item)] == [PNG] * 3


@pytest.mark.parametrize("urls", [URLS, URLS[0], URLS[1]])
def test_image_urls_may_be_a_list_or_a_string(urls: Any) -> None:
    images = expand({"image_urls": urls})
    assert [ref.uri for ref in images] == ([urls] if isinstance(urls, str) else urls)
    assert all(ref.remote for ref in images)


def test_images_and_urls_in_one_payload_are_combined() -> None:
    assert [ref.uri for ref in expand({"images": [TEXT], "image_urls": URLS})] == ["inline:0", *URLS]
    assert [ref.uri for ref in expand({"images": None, "image_urls": URLS})] == URLS
    assert [ref.uri for ref in expand({"images": [], "image_urls": URLS})] == URLS


@pytest.mark.parametrize(
    "payload",
    [{"images": [TEXT]}, {"image_urls": URLS}, {"s3_bucket": "bucket", "s3_key": "a.png"}, {"image_data": TEXT}],
)
def test_body_is_read_as_its_content(payload: dict[str, Any]) -> None:
    text = json.dumps(payload)
    bodies: list[dict[str, Any]] = [
        {"body": payload},
        {"body": text},
        {"body": text, "isBase64Encoded": False, "headers": {}},
        {"body": b64encode(text.encode()).decode(), "isBase64Encoded": True},
    ]
    for body in bodies:
        assert expand(body) == expand(json.dumps(body)) == expand(payload)


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "~/.aws/credentials",
        "../secret.png",
        "C:\\secret.png",
        "",
    ],
)
def test_payload_cannot_read_local_files(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "secret.png").write_bytes(PNG)
    monkeypatch.chdir(tmp_path / "work")
    (ref,) = expand({"image_urls": name})
    assert reason_of(ref) is Reason.UNSUPPORTED_URI


def test_existing_local_file_in_a_payload_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(PNG)
    refs = expand({"image_urls": [str(path), path.as_uri()]})
    assert [reason_of(ref) for ref in refs] == [Reason.UNSUPPORTED_URI] * 2
    assert fetch(expand([str(path)])[0], Limits()) == PNG


def test_invalid_url_is_recorded_under_its_position() -> None:
    bad, good = expand({"image_urls": [7, URLS[0]]})
    assert (bad.uri, reason_of(bad), good.uri) == ("image_urls:0", Reason.UNSUPPORTED_URI, URLS[0])


@pytest.mark.parametrize(
    "payload",
    [
        {}, {"instances": [1]}, {"images": []}, {"image_urls": []}, {"images": 7}, {"image_urls": {"a": 1}.keys()},
        {"body": None}, {"body": "no JSON"}, {"body": "[]"}, {"body": 7}, {"body": "[" * 100_000}, {"body": "{}"},
        {"body": {"body": {"images": ["x"]}}}, {"body": "Zm9v!", "isBase64Encoded": True}, {"s3_bucket": "bucket"},
    ],
)  # fmt: skip
def test_payload_without_images_is_rejected_with_the_formats(payload: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match='"image_urls"'):
        expand(payload)
