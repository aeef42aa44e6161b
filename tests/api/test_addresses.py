"""URLs are fetched only from allowed hosts, and never from private addresses."""

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
def _retry_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sightline.vision.web._DELAY", 0.01)


@pytest.fixture(scope="module")
def image_server() -> Iterator[Server]:
    """The server that the service below may fetch from."""
    with listening(ok(PNG)) as server:
        yield server


@pytest.fixture(scope="module")
def fetching(models: Path, image_server: Server) -> Iterator[Running]:
    """A service that may fetch from one server, from some host names, and from one bucket."""
    config = settings_for(
        models,
        api_models=["vehicles"],
        api_url_hosts=[f"127.0.0.1:{image_server.port}", "Example.org", "rebound.example.org", "10.0.0.1"],
        image_hosts=["127.0.0.1"],
        api_buckets=["open-to-the-service"],
        api_url_seconds=1.5,
    )
    with serving(config) as service:
        yield service


def reason_of(running: Running, url: str) -> str:
    """Return the reason why the image is rejected, empty if it is not. A valid image is sent with it."""
    response = running.client.post("/classify", json={"images": [DARK], "image_urls": [url]})
    assert response.status_code == 200
    image = response.json()["images"][1]
    assert image["outcome"] == "rejected" or image["class"] == "motorcycle"
    return image["reason"] or ""


def test_allowed_host_is_fetched_from(fetching: Running, image_server: Server) -> None:
    assert reason_of(fetching, f"http://127.0.0.1:{image_server.port}/a.png") == ""
    assert len(image_server.requests) == 1


def test_host_that_is_not_allowed_is_not_connected_to(fetching: Running) -> None:
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
def test_host_similar_to_an_allowed_one_is_rejected(url: str, fetching: Running) -> None:
    response = fetching.client.post("/classify", json={"image_urls": url})
    assert (response.status_code, response.json()["reason"]) == (403, "not_allowed")


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1"])
def test_allowed_host_with_a_private_address_is_rejected(
    address: str, fetching: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *arguments: Any, **options: Any) -> list[Any]:
        if host != "rebound.example.org":
            return real(host, port, *arguments, **options)
        return [(socket.AF_INET6 if ":" in address else socket.AF_INET, 1, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert reason_of(fetching, "http://rebound.example.org/a.png") == "forbidden_address"


def test_private_address_is_rejected_even_if_listed(fetching: Running) -> None:
    assert reason_of(fetching, "http://10.0.0.1/a.png") == "forbidden_address"


def test_redirect_to_other_or_private_hosts_is_rejected(fetching: Running, image_server: Server) -> None:
    with listening(ok(PNG), address="127.0.0.2") as secret:
        for target, reason in (
            (f"http://127.0.0.2:{secret.port}/a.png", "not_allowed"),
            ("http://169.254.169.254/latest/meta-data", "not_allowed"),
            ("https://example.com/a.png", "not_allowed"),
            ("http://10.0.0.1/a.png", "forbidden_address"),
            ("file:///etc/passwd", "unsupported_uri"),
            ("s3://open-to-the-service/a.png", "unsupported_uri"),
        ):
            image_server.responses[:] = [redirect(target)]
            assert reason_of(fetching, f"http://127.0.0.1:{image_server.port}/a.png") == reason
        assert len(secret.requests) == 0
    image_server.responses[:] = [ok(PNG)]


@pytest.mark.parametrize("uri", ["file:///etc/passwd", "/etc/passwd", "~/.ssh/id_rsa", "ftp://example.org/a.png", ""])
def test_local_files_are_not_read(uri: str, fetching: Running) -> None:
    response = fetching.client.post("/classify", json={"image_urls": [uri]})
    assert (response.status_code, response.json()["reason"]) == (400, "unsupported_uri")


@pytest.mark.parametrize("url", ["http://ana:s3cr3t@{}/a.png", "http://{}/a.png?sig=s3cr3t", "http://s3cr3t@{}/a.png"])
def test_credentials_of_a_url_are_not_returned(url: str, fetching: Running, image_server: Server) -> None:
    host = f"127.0.0.1:{image_server.port}"
    image_server.responses[:] = [ok(PNG)]
    used = fetching.client.post("/classify", json={"image_urls": url.format(host)})
    assert used.json()["images"][0]["outcome"] != "rejected"
    image_server.responses[:] = [redirect(url.format(host))]
    refused = fetching.client.post("/classify", json={"image_urls": url.format(host)})
    assert (refused.status_code, refused.json()["reason"]) == (424, "bad_response")
    elsewhere = fetching.client.post("/classify", json={"image_urls": url.format("example.com")})
    assert elsewhere.status_code == 403
    for response in (used, refused, elsewhere):
        assert "s3cr3t" not in response.text
    image_server.responses[:] = [ok(PNG)]


def test_unresponsive_server_times_out(fetching: Running, image_server: Server) -> None:
    image_server.responses[:] = [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"]
    response = fetching.client.post("/classify", json={"image_urls": f"http://127.0.0.1:{image_server.port}/a.png"})
    assert (response.status_code, response.json()["reason"]) == (424, "unreachable")
    assert response.elapsed.total_seconds() < 10
    image_server.responses[:] = [ok(PNG)]


def test_unresponsive_bucket_times_out(fetching: Running, s3_bucket: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    """By default, boto3 would wait for a minute, and retry."""
    finished = threading.Event()

    def never_respond(_: socket.socket) -> None:
        finished.wait(60)

    with listening(never_respond) as silent:
        client = type(s3_bucket.client)(endpoint_url=silent.url)
        monkeypatch.setattr(type(client), "_default_client", client)
        response = fetching.client.post("/classify", json={"image_urls": "s3://open-to-the-service/a.png"})
        finished.set()
    assert (response.status_code, response.json()["reason"]) == (424, "unreachable")
    assert response.elapsed.total_seconds() < 10
    assert silent.requests


def test_allowed_bucket_is_read_by_any_form_of_its_address(
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
        image = fetching.client.post("/classify", json={"images": [item, DARK]}).json()["images"][0]
        assert (image["reason"] or "", image["s3_bucket"], image["s3_key"]) == (
            expected,
            bucket,
            "a folder/a.png",
        )


def test_nothing_is_fetched_by_default(running: Running, s3_bucket: Location) -> None:
    storage.write_bytes(s3_bucket / "a.png", PNG)
    with listening(ok(PNG)) as server:
        for url in (f"http://127.0.0.1:{server.port}/a.png", "https://example.org/a.png", f"{s3_bucket}/a.png"):
            assert reason_of(running, url) == "not_allowed"
        assert len(server.requests) == 0


@pytest.fixture(scope="module")
def ipv6_server() -> Iterator[Server]:
    with listening(ok(PNG), address="::1") as server:
        yield server


@pytest.fixture(scope="module")
def fetching_ipv6(models: Path, ipv6_server: Server) -> Iterator[Running]:
    """A service that may fetch from one server by its IPv6 address, and from names and ports in several spellings."""
    port = ipv6_server.port
    config = settings_for(
        models,
        api_models=["vehicles"],
        api_url_hosts=[f"[0:0:0:0:0:0:0:1]:{port}", "2001:DB8::1", "BÜCHER.example.", "images.org:443"],
        image_hosts=["0::1"],
        api_url_seconds=1.5,
    )
    with serving(config) as service:
        yield service


class TestSpellings:
    @pytest.mark.parametrize("host", ["[::1]", "[0::1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::0.0.0.1]"])
    def test_allowed_address_is_fetched_from_in_every_spelling(
        self, host: str, fetching_ipv6: Running, ipv6_server: Server
    ) -> None:
        before = len(ipv6_server.requests)
        assert reason_of(fetching_ipv6, f"http://{host}:{ipv6_server.port}/a.png") == ""
        assert f"Host: {host}:{ipv6_server.port}" in ipv6_server.requests[before]

    def test_other_port_or_address_is_rejected(self, fetching_ipv6: Running, ipv6_server: Server) -> None:
        with listening(ok(PNG), address="::1") as other:
            for url in (
                other.url,
                "http://[::1]",
                f"http://[::2]:{ipv6_server.port}",
                f"http://[::ffff:0:1]:{ipv6_server.port}",
            ):
                assert reason_of(fetching_ipv6, f"{url}/a.png") == "not_allowed"
            assert not other.requests
        assert reason_of(fetching_ipv6, f"http://[fe80::1%25lo]:{ipv6_server.port}/a.png") in (
            "not_allowed",
            "unsupported_uri",
        )

    def test_redirect_to_another_address_is_rejected(self, fetching_ipv6: Running, ipv6_server: Server) -> None:
        ipv6_server.responses[:] = [redirect("http://[::2]/a.png")]
        assert reason_of(fetching_ipv6, f"{ipv6_server.url}/a.png") == "not_allowed"
        ipv6_server.responses[:] = [ok(PNG)]

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("http://[2001:db8:0::1]/a.png", "forbidden_address"),  # allowed, but an address of documentation
            ("http://[2001:db8::1]:8080/a.png", "not_allowed"),
            ("https://bücher.example/a.png", "unreachable"),  # allowed, but it does not exist
            ("https://xn--bcher-kva.example:443/a.png", "unreachable"),
            ("http://images.org/a.png", "not_allowed"),
            ("https://images.org:8443/a.png", "not_allowed"),
        ],
    )
    def test_names_and_ports_are_compared_in_one_spelling(self, url: str, reason: str, fetching_ipv6: Running) -> None:
        assert reason_of(fetching_ipv6, url) == reason
