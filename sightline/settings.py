"""One settings object, read from the environment and from ``.env`` in the working directory."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, Field, PositiveFloat
from pydantic_settings import BaseSettings, SettingsConfigDict

_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")

Bucket = Annotated[str, Field(description="A folder, an s3:// URI, or a bare bucket name where USE_S3 is on.")]


class Settings(BaseSettings):
    """What a user may set. Each field's name in capitals is its environment variable."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", populate_by_name=True)

    video_bucket: Bucket = "./data/videos"
    patients_bucket: Bucket = "./data/patients"
    model_bucket: Bucket = Field("./data/models", validation_alias=AliasChoices("MODEL_BUCKET", "MODEL_BUCKET_NAME"))
    capture_bucket: Bucket = "./data/capture"
    use_s3: bool = Field(False, description="Take a bare bucket name as an S3 bucket, not as a folder.")

    max_video_seconds: PositiveFloat = Field(4 * 3600, description="A longer video is refused, in seconds.")
    emotion_keywords: Path | None = Field(None, description="A keyword table to use in place of the built-in one.")

    def bucket_uri(self, bucket: str) -> str:
        """``bucket`` as a path or an ``s3://`` URI."""
        if self.use_s3 and _BUCKET_NAME.fullmatch(bucket):
            return f"s3://{bucket}"
        return bucket


@cache
def settings() -> Settings:
    """The process's settings, read once."""
    return Settings()
