"""Settings are read from the environment and from .env, under the original systems' names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from sightline.errors import InvalidSetting
from sightline.settings import Settings, settings


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


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        (
            "MAX_IMAGE_PIXELS",
            "-3",
            "MAX_IMAGE_PIXELS in the environment cannot be '-3': input should be greater than 0",
        ),
        ("DEVICE", "tpu", "DEVICE in the environment cannot be 'tpu': input should be 'auto', 'cpu' or 'cuda'"),
        ("CLASSES", "abc", 'Write a JSON list, as in ["a", "b"]'),
        ("ALERT_CHANNELS", "[ops", "ALERT_CHANNELS in the environment is not JSON"),
        ("ALERT_CHANNELS", '["ops"]', "ALERT_CHANNELS, entry 1 in the environment cannot be 'ops'"),
        ("ALERT_CHANNELS", '["email-server-credentials/ward"]', "also set ALERT_EMAIL_TO"),
        ("UPLOAD_RULES", '[{"kind": "video", "suffixes": [".mp4"], "x": 1}]', "UPLOAD_RULES, entry 1, x"),
    ],
)
def test_message_names_the_setting_and_the_fix(
    name: str, value: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    settings.cache_clear()
    with pytest.raises(InvalidSetting) as caught:
        settings()
    assert reason in str(caught.value)
    assert "pydantic" not in str(caught.value)


def test_message_names_the_file_of_a_setting(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MAX_IMAGE_PIXELS=-3\nDEVICE=tpu\n")
    settings.cache_clear()
    with pytest.raises(InvalidSetting, match=str(tmp_path / ".env")) as caught:
        settings()
    assert str(caught.value).count("cannot be") == 2


@pytest.mark.parametrize("value", ['["", "hunter2"]', '["hunter2'])
def test_message_about_a_secret_does_not_contain_it(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEYS", value)
    settings.cache_clear()
    with pytest.raises(InvalidSetting, match="API_KEYS") as caught:
        settings()
    assert "hunter2" not in str(caught.value)
