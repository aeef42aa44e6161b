"""The bytes of an image, from a folder or S3, and the reasons why they cannot be read."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from sightline import storage
from sightline.storage import Location
from sightline.vision import TRANSIENT, ImageRef, Limits, Reason, Rejected, expand, fetch
from tests.images import image_file

PNG = image_file()


def rejection(ref: ImageRef, limits: Limits | None = None) -> Rejected:
    with pytest.raises(Rejected) as caught:
        fetch(ref, limits or Limits())
    return caught.value


def failure(status: int) -> ClientError:
    return ClientError({"Error": {"Code": str(status)}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetObject")


@pytest.fixture
def operations(s3_bucket: Any) -> Iterator[list[str]]:
    """The operations that S3 receives."""
    names: list[str] = []

    def record(event_name: str, **_: Any) -> None:
        names.append(event_name.rpartition(".")[2])

    events = s3_bucket.client.client.meta.events
    events.register("before-send.s3", record)
    yield names
    events.unregister("before-send.s3", record)


@pytest.fixture
def bucket_name(s3_bucket: Location) -> str:
    """The name of an existing bucket."""
    return str(s3_bucket).removeprefix("s3://")


def test_file_and_object_have_the_same_bytes(bucket: Location) -> None:
    storage.write_bytes(bucket / "a folder" / "ü #1.png", PNG)
    assert [fetch(ref, Limits()) for ref in expand(storage.uri_of(bucket))] == [PNG]


@pytest.mark.parametrize(
    ("content", "limit", "reason"), [(b"", 9, "empty"), (b"0123456789", 9, "too_large"), (None, 9, "missing")]
)
def test_problem_with_a_file_is_its_reason(bucket: Location, content: bytes | None, limit: int, reason: str) -> None:
    storage.write_bytes(bucket / "other", b"x")
    if content is not None:
        storage.write_bytes(bucket / "a.png", content)
    rejected = rejection(ImageRef(uri=storage.uri_of(bucket / "a.png")), Limits(bytes=limit))
    assert (rejected.reason, rejected.reason in TRANSIENT) == (Reason(reason), False)


@pytest.mark.parametrize("limit", [len(PNG), len(PNG) - 1], ids=["read", "too large"])
def test_object_is_read_with_one_request(limit: int, s3_bucket: Any, operations: list[str]) -> None:
    storage.write_bytes(s3_bucket / "a.png", PNG)
    operations.clear()
    with suppress(Rejected):
        fetch(ImageRef(uri=f"{s3_bucket}/a.png"), Limits(bytes=limit))
    assert operations == ["GetObject"]


def test_base64_is_subject_to_the_size_limit() -> None:
    assert rejection(ImageRef(uri="inline:0", data=PNG), Limits(bytes=len(PNG) - 1)).reason is Reason.TOO_LARGE
    assert fetch(ImageRef(uri="inline:0", data=PNG), Limits(bytes=len(PNG))) == PNG


def test_folder_is_not_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    assert rejection(ImageRef(uri=str(tmp_path / "a.png"))).reason is Reason.MISSING


@pytest.mark.parametrize(
    "host",
    [
        "{bucket}.s3.amazonaws.com",
        "{bucket}.s3.eu-central-1.amazonaws.com",
        "{bucket}.s3-us-west-2.amazonaws.com",
        "{bucket}.s3.dualstack.eu-central-1.amazonaws.com",
        "{bucket}.S3.AMAZONAWS.COM:443",
        "s3.amazonaws.com/{bucket}",
        "s3.us-east-1.amazonaws.com/{bucket}",
        "s3-us-west-2.amazonaws.com/{bucket}",
        "s3.cn-north-1.amazonaws.com.cn/{bucket}",
    ],
)
def test_s3_urls_are_read_with_local_credentials(host: str, s3_bucket: Location) -> None:
    storage.write_bytes(s3_bucket / "a folder/ü 1+1.png", PNG)
    base = f"https://{host.format(bucket=str(s3_bucket).removeprefix('s3://'))}"
    # S3 reads both as a space; a plus sign in a key is written as %2B.
    for path in ("a%20folder/%C3%BC%201%2B1.png", "a+folder/ü+1%2B1.png?x-id=GetObject"):
        (ref,) = expand({"image_urls": f"{base}/{path}"})
        assert fetch(ref, Limits()) == PNG
    (gone,) = expand({"image_urls": f"{base}/gone.png"})
    assert rejection(gone).reason is Reason.MISSING


@pytest.mark.parametrize(
    "url",
    [
        "https://bucket.s3.amazonaws.com/a.png?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0",
        "https://bucket.s3.amazonaws.com/a.png?AWSAccessKeyId=A&Signature=s&Expires=1",
        "https://bucket.s3.amazonaws.com/a.png?versionId=1",
        "https://bucket.s3.amazonaws.com.example.org/a.png",
        "https://s3-amazonaws.com/bucket/a.png",
        "https://notes3.amazonaws.com/bucket/a.png",
    ],
)
def test_signed_or_foreign_url_is_downloaded(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The package's fetch is the function, not the module.
    monkeypatch.setattr(sys.modules["sightline.vision.fetch"], "download", lambda url, _: url.encode())
    assert fetch(ImageRef(uri=url, remote=True), Limits()) == url.encode()


def test_missing_bucket_is_missing(s3_bucket: Location) -> None:
    assert rejection(ImageRef(uri=f"{s3_bucket}-missing/a.png")).reason is Reason.MISSING


@pytest.mark.parametrize("uri", ["s3://", "s3://bucket", "s3://not_a_bucket!/a.png", "https://s3.amazonaws.com/"])
@pytest.mark.usefixtures("s3_bucket")
def test_invalid_object_name_is_not_transient(uri: str) -> None:
    assert rejection(ImageRef(uri=uri, remote=True)).reason is Reason.UNSUPPORTED_URI


def test_missing_object_in_an_existing_bucket_is_missing(bucket_name: str) -> None:
    assert rejection(ImageRef(uri=f"s3://{bucket_name}/a.png", remote=True)).reason is Reason.MISSING


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (failure(403), "denied"),
        (failure(400), "denied"),
        (failure(503), "unreachable"),
        (ClientError({"Error": {"Code": "SlowDown"}}, "GetObject"), "unreachable"),
        (EndpointConnectionError(endpoint_url="https://s3.example.org"), "unreachable"),
    ],
)  # fmt: skip
def test_transient_errors_are_distinguished(
    error: Exception, reason: str, s3_bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(**_: Any) -> None:
        raise error

    monkeypatch.setattr(s3_bucket.client.client, "get_object", fails)
    rejected = rejection(ImageRef(uri=f"{s3_bucket}/a.png"))
    assert rejected.reason is Reason(reason)
    assert rejected.reason in TRANSIENT
    assert f"{s3_bucket}/a.png" in rejected.detail


def test_unreadable_file_is_transient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)

    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    # The tests may run as root, which may read everything.
    monkeypatch.setattr(Path, "open", denied)
    assert rejection(ImageRef(uri=str(path))).reason is Reason.DENIED
    assert Reason.DENIED in TRANSIENT


def test_object_stored_with_gzip_is_decompressed(s3_bucket: Location) -> None:
    import boto3

    bucket = str(s3_bucket).removeprefix("s3://")
    body = {"Bucket": bucket, "Key": "a.png", "Body": gzip.compress(PNG), "ContentEncoding": "gzip"}
    boto3.client("s3").put_object(**body)
    assert fetch(ImageRef(uri=f"{s3_bucket}/a.png"), Limits()) == PNG


def test_url_with_a_password_is_downloaded_even_from_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's credentials do not take the place of those in the URL."""
    monkeypatch.setattr(sys.modules["sightline.vision.fetch"], "download", lambda url, _: url.encode())
    url = "https://ana:pa55@bucket.s3.amazonaws.com/a.png"
    assert fetch(ImageRef(uri=url, remote=True), Limits()) == url.encode()
