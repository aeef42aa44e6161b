"""One settings object, read from the environment and from ``.env`` in the working directory."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from sightline import storage
from sightline.storage import Location

_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")

Bucket = Annotated[str, Field(description="A folder, an s3:// URI, or a bare bucket name where USE_S3 is on.")]

EMAIL_BLOCK = "email-server-credentials/"
_CHANNEL = re.compile(r"[a-z0-9-]+/[^/\s]+|arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}")


def _channel(text: str) -> str:
    if not _CHANNEL.fullmatch(text):
        raise ValueError(
            f"{text!r} is no channel for alerts. Write a Prefect block as TYPE/NAME, such as slack-webhook/ops or "
            "email-server-credentials/ward, or the ARN of an SNS topic that is not FIFO"
        )
    return text


AlertChannel = Annotated[str, AfterValidator(_channel)]
ApiKey = Annotated[SecretStr, Field(min_length=1)]
EmailAddress = Annotated[str, Field(pattern=r"^[^@\s<>,]+@[^@\s<>,]+$")]


class UploadRule(BaseModel):
    """Files that are processed as they arrive: where they lie, what their names end in, and what is done with them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["video", "image"] = Field(description="Processed by process-video, or classified.")
    bucket: Bucket | None = Field(None, description="By default VIDEO_BUCKET.")
    folder: str = Field("", description="The folder of the bucket that they lie in, at any depth. By default any.")
    suffixes: tuple[Annotated[str, Field(pattern=r"^\.[A-Za-z0-9]+$")], ...] = Field(
        min_length=1, description="What their names end in, in small letters or capitals."
    )

    @field_validator("folder")
    @classmethod
    def _without_slashes(cls, folder: str) -> str:
        return folder.strip("/")


class Settings(BaseSettings):
    """What a user may set. Each field's name in capitals is its environment variable."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", populate_by_name=True)

    video_bucket: Bucket = "./data/videos"
    patients_bucket: Bucket = "./data/patients"
    model_bucket: Bucket = Field("./data/models", validation_alias=AliasChoices("MODEL_BUCKET", "MODEL_BUCKET_NAME"))
    capture_bucket: Bucket = "./data/capture"
    results_bucket: Bucket = "./data/results"
    reviews_bucket: Bucket | None = Field(
        None, description="What waits for a person's answer, and the answers. By default .reviews in RESULTS_BUCKET."
    )
    use_s3: bool = Field(False, description="Take a bare bucket name as an S3 bucket, not as a folder.")

    max_video_seconds: PositiveFloat = Field(4 * 3600, description="A longer video is refused, in seconds.")
    emotion_keywords: Path | None = Field(None, description="A keyword table to use in place of the built-in one.")

    file_threshold: NonNegativeInt = Field(10, description="Pose files that a patient's emotion model is trained from.")
    size_threshold_mb: NonNegativeFloat = Field(
        0.025,
        allow_inf_nan=False,
        description="Their size together, in megabytes of a million bytes. Ten sessions of five poses have 0.027; the "
        "5 that the original system asked for are more than six thousand poses.",
    )
    cooldown_hours: NonNegativeFloat = Field(
        1.0, allow_inf_nan=False, description="Hours between two trainings of one patient's emotion model."
    )
    min_samples_per_class: int = Field(
        3, ge=3, description="Sessions that an emotion needs; one with fewer is left out of the training."
    )
    min_total_samples: NonNegativeInt = Field(10, description="Sessions that a patient's emotion model is trained on.")
    min_emotions: int = Field(2, ge=2, description="Emotions that a patient's emotion model tells apart, at least.")
    min_poses_per_session: int = Field(
        5, ge=3, description="Pose files that a session needs; one with fewer is left out of the training."
    )

    classes: tuple[str, ...] | None = Field(
        None, description="The classes of the posture model or of an endpoint, in order, as a JSON list."
    )
    review_hours: PositiveFloat = Field(
        72.0, allow_inf_nan=False, description="Hours that a person has to answer, after which people are alerted."
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where models run.")
    backend: Literal["auto", "openvino", "torch"] = Field(
        "auto", description="What runs them; auto is the fastest that predicts the same."
    )
    embed_model_key: str | None = Field(
        None, description="The posture model's weights in MODEL_BUCKET, to pin a version."
    )
    xgb_model_key: str | None = Field(None, description="The posture model's trees in MODEL_BUCKET, to pin a version.")
    task_runner: Literal["threads", "dask", "ray"] = Field(
        "threads", description="What the chunks of one run are spread over: this process, or a cluster of Dask or Ray."
    )
    task_runner_address: str | None = Field(
        None, description="The cluster's address, tcp://HOST:8786 or ray://HOST:10001. By default one on this machine."
    )
    max_image_pixels: PositiveInt = Field(80_000_000, description="A larger image is rejected.")
    max_image_bytes: PositiveInt = Field(50_000_000, description="A longer image file is rejected.")
    image_hosts: tuple[str, ...] = Field(
        (), description="Hosts of image URLs that are fetched although their addresses are private, as a JSON list."
    )

    drift_alpha: float = Field(
        0.05, gt=0, lt=1, description="How often a window without any drift may be taken for one with it, at most."
    )
    drift_min_events: PositiveInt = Field(100, description="Events that a window needs to be compared with a baseline.")
    drift_psi: NonNegativeFloat = Field(
        0.2, allow_inf_nan=False, description="Population stability index of the confidence from which it has drifted."
    )
    drift_share: float = Field(
        0.1, ge=0, le=1, description="Share of the predictions that must have changed class for the classes to drift."
    )
    drift_auc: float = Field(
        0.65, ge=0.5, le=1, description="How well a classifier must tell images from the test set's; 0.5 is by chance."
    )

    alert_channels: tuple[AlertChannel, ...] = Field(
        (),
        description="Who is told of results and failures, as a JSON list: Prefect blocks as TYPE/NAME "
        "(slack-webhook/ops, email-server-credentials/ward) and ARNs of SNS topics.",
    )
    alert_email_to: tuple[EmailAddress, ...] = Field((), description="Who gets alerts by email, as a JSON list.")
    alert_email_from: EmailAddress | None = Field(
        None, description="Whom they come from. By default the user name of the email block, where that is an address."
    )
    alert_retry_seconds: tuple[NonNegativeFloat, ...] = Field(
        (1.0, 5.0), description="Waits between the tries at a channel, in seconds, as a JSON list."
    )
    alert_timeout_seconds: PositiveFloat = Field(30.0, description="How long one try at a channel may take.")
    outbox_bucket: Bucket | None = Field(
        None,
        description="Where alerts wait that a channel has not taken yet. By default .outbox in RESULTS_BUCKET.",
    )

    upload_rules: tuple[UploadRule, ...] = Field(
        (
            UploadRule(kind="video", suffixes=(".mp4", ".mov", ".avi", ".mkv", ".webm", ".flv")),
            UploadRule(
                kind="image",
                suffixes=(".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"),
            ),
        ),
        description="Which files are processed as they arrive, as a JSON list of objects with kind, bucket, folder and "
        "suffixes. What lies in hidden folders or under annotated/ never is.",
    )
    upload_image_model: str = Field("posture", description="The model that classifies an image as it arrives.")
    upload_transcriber: Literal["auto", "whisper", "pocketsphinx"] = Field(
        "auto", description="What listens to a video as it arrives. auto is whisper; pocketsphinx needs no download."
    )

    s3_events_queue_url: str | None = Field(None, description="The SQS queue that tells of uploads.")
    s3_events_dead_letter_queue_url: str | None = Field(
        None, description="Where messages go that tell of nothing. By default the queue's own dead-letter queue."
    )
    s3_events_wait_seconds: int = Field(5, ge=1, le=20, description="How long one look at the queue waits.")
    s3_events_visibility_seconds: int = Field(
        60, ge=10, le=43_200, description="After how long another listener gets a message of one that was killed."
    )
    s3_events_health_host: str = Field("127.0.0.1", description="Where the listener answers /health and /metrics.")
    s3_events_health_port: int = Field(8090, ge=0, le=65_535, description="And on which port.")

    prefect_api_url: str | None = Field(None, description="Prefect's own: the address of the server's API.")
    prefect_api_auth_string: SecretStr | None = Field(None, description="Prefect's own: USER:PASSWORD.")
    prefect_api_key: SecretStr | None = Field(None, description="Prefect's own: a key of Prefect Cloud.")

    api_host: str = Field("127.0.0.1", description="Where the HTTP service listens; 0.0.0.0 is every address.")
    api_models: tuple[str, ...] | None = Field(
        None,
        description="The models that the HTTP service loads, as a JSON list; posture/3 pins a version. By default "
        "those that the registry has of vehicles, posture and running-style.",
    )
    api_model_refresh_seconds: PositiveFloat = Field(
        10.0, allow_inf_nan=False, description="How often it looks whether another version has become current."
    )
    api_max_batch: PositiveInt = Field(32, description="Images that a model is given at once, of several requests.")
    api_max_wait_ms: NonNegativeFloat = Field(
        5.0,
        allow_inf_nan=False,
        description="How long a model waits for images on their way, in milliseconds.",
    )
    api_max_queue: PositiveInt = Field(512, description="Images that wait for a model, before requests are sent away.")
    api_max_requests: PositiveInt = Field(128, description="Requests that are worked at, before others are sent away.")
    api_max_images: PositiveInt = Field(64, description="Images of one request.")
    api_max_body_bytes: PositiveInt = Field(32_000_000, description="A longer request is refused.")
    api_keys: tuple[ApiKey, ...] = Field(
        (), description="The keys that open the service, as a JSON list. None: all may."
    )
    api_url_hosts: tuple[str, ...] = Field(
        (),
        description="Hosts whose image URLs are fetched for a request, as a JSON list; pictures.org:8080 for another "
        "port than the usual one. None by default.",
    )
    api_buckets: tuple[str, ...] = Field(
        (), description="S3 buckets whose images are fetched for a request, as a JSON list. None by default."
    )
    api_url_seconds: PositiveFloat = Field(
        10.0, allow_inf_nan=False, description="How long the fetching of one image may take, in seconds."
    )

    def locate(self, bucket: str) -> Location:
        """Return the location of ``bucket``: a folder, an ``s3://`` URI, or a bucket's name if USE_S3 is on.

        Raises ``StorageError`` for a URI of another kind of storage.
        """
        return storage.locate(f"s3://{bucket}" if self.use_s3 and _BUCKET_NAME.fullmatch(bucket) else bucket)

    @property
    def videos(self) -> Location:
        """The location of VIDEO_BUCKET."""
        return self.locate(self.video_bucket)

    @property
    def patients(self) -> Location:
        """The location of PATIENTS_BUCKET."""
        return self.locate(self.patients_bucket)

    @property
    def models(self) -> Location:
        """The location of MODEL_BUCKET."""
        return self.locate(self.model_bucket)

    @property
    def captures(self) -> Location:
        """The location of CAPTURE_BUCKET."""
        return self.locate(self.capture_bucket)

    @property
    def results(self) -> Location:
        """The location of RESULTS_BUCKET."""
        return self.locate(self.results_bucket)

    @property
    def reviews(self) -> Location:
        """The location of REVIEWS_BUCKET, by default ``.reviews`` in RESULTS_BUCKET."""
        return self.locate(self.reviews_bucket) if self.reviews_bucket else self.results / ".reviews"

    @property
    def outbox(self) -> Location:
        """The location of OUTBOX_BUCKET, by default ``.outbox`` in RESULTS_BUCKET."""
        return self.locate(self.outbox_bucket) if self.outbox_bucket else self.results / ".outbox"

    @model_validator(mode="after")
    def _email_has_recipients(self) -> Settings:
        if not self.alert_email_to and any(channel.startswith(EMAIL_BLOCK) for channel in self.alert_channels):
            raise ValueError(
                'ALERT_CHANNELS has an email block: set ALERT_EMAIL_TO too, as a JSON list: ["me@ward.org"]'
            )
        return self


@cache
def settings() -> Settings:
    """The process's settings, read once."""
    return Settings()
