"""Settings are read from the environment and from .env, under the original systems' names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from sightline.settings import Settings


@pytest.fixture(autouse=True)
def clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fields = {name.upper() for name in Settings.model_fields} | {"MODEL_BUCKET_NAME"}
    for name in list(os.environ):
        if name.upper() in fields:
            monkeypatch.delenv(name)


def test_default_buckets_are_folders_under_data() -> None:
    settings = Settings()
    buckets = (settings.video_bucket, settings.patients_bucket, settings.model_bucket, settings.capture_bucket)
    assert buckets == ("./data/videos", "./data/patients", "./data/models", "./data/capture")
    assert not settings.use_s3


@pytest.mark.parametrize("name", ["MODEL_BUCKET", "MODEL_BUCKET_NAME", "model_bucket"])
def test_model_bucket_has_two_names(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "s3://models-of-ours")
    assert Settings().model_bucket == "s3://models-of-ours"


def test_environment_overrides_the_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("VIDEO_BUCKET=from-file\nPATIENTS_BUCKET=patients999\nUNKNOWN=ignored\n")
    monkeypatch.setenv("VIDEO_BUCKET", "from-environment")
    settings = Settings()
    assert settings.video_bucket == "from-environment"
    assert settings.patients_bucket == "patients999"


@pytest.mark.parametrize("value", ["true", "1", "yes", "True"])
def test_bucket_name_is_on_s3_if_s3_is_on(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(Settings().locate("patients999")) == "patients999"
    monkeypatch.setenv("USE_S3", value)
    assert str(Settings().locate("patients999")) == "s3://patients999"


@pytest.mark.parametrize("bucket", ["./data/videos", "/srv/videos", "s3://bucket/prefix", "Videos", "x"])
def test_paths_and_uris_are_located_unchanged(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USE_S3", "true")
    assert str(Settings().locate(bucket)) == bucket.removeprefix("./")


@pytest.mark.parametrize(
    ("name", "value"), [("MAX_VIDEO_SECONDS", "-5"), ("MAX_VIDEO_SECONDS", "an hour"), ("USE_S3", "perhaps")]
)
def test_invalid_value_is_rejected_with_its_name(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert name.lower() in str(caught.value).lower()
    assert value in str(caught.value)
