"""Credentials in URLs are removed from texts, errors and whatever is stored, and nothing else is."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from urllib.parse import quote, unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import InvalidInput, InvalidSetting, StorageError
from sightline.storage import locate
from sightline.urls import names_a_secret, shown_url, without_credentials
from sightline.vision import Limits, Reason, Rejected, expand, fetch, serialize_chunk

SECRET = "s3cr3tV4lue"

# After the documentation of each service.
URLS = {
    "a password": f"https://ana:{SECRET}@host/a.png",
    "a token as the user": f"https://{SECRET}@host/a.png",
    "a user without a password": f"https://{SECRET}:@host/a.png",
    "a password with an at sign": f"https://ana:x@{SECRET}@host/a.png",
    "a password with a slash": f"https://ana:pa/{SECRET}@host/a.png",
    "a password with a number sign": f"https://ana:pa#{SECRET}@host/a.png",
    "a password with a question mark": f"https://ana:pa?{SECRET}@host/a.png",
    "one slash": f"https:/ana:{SECRET}@host/a.png",
    "capitals": f"HTTPS://ana:{SECRET}@host/a.png",
    "FTP": f"ftp://ana:{SECRET}@host/a.png",
    "keys in an S3 URI": f"s3://AKIAIOSFODNN7EXAMPLE:{SECRET}@bucket/a.png",
    "S3, version 4": f"https://b.s3.amazonaws.com/a.png?X-Amz-Algorithm=AWS4&X-Amz-Credential={SECRET}%2F2026"
    f"&X-Amz-Date=2026&X-Amz-Expires=9&X-Amz-Security-Token={SECRET}&X-Amz-Signature={SECRET}",
    "S3, version 2": f"https://b.s3.amazonaws.com/a.png?AWSAccessKeyId={SECRET}&Expires=9&Signature={SECRET}%3D",
    "CloudFront": f"https://d1.cloudfront.net/a.png?Policy={SECRET}&Signature={SECRET}&Key-Pair-Id={SECRET}",
    "Google Cloud": f"https://storage.googleapis.com/b/a.png?X-Goog-Credential={SECRET}&X-Goog-Signature={SECRET}",
    "Google Cloud, version 2": f"https://storage.googleapis.com/b/a.png?GoogleAccessId={SECRET}&Signature={SECRET}",
    "Azure SAS": f"https://a.blob.core.windows.net/c/a.png?sv=2022-11-02&se=2026&sr=b&sp=r&sig={SECRET}%3D",
    "Azure function": f"https://a.azurewebsites.net/a?code={SECRET}",
    "a token": f"https://host/a.png?token={SECRET}",
    "a token after others": f"https://host/a.png?width=9&access_token={SECRET}&height=9",
    "a token in a fragment": f"https://host/a.png#access_token={SECRET}&x=1",
    "semicolons": f"https://host/a.png?width=9;apikey={SECRET}",
    "a session": f"https://host/a.png;jsessionid={SECRET}?width=9",
    "an API key": f"https://host/a.png?api_key={SECRET}",
    "an API key in capitals": f"https://host/a.png?API-KEY={SECRET}",
    "a key": f"https://maps.googleapis.com/staticmap?size=9x9&key={SECRET}",
    "a subscription": f"https://host/a?Ocp-Apim-Subscription-Key={SECRET}",
    "an encoded name": f"https://host/a.png?%74oken={SECRET}",
    "an encoded name of S3": f"https://host/a.png?X%2DAmz%2DSignature={SECRET}",
    "Akamai": f"https://host/a.png?hdnts=exp=9~acl=/*~hmac={SECRET}",
    "Discord": f"https://cdn.discordapp.com/a.png?ex=1&is=2&hm={SECRET}",
    "a JWT under another name": f"https://host/a.png?v=eyJhbGciOiJIUzI1NiJ9.{SECRET}.{SECRET}",
    "a URL in a URL": f"https://proxy/?url={quote(f'https://ana:{SECRET}@host/a.png?sig={SECRET}', safe='')}&w=9",
    "a URL in a URL, not encoded": f"https://proxy/?url=https://host/a.png?token={SECRET}",
    "a DVC repository": f"dvc://https://ana:{SECRET}@host/repository@main/data",
    "a URL in a path": f"https://proxy/https://ana:{SECRET}@host/a.png",
}  # fmt: skip


@pytest.mark.parametrize("url", URLS.values(), ids=URLS.keys())
def test_credentials_are_removed_from_urls_and_texts(url: str) -> None:
    for text in (url, f"GET {url} failed", f"{url}: 403", f"({url!r}, 'x')", json.dumps({"url": url}), f"<{url}>"):
        cleaned = without_credentials(text)
        assert SECRET not in unquote(unquote(cleaned))
        assert without_credentials(cleaned) == cleaned
    assert "host" not in url or "host" in shown_url(url)


@pytest.mark.parametrize("url", URLS.values(), ids=URLS.keys())
def test_credentials_reach_no_record_and_no_error(url: str, tmp_path: Path) -> None:
    (ref,) = expand([url])
    limits = Limits(seconds=0.2, urls=frozenset(("nowhere.example",)), buckets=frozenset(("x",)))
    chunk = serialize_chunk([ref], None, limits, tmp_path)
    (item,) = chunk.items
    assert item.reason is not None
    with pytest.raises(Rejected) as caught:
        fetch(ref, limits)
    texts = [
        item.model_dump_json(), repr(ref), str(caught.value), repr(caught.value), str(InvalidInput(url, url, url)),
        repr(InvalidInput(url, url)), str(StorageError(f"{url}: gone")), repr(InvalidSetting(url)),
        InvalidInput(url, url).subject, str(pickle.loads(pickle.dumps(InvalidInput(url, url)))),
    ]  # fmt: skip
    try:
        locate(url)
    except StorageError as error:
        texts.append(str(error))
    for text in texts:
        assert SECRET not in unquote(unquote(text))


@pytest.mark.parametrize("password", ["a b", "a'b", 'a"b', "a<b>", "a|b", "{a}", "a\\b", "a\tb"])
def test_any_sign_in_a_password_is_removed_from_a_url(password: str) -> None:
    assert shown_url(f"https://ana:{SECRET}{password}{SECRET}@host/a.png") == "https://host/a.png"
    assert shown_url(f"https://host/a.png?token={SECRET}{password}{SECRET}") == "https://host/a.png?…"


@pytest.mark.parametrize(
    "text",
    [
        "https://host/a.png", "https://host:8080/a@2x.png", "https://host/@ana/a.png?width=9&height=9", "ana@host",
        "https://host/a.png?id=550e8400-e29b-41d4-a716-446655440000", "https://[::1]:80/a@2x.png?v=1#top",
        "s3://bucket/a@b/token=1/a.png", "s3://bucket/a.png?token=1", "file:///home/a:b@c/token=1.png", "inline:0",
        "/data/images/token=1&sig=2/a@b.png", "C:/images/a@b.png", "a.png?token=1", "wasb://container@account/a.png",
        "https://host/tokens/key/a.png",         "dvc://git@github.com:ana/repository@main/data", "dvc://https://host/repository@main/data",
        "https://host/a b.png", "https://host/ü.png?q=ü",
    ],
)  # fmt: skip
def test_text_without_credentials_is_unchanged(text: str) -> None:
    assert without_credentials(text) == shown_url(text) == text
    message = f"{text} https://host: 403 for ana@host.org; see http://host:80, or mail a@b.org"
    assert without_credentials(message) == message


@given(st.text(st.characters(codec="utf-8", exclude_characters="@/?#[]\\"), min_size=1, max_size=20))
def test_any_encoded_password_is_removed(password: str) -> None:
    url = f"https://ana:{quote(password, safe='')}@host/a.png"
    assert httpx.URL(url).password == password
    assert without_credentials(url) == shown_url(url) == "https://host/a.png"


def test_names_of_secrets_are_recognised() -> None:
    for name in ("sig", "X-Amz-Signature", "apiKey", "api_key", "Client-Secret", "refresh_token", "PASSWORD", "pwd"):
        assert names_a_secret(name)
    for name in ("width", "design", "signal", "keyword", "author", "sort", "passage", "v", "s3_key", "monkey"):
        assert not names_a_secret(name)


def test_url_whose_credentials_were_not_stored_is_rejected_with_the_reason() -> None:
    (ref,) = expand([shown_url(URLS["S3, version 4"])])
    with pytest.raises(Rejected, match="credentials, which are not stored") as caught:
        fetch(ref, Limits())
    assert caught.value.reason is Reason.DENIED
