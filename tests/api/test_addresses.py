"""A caller's URL leads only where the operator allows it, and never to a private address."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sightline import storage
from sightline.storage import Location
from tests.api.serving import DARK, Running, serving, settings_for
from tests.images import grey
from tests.web import Server, listening, ok, redirect

PNG = grey(255)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sightline.vision.web._DELAY", 0.01)


@pytest.fixture(scope="module")
def pictures() -> Iterator[Server]:
    """The server that the service below may fetch from."""
    with listening(ok(PNG)) as found:
        yield found


@pytest.fixture(scope="module")
def fetching(models: Path, pictures: Server) -> Iterator[Running]:
    """A service that may fetch from one server, from a host of any address, and from one bucket."""
    config = settings_for(
        models,
        api_models=["vehicles"],
        api_url_hosts=[f"127.0.0.1:{pictures.port}", "Example.org", "rebound.example.org", "10.0.0.1"],
        image_hosts=["127.0.0.1"],
        api_buckets=["open-to-the-service"],
        api_url_seconds=1.5,
    )
    with serving(config) as found:
        yield found


def reason_of(running: Running, url: str) -> str:
    """Why the image is rejected beside a good one; empty where it is not."""
    answer = running.client.post("/classify", json={"images": [DARK], "image_urls": [url]})
    assert answer.status_code == 200
    image = answer.json()["images"][1]
    assert image["outcome"] == "rejected" or image["class"] == "motorcycle"
    return image["reason"] or ""


def test_a_host_on_the_list_is_fetched_from(fetching: Running, pictures: Server) -> None:
    assert reason_of(fetching, f"http://127.0.0.1:{pictures.port}/a.png") == ""
    assert len(pictures.requests) == 1


def test_a_host_that_is_not_on_the_list_is_not_even_connected_to(fetching: Running) -> None:
    with listening(ok(PNG)) as other:
        for url in (f"http://127.0.0.1:{other.port}/a.png", f"http://localhost:{other.port}/a.png"):
            assert reason_of(fetching, url) == "not_allowed"
        assert len(other.requests) == 0


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.png",
        "https://example.org.example.com/a.png",
        "https://example.org@example.com/a.png",
        "https://example.org:8443/a.png",
        "https://EXAMPLE.ORG./a.png",
        "https://xn--exmple-cua.org/a.png",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/a.png",
        "http://2130706433/a.png",
    ],
)
def test_a_name_that_is_only_like_one_on_the_list_is_not_on_it(url: str, fetching: Running) -> None:
    answer = fetching.client.post("/classify", json={"image_urls": url})
    assert (answer.status_code, answer.json()["reason"]) == (403, "not_allowed")


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1"])
def test_a_host_on_the_list_whose_address_is_private_is_not_connected_to(
    address: str, fetching: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def found(host: str, port: int, *rest: Any, **more: Any) -> list[Any]:
        if host != "rebound.example.org":
            return real(host, port, *rest, **more)
        return [(socket.AF_INET6 if ":" in address else socket.AF_INET, 1, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    assert reason_of(fetching, "http://rebound.example.org/a.png") == "forbidden_address"


def test_a_private_address_itself_is_refused_even_where_it_is_on_the_list(fetching: Running) -> None:
    assert reason_of(fetching, "http://10.0.0.1/a.png") == "forbidden_address"


def test_a_redirect_stays_on_the_list_and_off_private_addresses(fetching: Running, pictures: Server) -> None:
    with listening(ok(PNG), address="127.0.0.2") as secret:
        for target, reason in (
            (f"http://127.0.0.2:{secret.port}/a.png", "not_allowed"),
            ("http://169.254.169.254/latest/meta-data", "not_allowed"),
            ("https://example.com/a.png", "not_allowed"),
            ("http://10.0.0.1/a.png", "forbidden_address"),
            ("file:///etc/passwd", "unsupported_uri"),
            ("s3://open-to-the-service/a.png", "unsupported_uri"),
        ):
            pictures.answers[:] = [redirect(target)]
            assert reason_of(fetching, f"http://127.0.0.1:{pictures.port}/a.png") == reason
        assert len(secret.requests) == 0
    pictures.answers[:] = [ok(PNG)]


@pytest.mark.parametrize("uri", ["file:///etc/passwd", "/etc/passwd", "~/.ssh/id_rsa", "ftp://example.org/a.png", ""])
def test_this_machine_s_files_are_not_read(uri: str, fetching: Running) -> None:
    answer = fetching.client.post("/classify", json={"image_urls": [uri]})
    assert (answer.status_code, answer.json()["reason"]) == (400, "unsupported_uri")


def test_a_server_that_does_not_answer_holds_nobody_up(fetching: Running, pictures: Server) -> None:
    pictures.answers[:] = [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"]
    answer = fetching.client.post("/classify", json={"image_urls": f"http://127.0.0.1:{pictures.port}/a.png"})
    assert (answer.status_code, answer.json()["reason"]) == (424, "unreachable")
    assert answer.elapsed.total_seconds() < 10
    pictures.answers[:] = [ok(PNG)]


def test_a_bucket_that_does_not_answer_holds_nobody_up(
    fetching: Running, s3_bucket: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left alone, boto3 would wait for a minute, and try again."""
    over = threading.Event()

    def say_nothing(_: socket.socket) -> None:
        over.wait(60)

    with listening(say_nothing) as silent:
        client = type(s3_bucket.client)(endpoint_url=silent.url)
        monkeypatch.setattr(type(client), "_default_client", client)
        answer = fetching.client.post("/classify", json={"image_urls": "s3://open-to-the-service/a.png"})
        over.set()
    assert (answer.status_code, answer.json()["reason"]) == (424, "unreachable")
    assert answer.elapsed.total_seconds() < 10
    assert silent.requests


def test_buckets_are_read_where_they_are_on_the_list_by_whatever_name(
    fetching: Running, s3_bucket: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = s3_bucket.client.client
    client.create_bucket(Bucket="open-to-the-service")
    for bucket in ("open-to-the-service", s3_bucket.bucket):
        client.put_object(Bucket=bucket, Key="a folder/a.png", Body=PNG)
        expected = "" if bucket == "open-to-the-service" else "not_allowed"
        for url in (
            f"s3://{bucket}/a folder/a.png",
            f"https://{bucket}.s3.eu-central-1.amazonaws.com/a%20folder/a.png",
            f"https://s3.amazonaws.com/{bucket}/a+folder/a.png",
        ):
            assert reason_of(fetching, url) == expected
        item = {"image_data": "", "s3_bucket": bucket, "s3_key": "a folder/a.png"}
        answer = fetching.client.post("/classify", json={"images": [item, DARK]}).json()["images"][0]
        assert (answer["reason"] or "", answer["s3_bucket"], answer["s3_key"]) == (expected, bucket, "a folder/a.png")


def test_by_default_nothing_is_fetched(running: Running, s3_bucket: Location) -> None:
    storage.write_bytes(s3_bucket / "a.png", PNG)
    with listening(ok(PNG)) as server:
        for url in (f"http://127.0.0.1:{server.port}/a.png", "https://example.org/a.png", f"{s3_bucket}/a.png"):
            assert reason_of(running, url) == "not_allowed"
        assert len(server.requests) == 0
