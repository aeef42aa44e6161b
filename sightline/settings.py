"""Settings, read from the environment and from ``.env`` in the working directory."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

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
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import SettingsError

from sightline import storage
from sightline.errors import InvalidSetting
from sightline.hosts import normalized_address, normalized_host
from sightline.outages import StorageSettings
from sightline.setting_errors import explain, explain_syntax
from sightline.storage import Location

_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")

Bucket = Annotated[str, Field(description="A folder, an s3:// URI, or a bucket name if USE_S3 is on.")]

EMAIL_BLOCK = "email-server-credentials/"
_CHANNEL = re.compile(r"[a-z0-9-]+/[^/\s]+|arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}")


def _channel(text: str) -> str:
    if not _CHANNEL.fullmatch(text):
        raise ValueError(
            f"{text!r} is not a channel for alerts. Write a Prefect block as TYPE/NAME, such as slack-webhook/ops or "
            "email-server-credentials/ward, or the ARN of a standard SNS topic, not a FIFO one"
        )
    return text


AlertChannel = Annotated[str, AfterValidator(_channel)]
_IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic", ".heif",
    ".hif", ".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".orf", ".pef", ".raf", ".rw2",
)  # fmt: skip
Timeout = Annotated[PositiveFloat, Field(le=366 * 24 * 3600, allow_inf_nan=False)]
ApiKey = Annotated[SecretStr, Field(min_length=1)]
EmailAddress = Annotated[str, Field(pattern=r"^[^@\s<>,]+@[^@\s<>,]+$")]


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise ValueError(f"{name!r} is not a time zone of the IANA database, such as Europe/Berlin") from error
    return name


TimeZone = Annotated[str, AfterValidator(_time_zone)]


class UploadRule(BaseModel):
    """Files that are processed as they arrive: their folder, their suffixes, and the flow that processes them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["video", "image"] = Field(description="video for process-video, image for classify-images.")
    bucket: Bucket | None = Field(None, description="By default VIDEO_BUCKET.")
    folder: str = Field("", description="A folder of the bucket, with the folders in it. By default the bucket.")
    suffixes: tuple[Annotated[str, Field(pattern=r"^\.[A-Za-z0-9]+$")], ...] = Field(
        min_length=1, description="The suffixes of the files; their case is ignored."
    )

    @field_validator("folder")
    @classmethod
    def _without_slashes(cls, folder: str) -> str:
        return folder.strip("/")


class Settings(StorageSettings):
    """All settings. The name of a field in capitals is its environment variable."""

    video_bucket: Bucket = "./data/videos"
    patients_bucket: Bucket = "./data/patients"
    model_bucket: Bucket = Field("./data/models", validation_alias=AliasChoices("MODEL_BUCKET", "MODEL_BUCKET_NAME"))
    capture_bucket: Bucket = "./data/capture"
    results_bucket: Bucket = "./data/results"
    reviews_bucket: Bucket | None = Field(
        None, description="Review questions and their answers. By default .reviews in RESULTS_BUCKET."
    )
    beds_bucket: Bucket | None = Field(
        None,
        description="The beds that are watched, each a folder with bed.toml and what is stored about it. By default "
        "beds in RESULTS_BUCKET.",
    )
    use_s3: bool = Field(False, description="Take a name without a slash as an S3 bucket, not as a folder.")

    max_video_seconds: PositiveFloat = Field(4 * 3600, description="The longest accepted video, in seconds.")
    max_damage_share: float = Field(
        0.02, ge=0, le=1, description="The share of a video that may be undecodable. A video with more is refused."
    )
    emotion_keywords: Path | None = Field(None, description="A keyword table that replaces the built-in one.")
    language_tables: Path | None = Field(
        None,
        description="A folder with tables for more languages, as CODE.toml, whose emotions are then found without a "
        "translation. The built-in table for German documents the format.",
    )
    carer_names: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (), description="Names of carers, as a JSON list. Whisper spells them and the patient's names as given."
    )
    identity_hours: NonNegativeFloat = Field(
        12,
        description="A patient's clothes are taken to be the same for this long after a session was processed: they "
        "tell the patient from others in the next video. 0 turns this off.",
    )
    recording_time_zone: TimeZone | None = Field(
        None,
        description="The zone of times of recordings that state none, as in file names; such as Europe/Berlin. By "
        "default this machine's; containers have UTC.",
    )
    hide_others: bool = Field(
        False,
        description="Make everyone but the patient unrecognisable in annotated videos, frames and highlights, unless "
        "process-video's option says otherwise.",
    )

    file_threshold: NonNegativeInt = Field(10, description="Pose files needed to train a patient's emotion model.")
    size_threshold_mb: NonNegativeFloat = Field(
        0.025,
        allow_inf_nan=False,
        description="Total size of the pose files needed to train a patient's emotion model, in megabytes of a million "
        "bytes. Ten sessions of five poses have 0.027; the original system's 5 are more than six thousand poses.",
    )
    cooldown_hours: NonNegativeFloat = Field(
        1.0, allow_inf_nan=False, description="Hours between two trainings of a patient's emotion model."
    )
    min_samples_per_class: int = Field(
        3, ge=3, description="Sessions needed per emotion; an emotion with fewer is left out of the training."
    )
    min_total_samples: NonNegativeInt = Field(10, description="Sessions needed to train a patient's emotion model.")
    min_emotions: int = Field(2, ge=2, description="Emotions needed to train a patient's emotion model.")
    min_poses_per_session: int = Field(
        5, ge=3, description="Pose files needed in a session; a session with fewer is left out of the training."
    )
    min_valid_seconds: float = Field(
        1.0,
        ge=0.2,
        allow_inf_nan=False,
        description="Seconds needed in a session in which the patient is followed without a break; a session with "
        "fewer is left out of the training. Rhythm needs one second, an acceleration 0.2.",
    )

    classes: tuple[str, ...] | None = Field(
        None, description="The classes of the posture model or of an endpoint, in order, as a JSON list."
    )
    review_hours: PositiveFloat = Field(
        72.0, allow_inf_nan=False, description="Hours to answer a review question; after that an alert is sent."
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Device for inference and training.")
    backend: Literal["auto", "openvino", "torch"] = Field(
        "auto", description="Inference backend; auto is the fastest one with the same predictions."
    )
    embed_model_key: str | None = Field(
        None, description="The posture model's weights in MODEL_BUCKET; this pins the version."
    )
    xgb_model_key: str | None = Field(
        None, description="The posture model's trees in MODEL_BUCKET; this pins the version."
    )
    task_runner: Literal["threads", "dask", "ray"] = Field(
        "threads", description="Where the chunks of a run are processed: in this process, or on a Dask or Ray cluster."
    )
    task_runner_address: str | None = Field(
        None, description="The cluster's address, tcp://HOST:8786 or ray://HOST:10001. By default a local cluster."
    )
    flow_timeout_seconds: Timeout = Field(
        12 * 3600, description="Longest run of a flow other than a training, in seconds; also of its longest tasks."
    )
    training_timeout_seconds: Timeout = Field(
        48 * 3600, description="Longest run of a training, in seconds; also of its longest tasks."
    )
    task_timeout_seconds: Timeout = Field(2 * 3600, description="Longest run of a short task, in seconds.")
    supervised: bool = Field(
        False,
        description="Whether a reconciler retries crashed runs and alerts about them, so that the runs themselves do "
        "not. The work pools set it.",
    )
    max_image_pixels: PositiveInt = Field(80_000_000, description="A larger image is rejected.")
    max_image_bytes: PositiveInt = Field(50_000_000, description="A larger image file is rejected.")
    image_white: PositiveFloat | None = Field(
        None,
        allow_inf_nan=False,
        description="The value of white in images with more than 8 bits a sample that do not declare it, such as 4095.",
    )
    image_hosts: tuple[Annotated[str, AfterValidator(normalized_host)], ...] = Field(
        (), description="Hosts with private addresses from which images may be fetched, as a JSON list."
    )

    drift_alpha: float = Field(
        0.05, gt=0, lt=1, description="Significance level: the highest rate of false drift alarms."
    )
    drift_min_events: PositiveInt = Field(100, description="Captures needed in a window to compare it with a baseline.")
    drift_psi: NonNegativeFloat = Field(
        0.2, allow_inf_nan=False, description="Population stability index at which the confidence has drifted."
    )
    drift_share: float = Field(
        0.1, ge=0, le=1, description="Share of predictions with another class at which the classes have drifted."
    )
    drift_auc: float = Field(
        0.65,
        ge=0.5,
        le=1,
        description="AUC of a classifier between captured images and the test set at which the images have drifted; "
        "0.5 is chance.",
    )

    alert_channels: tuple[AlertChannel, ...] = Field(
        (),
        description="Channels for alerts about results and failures, as a JSON list: Prefect blocks as TYPE/NAME "
        "(slack-webhook/ops, email-server-credentials/ward) and ARNs of SNS topics.",
    )
    alert_email_to: tuple[EmailAddress, ...] = Field((), description="Recipients of alerts by email, as a JSON list.")
    alert_email_from: EmailAddress | None = Field(
        None, description="Sender of alerts by email. By default the user name of the email block, if it is an address."
    )
    alert_retry_seconds: tuple[NonNegativeFloat, ...] = Field(
        (1.0, 5.0), description="Delays between attempts to reach a channel, in seconds, as a JSON list."
    )
    alert_timeout_seconds: PositiveFloat = Field(
        30.0, description="Timeout of one attempt to reach a channel, in seconds."
    )
    outbox_bucket: Bucket | None = Field(
        None,
        description="Alerts that a channel has not accepted yet. By default .outbox in RESULTS_BUCKET.",
    )

    prefect_ui_url: str | None = Field(None, description="Prefect's own setting: where people open the Prefect UI.")

    upload_rules: tuple[UploadRule, ...] = Field(
        (
            UploadRule(kind="video", suffixes=(".mp4", ".mov", ".avi", ".mkv", ".webm", ".flv")),
            UploadRule(
                kind="image",
                suffixes=_IMAGE_SUFFIXES,
            ),
        ),
        description="The files that are processed as they arrive, as a JSON list of objects with kind, bucket, folder "
        "and suffixes. Files in hidden folders and under annotated/ are never processed.",
    )
    upload_image_model: str = Field("posture", description="The model that classifies images as they arrive.")
    upload_transcriber: Literal["auto", "faster-whisper", "whisper", "pocketsphinx"] = Field(
        "auto",
        description="The speech engine for videos as they arrive. auto is faster-whisper if it is installed, otherwise "
        "whisper; pocketsphinx needs no download.",
    )

    s3_events_queue_url: str | None = Field(None, description="The SQS queue with the messages about uploads.")
    s3_events_dead_letter_queue_url: str | None = Field(
        None, description="The queue for messages that cannot be read. By default the dead-letter queue of the queue."
    )
    s3_events_deployment: str = Field(
        "process-upload/media",
        pattern=r"^[^/]+/[^/]+$",
        description="The deployment that processes uploads, as FLOW/NAME.",
    )
    s3_events_wait_seconds: int = Field(
        5, ge=1, le=20, description="Wait time of one request to the queue, in seconds."
    )
    s3_events_visibility_seconds: int = Field(
        60, ge=10, le=43_200, description="Seconds after which another listener receives the message of a killed one."
    )
    s3_events_health_host: str = Field("127.0.0.1", description="Host of the listener's /health and /metrics.")
    s3_events_health_port: int = Field(
        8090, ge=0, le=65_535, description="Port of the listener's /health and /metrics."
    )

    crash_retry_seconds: tuple[NonNegativeFloat, ...] = Field(
        (10.0, 120.0, 600.0),
        description="Delays before the retries of a run that crashed, in seconds, as a JSON list; [] for no retry.",
    )
    late_run_minutes: PositiveFloat = Field(
        30.0, description="Minutes after which an alert is sent about runs that wait, although others are executed."
    )
    reconciler_interval_seconds: PositiveFloat = Field(
        10.0, description="Seconds between two comparisons of the runs with their containers."
    )
    reconciler_health_host: str = Field("127.0.0.1", description="Host of the reconciler's /health and /metrics.")
    reconciler_health_port: int = Field(
        8091, ge=0, le=65_535, description="Port of the reconciler's /health and /metrics."
    )

    local_server: Literal["persistent", "temporary", "off"] | None = Field(
        None,
        description="The Prefect server of a command if PREFECT_API_URL is not set: persistent is shared by all of a "
        "user's commands, temporary ends with the command, off is none. By default persistent; temporary if CI is set "
        "or Prefect's settings name a database.",
    )
    local_server_idle_minutes: PositiveFloat = Field(
        60.0, allow_inf_nan=False, description="Minutes without use after which the persistent server stops."
    )

    prefect_api_url: str | None = Field(None, description="Prefect's own setting: the address of the server's API.")
    prefect_api_auth_string: SecretStr | None = Field(None, description="Prefect's own setting: USER:PASSWORD.")
    prefect_api_key: SecretStr | None = Field(None, description="Prefect's own setting: a key of Prefect Cloud.")

    api_host: str = Field(
        "127.0.0.1", description="Address that the HTTP service listens on; 0.0.0.0 is every address."
    )
    api_models: tuple[str, ...] | None = Field(
        None,
        description="The models that the HTTP service loads, as a JSON list; posture/3 pins a version. By default "
        "every model of the registry that classifies or ranks images.",
    )
    api_model_refresh_seconds: PositiveFloat = Field(
        10.0, allow_inf_nan=False, description="Seconds between two checks for a new current version."
    )
    api_max_batch: PositiveInt = Field(32, description="Images in one batch, from one or more requests.")
    api_max_wait_ms: NonNegativeFloat = Field(
        5.0,
        allow_inf_nan=False,
        description="Longest wait for more images before a batch is processed, in milliseconds.",
    )
    api_max_queue: PositiveInt = Field(
        512, description="Images queued for a model; beyond that, requests are rejected."
    )
    api_max_requests: PositiveInt = Field(128, description="Concurrent requests; beyond that, requests are rejected.")
    api_max_images: PositiveInt = Field(64, description="Images in one request.")
    api_max_body_bytes: PositiveInt = Field(32_000_000, description="A larger request is rejected.")
    api_keys: tuple[ApiKey, ...] = Field(
        (), description="API keys of the service, as a JSON list. Without keys, every client has access."
    )
    api_url_hosts: tuple[Annotated[str, AfterValidator(normalized_address)], ...] = Field(
        (),
        description="Hosts whose image URLs a request may name, as a JSON list; images.org:8080 or [2001:db8::1]:8080 "
        "for a port other than the default one. None by default.",
    )
    api_buckets: tuple[str, ...] = Field(
        (), description="S3 buckets whose images a request may name, as a JSON list. None by default."
    )
    api_url_seconds: PositiveFloat = Field(
        10.0, allow_inf_nan=False, description="Timeout for fetching one image, in seconds."
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
    def recording_zone(self) -> ZoneInfo | None:
        """The zone of RECORDING_TIME_ZONE; None for this machine's."""
        return ZoneInfo(self.recording_time_zone) if self.recording_time_zone else None

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
    def beds(self) -> Location:
        """The location of BEDS_BUCKET, by default ``beds`` in RESULTS_BUCKET."""
        return self.locate(self.beds_bucket) if self.beds_bucket else self.results / "beds"

    @property
    def outbox(self) -> Location:
        """The location of OUTBOX_BUCKET, by default ``.outbox`` in RESULTS_BUCKET."""
        return self.locate(self.outbox_bucket) if self.outbox_bucket else self.results / ".outbox"

    @model_validator(mode="after")
    def _email_has_recipients(self) -> Settings:
        if not self.alert_email_to and any(channel.startswith(EMAIL_BLOCK) for channel in self.alert_channels):
            raise ValueError(
                'ALERT_CHANNELS has an email block: also set ALERT_EMAIL_TO, as a JSON list: ["me@ward.org"]'
            )
        return self


@cache
def settings() -> Settings:
    """Return the settings of this process, read once.

    Raises :class:`~sightline.errors.InvalidSetting`, which names every invalid setting with its place and the fix.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise InvalidSetting(explain(error, Settings)) from None
    except SettingsError as error:  # a list or an object that is not JSON
        raise InvalidSetting(explain_syntax(error)) from None
